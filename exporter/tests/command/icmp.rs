//! What ICMP errors say of the flow whose packet they quote.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use flow_tests::program::Program;
use semconv::{attribute, value};
use serde_json::{Value, json};

use crate::program::command;
use crate::topology::{CLIENT, CLIENT_V6, FAR_SERVER, Pair, Routed, SERVER, SERVER_V6};

/// Of no meaning.
const PORT: u16 = 50_701;
/// The router at the client's side.
const ROUTER: &str = "10.77.1.254";
/// An address that the router has no way to.
const NOWHERE: &str = "10.77.3.3";
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(2);

fn observe(namespace: &Netns) -> Result<Program> {
    Program::start(command(namespace, &["flows", "--format", "json", "--interval", "1h"]))
}

/// A socket that is told of errors, connected to a port.
fn connected(namespace: &Netns, from: &str, to: &str, port: u16) -> Result<UdpSocket> {
    let socket = namespace.enter(|| UdpSocket::bind((from, 0)))??;
    socket.connect((to, port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Waits until the kernel has had an error for the socket.
fn await_error(socket: &UdpSocket) -> Result<ErrorKind> {
    let error = socket.recv(&mut [0; 1]).err().context("an answer and no error")?;
    ensure!(error.kind() != ErrorKind::WouldBlock, "no error has come");
    Ok(error.kind())
}

/// The record of flows to an address and port.
fn record<'a>(records: &'a [Value], address: &str, port: u16) -> Result<&'a Value> {
    let is_its = |record: &&Value| {
        record[attribute::DESTINATION_ADDRESS.key] == address
            && record[attribute::DESTINATION_PORT.key] == port
    };
    records.iter().find(is_its).with_context(|| format!("no record of {address} {port}: {records:?}"))
}

fn ensure_says(record: &Value, reason: &str, sender: &str) -> Result<()> {
    for (attribute, expected) in [
        (attribute::NETWORK_FLOW_ICMP_ERROR_DIRECTION, json!([value::network_flow_direction::FORWARD])),
        (attribute::NETWORK_FLOW_ICMP_ERROR_REASON, json!([reason])),
        (attribute::NETWORK_FLOW_ICMP_ERROR_ADDRESS, json!([sender])),
    ] {
        ensure!(record[attribute.key] == expected, "{} is not {expected}: {record}", attribute.key);
    }
    Ok(())
}

/// A port without a socket, over both versions of IP. The error is a flow of its own as well.
pub(crate) fn no_port() -> Result<()> {
    let pair = Pair::with_ipv6()?;
    let program = observe(&pair.server)?;
    for (from, to) in [(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)] {
        let socket = connected(&pair.client, from, to, PORT)?;
        socket.send(b"hello")?;
        ensure!(await_error(&socket)? == ErrorKind::ConnectionRefused);
    }
    let records = program.stop()?.records()?;
    for (address, transport) in
        [(SERVER, value::network_transport::ICMP), (SERVER_V6, value::network_transport::ICMPV6)]
    {
        let record = record(&records, address, PORT)?;
        ensure_says(record, "port_unreachable", address)?;
        ensure!(record[attribute::ERROR_TYPE.key].is_null(), "{record}");
        let is_error = |record: &Value| {
            record[attribute::NETWORK_TRANSPORT.key] == transport
                && record[attribute::SOURCE_ADDRESS.key] == address
                && record[attribute::SOURCE_PACKETS.key] == 1
        };
        ensure!(records.iter().any(is_error), "{records:?}");
    }
    Ok(())
}

/// A packet that may not go further than the router, which says so.
pub(crate) fn hop_limit() -> Result<()> {
    let routed = Routed::new()?;
    let program = observe(&routed.client)?;
    let socket = connected(&routed.client, CLIENT, FAR_SERVER, PORT)?;
    socket.set_ttl(1)?;
    socket.send(b"hello")?;
    // The kernel keeps this error from the socket: the router's answer is there when the interface has it.
    let arrived = || Ok(routed.client.counters("c0")?.received.packets > 0);
    flow_tests::harness::until("the router's error has arrived", PATIENCE, arrived)?;
    let records = program.stop()?.records()?;
    ensure_says(record(&records, FAR_SERVER, PORT)?, "hop_limit_exceeded", ROUTER)
}

/// A connection to where the router has no way, and one that is refused: only the first is unreachable.
pub(crate) fn no_route() -> Result<()> {
    let routed = Routed::new()?;
    routed.router.ip(&format!("route add unreachable {NOWHERE}/32"))?;
    let program = observe(&routed.client)?;
    for (address, kind) in [(NOWHERE, ErrorKind::HostUnreachable), (FAR_SERVER, ErrorKind::ConnectionRefused)]
    {
        let to = SocketAddr::new(address.parse()?, PORT);
        let connected = routed.client.enter(|| TcpStream::connect_timeout(&to, PATIENCE))?;
        let error = connected.err().context("there is nobody")?;
        ensure!(error.kind() == kind, "{error}");
    }
    let records = program.stop()?.records()?;
    let unreachable = record(&records, NOWHERE, PORT)?;
    ensure_says(unreachable, "host_unreachable", ROUTER)?;
    ensure!(unreachable[attribute::ERROR_TYPE.key] == value::error_type::HOST_UNREACHABLE, "{unreachable}");
    let refused = record(&records, FAR_SERVER, PORT)?;
    ensure!(refused[attribute::ERROR_TYPE.key] == value::error_type::REFUSED, "{refused}");
    ensure!(refused[attribute::NETWORK_FLOW_ICMP_ERROR_REASON.key].is_null(), "{refused}");
    Ok(())
}
