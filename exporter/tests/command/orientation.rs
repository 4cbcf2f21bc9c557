//! Who began a connection that was there before the program: after a restart its SYN is gone, and the server speaks first.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use semconv::attribute;
use semconv::value::network_flow_initiator_evidence as evidence;
use serde_json::Value;

use crate::program::{Program, command};
use crate::topology::{CLIENT, CLIENT_V6, FAR_SERVER, Pair, Routed, SERVER, SERVER_V6};

/// Of which nothing is known.
const PORT: u16 = 7001;

/// Both ends of a connection.
pub(crate) struct Connection {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
}

impl Connection {
    /// When it returns, the handshake is over.
    pub(crate) fn open(client: &Netns, listener: &TcpListener, address: &str) -> Result<Self> {
        let address = SocketAddr::new(address.parse()?, listener.local_addr()?.port());
        let client = client.enter(|| TcpStream::connect(address))??;
        let (server, _) = listener.accept()?;
        Ok(Self { client, server })
    }

    /// The server speaks.
    pub(crate) fn push(&mut self) -> Result<()> {
        self.server.write_all(&[0; 100])?;
        Ok(self.client.read_exact(&mut [0; 100])?)
    }

    pub(crate) fn port(&self) -> Result<u16> {
        Ok(self.client.local_addr()?.port())
    }
}

pub(crate) fn listen(server: &Netns, address: SocketAddr) -> Result<TcpListener> {
    Ok(server.enter(|| TcpListener::bind(address))??)
}

pub(crate) fn observe(namespace: &Netns) -> Result<Program> {
    Program::start(command(namespace, &["flows", "--format", "json", "--interval", "1h"]))
}

/// The records of a run that is over.
pub(crate) fn records(program: Program) -> Result<Vec<Value>> {
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("who began"), "who listens is not known: {}", ended.stderr);
    ended.records()
}

/// A flow began at this end, as this evidence has it.
pub(crate) fn ensure_source(
    records: &[Value],
    source: (&str, u16),
    destination: &str,
    evidence: &str,
) -> Result<()> {
    let is_of = |record: &&Value| {
        [attribute::SOURCE_PORT, attribute::DESTINATION_PORT].iter().any(|port| record[port.key] == source.1)
    };
    let record = records.iter().find(is_of).with_context(|| format!("none of {source:?}: {records:?}"))?;
    let is_right = record[attribute::SOURCE_ADDRESS.key] == source.0
        && record[attribute::SOURCE_PORT.key] == source.1
        && record[attribute::DESTINATION_ADDRESS.key] == destination
        && record[attribute::NETWORK_FLOW_INITIATOR_EVIDENCE.key] == evidence;
    ensure!(is_right, "not from {source:?} by {evidence}: {record}");
    Ok(())
}

/// The source stays what the SYN said, by the server's listening socket.
pub(crate) fn restart() -> Result<()> {
    let pair = Pair::new()?;
    let listener = listen(&pair.server, (SERVER.parse::<Ipv4Addr>()?, PORT).into())?;
    let program = observe(&pair.server)?;
    let mut connection = Connection::open(&pair.client, &listener, SERVER)?;
    let source = (CLIENT, connection.port()?);
    ensure_source(&records(program)?, source, SERVER, evidence::SYN)?;
    let program = observe(&pair.server)?;
    connection.push()?;
    ensure_source(&records(program)?, source, SERVER, evidence::LISTENING_SOCKET)
}

/// One socket listens at all addresses of both versions of IP.
pub(crate) fn all_addresses() -> Result<()> {
    let pair = Pair::with_ipv6()?;
    let listener = listen(&pair.server, (Ipv6Addr::UNSPECIFIED, PORT).into())?;
    let ends = [(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)];
    let mut connections = Vec::new();
    for (_, server) in ends {
        connections.push(Connection::open(&pair.client, &listener, server)?);
    }
    let program = observe(&pair.server)?;
    connections.iter_mut().try_for_each(Connection::push)?;
    let records = records(program)?;
    for (connection, (client, server)) in connections.iter().zip(ends) {
        ensure_source(&records, (client, connection.port()?), server, evidence::LISTENING_SOCKET)?;
    }
    Ok(())
}

