//! Programs of others run beside ours, and what they decide holds.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::Duration;

use abi::Direction;
use anyhow::{Context, Result, ensure};
use exporter::kernel::Method;
use flow_tests::harness::{Test, until};
use flow_tests::topology::{CLIENT, Pair, SERVER};

use crate::agent::{Agent, Settings};
use crate::kernel::Foreign;

pub(crate) const TESTS: &[Test] = &[
    ("a_tcx_program_beside_our_tcx_hook_drops", || drops(Method::Tcx, Method::Tcx)),
    ("a_clsact_filter_beside_our_tcx_hook_drops", || drops(Method::Tcx, Method::Clsact)),
    ("a_tcx_program_beside_our_clsact_filter_drops", || drops(Method::Clsact, Method::Tcx)),
    ("a_clsact_filter_beside_our_clsact_filter_drops", || drops(Method::Clsact, Method::Clsact)),
];

/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);
const PRIORITY: u16 = 7;
/// Frames that are too long for the other program, and how long frames may be.
const DROPPED: u64 = 100;
const LIMIT: i32 = 100;
const LONG: [u8; 200] = [0; 200];
const SHORT: [u8; 5] = [0; 5];

/// What another program drops at either end does not arrive, and the rest does.
fn drops(ours: Method, theirs: Method) -> Result<()> {
    drops_at("s0 ingress", ours, theirs)?;
    drops_at("c0 egress", ours, theirs)
}

/// Whether we count what is dropped says who was first: TCX programs run before clsact filters, and a filter of priority 7 between
/// ours of both directions. At egress the other TCX program comes after ours, where the last one that came is.
fn drops_at(hook: &str, ours: Method, theirs: Method) -> Result<()> {
    let pair = Pair::new()?;
    let (namespace, interface, direction) = match hook {
        "s0 ingress" => (&pair.server, "s0", Direction::Ingress),
        _ => (&pair.client, "c0", Direction::Egress),
    };
    if theirs == Method::Clsact {
        namespace.tc(&format!("qdisc add dev {interface} clsact"))?;
    }
    let mut agent = Agent::start(namespace, Settings::of(ours))?;
    let receiving = pair.server.enter(|| UdpSocket::bind((SERVER, 50_000)))??;
    receiving.set_read_timeout(Some(PATIENCE))?;
    let sending = pair.client.enter(|| UdpSocket::bind((CLIENT, 0)))??;
    sending.connect((SERVER, 50_000))?;
    let mut buffer = [0; LONG.len()];
    sending.send(&LONG)?;
    ensure!(receiving.recv(&mut buffer)? == LONG.len(), "nobody drops yet");
    agent.counts()?;

    let mut foreign = Foreign::load_limit(LIMIT)?;
    match theirs {
        Method::Clsact => foreign.attach_clsact(namespace, interface, direction, PRIORITY)?,
        _ => foreign.attach_tcx(namespace, interface, direction)?,
    }
    for _ in 0..DROPPED {
        sending.send(&LONG)?;
    }
    sending.send(&SHORT)?;
    let arrived = receiving.recv(&mut buffer).with_context(|| format!("nothing arrives: {hook}"))?;
    ensure!(arrived == SHORT.len(), "{arrived} bytes arrived, which were dropped: {hook}");

    let is_seen = ours == Method::Tcx || (theirs == Method::Clsact && direction == Direction::Ingress);
    let expected = if is_seen { DROPPED + 1 } else { 1 };
    let mut counted = 0;
    until("what was sent is counted", PATIENCE, || {
        counted += agent.counts()?.get(hook).copied().unwrap_or_default();
        Ok(counted >= expected)
    })?;
    ensure!(counted == expected, "{counted} at {hook}, not {expected}");
    receiving.set_nonblocking(true)?;
    let more = receiving.recv(&mut buffer);
    ensure!(
        more.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
        "{more:?} arrived: {hook}"
    );
    ensure!(agent.stop()?.is_empty());
    Ok(())
}
