//! Where records say that a real TCP connection stands when it is half open, half closed or reset, and by whom.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};
use semconv::{attribute, value};
use serde_json::Value;

use crate::connection::{PORT, connect, flows, listen};
use crate::topology::Pair;

/// Has the kernel send a RST when it is closed.
fn reset(stream: TcpStream) -> Result<()> {
    setsockopt(&stream, sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 })?;
    drop(stream);
    Ok(())
}

fn ensure_last(records: &[Value], expected: [(semconv::Attribute, Option<&str>); 3]) -> Result<()> {
    let last = records.last().context("no record")?;
    for (attribute, value) in expected {
        ensure!(last[attribute.key].as_str() == value, "{} is not {value:?}: {last}", attribute.key);
    }
    let is_end = |record: &Value| !record[attribute::NETWORK_TCP_RESET_SIDE.key].is_null();
    ensure!(!records[..records.len() - 1].iter().any(is_end), "not only the last: {records:?}");
    Ok(())
}

pub(crate) fn reset_side() -> Result<()> {
    use value::network_tcp_reset_side::{DESTINATION, SOURCE};
    for by_client in [true, false] {
        let pair = Pair::new()?;
        // Each of the ends sees the same.
        let programs = [flows(&pair.client, "c0")?, flows(&pair.server, "s0")?];
        let listener = listen(&pair.server)?;
        let near = connect(&pair.client, PORT)??;
        let (far, _) = listener.accept()?;
        let (one, mut other) = if by_client { (near, far) } else { (far, near) };
        reset(one)?;
        let error = other.read(&mut [0]).err().context("no reset")?;
        ensure!(error.kind() == ErrorKind::ConnectionReset, "{error}");
        for program in programs {
            let side = if by_client { SOURCE } else { DESTINATION };
            ensure_last(
                &program.stop()?.records()?,
                [
                    (attribute::NETWORK_TCP_RESET_SIDE, Some(side)),
                    (attribute::ERROR_TYPE, Some(value::error_type::RESET)),
                    (attribute::NETWORK_CONNECTION_STATE, Some(value::network_connection_state::CLOSED)),
                ],
            )
            .with_context(|| format!("by the client: {by_client}"))?;
        }
    }
    let pair = Pair::new()?;
    let program = flows(&pair.server, "s0")?;
    ensure!(connect(&pair.client, PORT)?.is_err(), "somebody listens");
    ensure_last(
        &program.stop()?.records()?,
        [
            (attribute::NETWORK_TCP_RESET_SIDE, Some(DESTINATION)),
            (attribute::ERROR_TYPE, Some(value::error_type::REFUSED)),
            (attribute::NETWORK_CONNECTION_STATE, Some(value::network_connection_state::CLOSED)),
        ],
    )
}

/// What the last record says of a connection of which one end has closed its side.
pub(crate) fn half_closed() -> Result<()> {
    use value::network_connection_state::{CLOSE_WAIT, FIN_WAIT_1};
    for (by_client, state) in [(true, FIN_WAIT_1), (false, CLOSE_WAIT)] {
        let pair = Pair::new()?;
        let program = flows(&pair.server, "s0")?;
        let listener = listen(&pair.server)?;
        let near = connect(&pair.client, PORT)??;
        let (far, _) = listener.accept()?;
        let (mut closing, mut other) = if by_client { (&near, &far) } else { (&far, &near) };
        closing.shutdown(Shutdown::Write)?;
        ensure!(other.read(&mut [0])? == 0, "something came");
        // The other one still sends.
        other.write_all(b"x")?;
        closing.read_exact(&mut [0])?;
        ensure_last(
            &program.stop()?.records()?,
            [
                (attribute::NETWORK_CONNECTION_STATE, Some(state)),
                (attribute::ERROR_TYPE, None),
                (attribute::NETWORK_TCP_RESET_SIDE, None),
            ],
        )
        .with_context(|| format!("by the client: {by_client}"))?;
    }
    Ok(())
}

/// Drops TCP segments with these flags, of SYN and ACK, before they leave the namespace.
fn keep_back(namespace: &Netns, flags: &str) -> Result<()> {
    for words in [
        &["add", "table", "inet", "kept"][..],
        &["add", "chain", "inet", "kept", "out", "{ type filter hook output priority 0; }"],
        &["add", "rule", "inet", "kept", "out", "tcp", "flags", "&", "(syn|ack)", "==", flags, "drop"],
    ] {
        namespace.run(&[&["nft"], words].concat())?;
    }
    Ok(())
}

/// A SYN that is answered, and an answer that is not.
pub(crate) fn half_open() -> Result<()> {
    let pair = Pair::new()?;
    keep_back(&pair.client, "ack")?;
    let program = flows(&pair.server, "s0")?;
    let _listener = listen(&pair.server)?;
    // For the client it is open.
    let _stream = connect(&pair.client, PORT)??;
    let records = program.stop()?.records()?;
    ensure_last(
        &records,
        [
            (attribute::NETWORK_CONNECTION_STATE, Some(value::network_connection_state::SYN_RECEIVED)),
            (attribute::ERROR_TYPE, None),
            (attribute::NETWORK_TCP_RESET_SIDE, None),
        ],
    )?;
    Ok(())
}