/// A router knows no sockets of others: ports tell, or nothing.
pub(crate) fn through_a_router() -> Result<()> {
    let routed = Routed::new()?;
    let mut connections = Vec::new();
    for port in [443, PORT] {
        let listener = listen(&routed.server, (FAR_SERVER.parse::<Ipv4Addr>()?, port).into())?;
        connections.push(Connection::open(&routed.client, &listener, FAR_SERVER)?);
    }
    // At the same port, but for other addresses.
    let _stranger = listen(&routed.router, (Ipv4Addr::UNSPECIFIED, PORT).into())?;
    let program = observe(&routed.router)?;
    connections.iter_mut().try_for_each(Connection::push)?;
    let records = records(program)?;
    let known = (CLIENT, connections[0].port()?);
    ensure_source(&records, known, FAR_SERVER, evidence::WELL_KNOWN_PORT)?;
    let unknown = &records.iter().find(|record| record[attribute::SOURCE_PORT.key] == PORT);
    let unknown = unknown.with_context(|| format!("the server spoke first: {records:?}"))?;
    let told = &unknown[attribute::NETWORK_FLOW_INITIATOR_EVIDENCE.key];
    ensure!(told == evidence::FIRST_PACKET, "{unknown}");
    Ok(())
}

/// Of which nothing is known either, and no socket of a router's is at it.
const UNKNOWN_PORT: u16 = 50_010;

/// Has the kernel track connections in the namespace.
pub(crate) fn track(namespace: &Netns) -> Result<()> {
    namespace.run(&[
        "nft",
        "add table ip track; add chain ip track forward { type filter hook forward priority 0; }",
    ])?;
    namespace.run(&["nft", "add rule ip track forward ct state established accept"]).map(drop)
}

fn open_unknown(routed: &Routed) -> Result<Connection> {
    let listener = listen(&routed.server, (FAR_SERVER.parse::<Ipv4Addr>()?, UNKNOWN_PORT).into())?;
    Connection::open(&routed.client, &listener, FAR_SERVER)
}

/// What the router's connection tracking saw of a connection that was there before the program.
pub(crate) fn conntrack() -> Result<()> {
    let routed = Routed::new()?;
    track(&routed.router)?;
    let mut connection = open_unknown(&routed)?;
    let program = observe(&routed.router)?;
    connection.push()?;
    let source = (CLIENT, connection.port()?);
    ensure_source(&records(program)?, source, FAR_SERVER, evidence::CONNTRACK)
}

/// Where only the router's own address is seen behind it, the reply tells.
pub(crate) fn conntrack_behind_a_translation() -> Result<()> {
    let routed = Routed::new()?;
    track(&routed.router)?;
    routed.router.run(&[
        "nft",
        "add chain ip track post { type nat hook postrouting priority 100; }; add rule ip track post oifname rs masquerade",
    ])?;
    let mut connection = open_unknown(&routed)?;
    let program = observe(&routed.router)?;
    connection.push()?;
    let behind = connection.server.peer_addr()?;
    let records = records(program)?;
    ensure!(behind.ip().to_string() != CLIENT, "not translated: {behind}");
    for source in [connection.client.local_addr()?, behind] {
        let is_its = |record: &&Value| record[attribute::SOURCE_ADDRESS.key] == source.ip().to_string();
        let record = records.iter().find(is_its).with_context(|| format!("none of {source}: {records:?}"))?;
        let told = &record[attribute::NETWORK_FLOW_INITIATOR_EVIDENCE.key];
        ensure!(
            told == evidence::CONNTRACK && record[attribute::SOURCE_PORT.key] == source.port(),
            "{record}"
        );
    }
    Ok(())
}

/// Connection tracking that began later than the connection saw the server first.
pub(crate) fn conntrack_that_began_late() -> Result<()> {
    let routed = Routed::new()?;
    let mut connection = open_unknown(&routed)?;
    track(&routed.router)?;
    connection.push()?;
    let tracked =
        routed.router.enter(|| std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count"))??;
    ensure!(tracked.trim() == "1", "{tracked} connections tracked");
    let program = observe(&routed.router)?;
    connection.push()?;
    ensure_source(&records(program)?, (FAR_SERVER, UNKNOWN_PORT), CLIENT, evidence::FIRST_PACKET)
}

/// A UDP server whose answer is the first packet that is seen.
pub(crate) fn datagrams() -> Result<()> {
    let pair = Pair::new()?;
    let server = pair.server.enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)))??;
    let client = pair.client.enter(|| UdpSocket::bind((CLIENT, 0)))??;
    client.send_to(&[0; 10], (SERVER, PORT))?;
    let (_, asking) = server.recv_from(&mut [0; 10])?;
    let program = observe(&pair.server)?;
    server.send_to(&[0; 10], asking)?;
    client.recv_from(&mut [0; 10])?;
    ensure_source(&records(program)?, (CLIENT, asking.port()), SERVER, evidence::LISTENING_SOCKET)
}
