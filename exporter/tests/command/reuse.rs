//! Connections of one client's port to one server's, one after the other, faster than the kernel is read.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, SocketAddrV4, TcpStream};

use anyhow::{Result, bail, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, bind, connect, connect_unspec, socket};
use semconv::{attribute, value};
use serde_json::Value;

use crate::connection::{PORT, listen};
use crate::program::{Program, command};
use crate::topology::{CLIENT, Pair, SERVER};

const CONNECTIONS: usize = 20;
/// Of requests and answers.
const BYTES: usize = 100;

/// Each is a flow of its own, with its own packets and its own end.
pub(crate) fn one_after_the_other() -> Result<()> {
    let pair = Pair::new()?;
    let program = flows(&pair)?;
    let listener = listen(&pair.server)?;
    let mut client = TcpStream::from(bound(&pair)?);
    for _ in 0..CONNECTIONS {
        connect(&client, &server(PORT)?)?;
        let (mut accepted, _) = listener.accept()?;
        client.write_all(&[1; BYTES])?;
        accepted.read_exact(&mut [0; BYTES])?;
        accepted.write_all(&[2; BYTES])?;
        client.read_exact(&mut [0; BYTES])?;
        // A reset, which is sent at once, whoever else has the socket.
        connect_unspec(&client)?;
    }
    let records = of_connections(program.stop()?.records()?, CONNECTIONS)?;
    for record in &records {
        // SYN, ACK, request and reset, and SYN-ACK and answer at least; what is acknowledged by itself depends on time.
        let [sent, answered] = [attribute::SOURCE_PACKETS, attribute::DESTINATION_PACKETS]
            .map(|packets| record[packets.key].as_u64().unwrap_or_default());
        ensure!((4..8).contains(&sent) && (2..5).contains(&answered), "{record}");
        ensure!(record[attribute::ERROR_TYPE.key] == value::error_type::RESET, "{record}");
        ensure!(record[attribute::NETWORK_TCP_RTT_HANDSHAKE.key].is_number(), "{record}");
    }
    Ok(())
}

/// So is each attempt that is refused.
pub(crate) fn refused() -> Result<()> {
    let pair = Pair::new()?;
    let program = flows(&pair)?;
    let client = bound(&pair)?;
    for _ in 0..CONNECTIONS {
        let Err(Errno::CONNREFUSED) = connect(&client, &server(PORT)?) else { bail!("somebody listens") };
    }
    for record in of_connections(program.stop()?.records()?, CONNECTIONS)? {
        ensure!(
            record[attribute::SOURCE_PACKETS.key] == 1 && record[attribute::DESTINATION_PACKETS.key] == 1
        );
        ensure!(record[attribute::ERROR_TYPE.key] == value::error_type::REFUSED, "{record}");
    }
    Ok(())
}

/// Records of ends alone.
fn flows(pair: &Pair) -> Result<Program> {
    let options = ["flows", "--interface", "s0", "--format", "json", "--interval", "1h"];
    Program::start(command(&pair.server, &options))
}

/// A client's socket that keeps its port, however often it connects.
fn bound(pair: &Pair) -> Result<rustix::fd::OwnedFd> {
    let client = pair.client.enter(|| socket(AddressFamily::INET, SocketType::STREAM, None))??;
    bind(&client, &SocketAddr::V4(SocketAddrV4::new(CLIENT.parse()?, 50_002)))?;
    Ok(client)
}

fn server(port: u16) -> Result<SocketAddr> {
    Ok(SocketAddr::new(SERVER.parse()?, port))
}

/// A record of each flow, of which there are so many; each begins with the client.
fn of_connections(records: Vec<Value>, expected: usize) -> Result<Vec<Value>> {
    let ids: BTreeSet<String> =
        records.iter().map(|record| record[attribute::NETWORK_FLOW_ID.key].to_string()).collect();
    ensure!(ids.len() == expected, "{} flows of {expected} connections: {records:?}", ids.len());
    ensure!(records.len() == expected, "a flow has more than one record: {records:?}");
    for record in &records {
        ensure!(record[attribute::SOURCE_PORT.key] == 50_002, "{record}");
        ensure!(
            record[attribute::NETWORK_FLOW_END_REASON.key] == value::network_flow_end_reason::END_OF_FLOW,
            "{record}"
        );
    }
    Ok(records)
}
