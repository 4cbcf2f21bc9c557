//! What the kernel drops, and why: as many packets as those who know count.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use flow_tests::program::Program;
use semconv::{attribute, value};
use serde_json::{Value, json};

use crate::program::command;
use crate::topology::{CLIENT, Pair, SERVER};

/// Of no meaning.
const PORT: u16 = 50_601;
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(2);
/// Bytes of the IPv4 and UDP headers.
const HEADERS: u64 = 28;

/// What crosses the interfaces of a namespace, as records.
fn observe(namespace: &Netns, arguments: &[&str]) -> Result<Program> {
    Program::start(command(
        namespace,
        &[&["flows", "--format", "json", "--interval", "1h"], arguments].concat(),
    ))
}

/// Sends as many datagrams of a length from the client to a port of the server, and gives back where from.
fn send(pair: &Pair, port: u16, datagrams: u64, len: usize) -> Result<UdpSocket> {
    let socket = pair.client.enter(|| UdpSocket::bind((CLIENT, 0)))??;
    for _ in 0..datagrams {
        // What is dropped on its way out is told by an error.
        let _ = socket.send_to(&vec![0; len], (SERVER, port));
    }
    Ok(socket)
}

/// The only record of what a socket sent. Other tests' packets may be dropped at the same time.
fn record<'a>(records: &'a [Value], socket: &UdpSocket) -> Result<&'a Value> {
    let port = socket.local_addr()?.port();
    let mut its = records.iter().filter(|record| record[attribute::SOURCE_PORT.key] == port);
    let record = its.next().with_context(|| format!("no record of port {port}: {records:?}"))?;
    ensure!(its.next().is_none(), "more than one record of port {port}: {records:?}");
    Ok(record)
}

/// That the source's datagrams of a length were dropped, and nothing else.
fn ensure_dropped(record: &Value, reason: &str, packets: u64, len: usize) -> Result<()> {
    let bytes = packets * (HEADERS + len as u64);
    for (attribute, expected) in [
        (attribute::NETWORK_FLOW_DROP_DIRECTION, json!([value::network_flow_direction::FORWARD])),
        (attribute::NETWORK_FLOW_DROP_REASON, json!([reason])),
        (attribute::NETWORK_FLOW_DROP_PACKETS, json!([packets])),
        (attribute::NETWORK_FLOW_DROP_BYTES, json!([bytes])),
    ] {
        ensure!(record[attribute.key] == expected, "{} is not {expected}: {record}", attribute.key);
    }
    Ok(())
}

/// A rule that drops datagrams to a port, and counts them.
pub(crate) fn refuse(namespace: &Netns, hook: &str, port: u16) -> Result<()> {
    let chain = format!("{{ type filter hook {hook} priority 0 ; }}");
    namespace.run(&["nft", "add table inet drops"])?;
    namespace.run(&["nft", &format!("add chain inet drops {hook} {chain}")])?;
    namespace.run(&["nft", &format!("add rule inet drops {hook} udp dport {port} counter drop")]).map(drop)
}

/// Packets that the rule has dropped.
pub(crate) fn refused(namespace: &Netns) -> Result<u64> {
    let rules = namespace.run(&["nft", "list table inet drops"])?;
    let mut words = rules.split_whitespace().skip_while(|word| *word != "packets").skip(1);
    words.next().context("the rule has no counter")?.parse().context("packets are a number")
}

/// A rule of the firewall and no socket: what a hook saw before.
pub(crate) fn seen() -> Result<()> {
    const DATAGRAMS: u64 = 200;
    let pair = Pair::new()?;
    refuse(&pair.server, "input", PORT)?;
    let program = observe(&pair.server, &[])?;
    let socket = send(&pair, PORT, DATAGRAMS, 20)?;
    let other = send(&pair, PORT + 1, 3, 20)?;
    until("the rule has dropped them", PATIENCE, || Ok(refused(&pair.server)? == DATAGRAMS))?;
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let records = ended.records()?;
    let record_of_rule = record(&records, &socket)?;
    ensure_dropped(record_of_rule, "NETFILTER_DROP", DATAGRAMS, 20)?;
    ensure!(record_of_rule[attribute::SOURCE_PACKETS.key] == DATAGRAMS, "{record_of_rule}");
    ensure_dropped(record(&records, &other)?, "NO_SOCKET", 3, 20)
}

/// A socket that nobody reads takes some, and the rest is dropped.
pub(crate) fn full_socket() -> Result<()> {
    const DATAGRAMS: u64 = 500;
    const LEN: usize = 1_000;
    let pair = Pair::new()?;
    let server = pair.server.enter(|| UdpSocket::bind((SERVER, PORT)))??;
    server.set_nonblocking(true)?;
    let program = observe(&pair.server, &[])?;
    let socket = send(&pair, PORT, DATAGRAMS, LEN)?;
    // Sent and received in one: a virtual pair has no queue but that of the socket.
    let counted = || Ok(pair.server.counters("s0")?.received.packets >= DATAGRAMS);
    until("they have arrived", PATIENCE, counted)?;
    let records = program.stop()?.records()?;
    let mut taken = 0;
    loop {
        match server.recv(&mut [0; LEN]) {
            Ok(_) => taken += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    ensure!(taken < DATAGRAMS, "the socket has taken all");
    ensure_dropped(record(&records, &socket)?, "SOCKET_RCVBUFF", DATAGRAMS - taken, LEN)
}

/// What is dropped before a hook sees it has a flow of its own where that is wanted, and none of it counts as seen.
pub(crate) fn unseen() -> Result<()> {
    const DATAGRAMS: u64 = 50;
    let pair = Pair::new()?;
    refuse(&pair.client, "output", PORT)?;
    for (which, is_told) in [("all", true), ("seen", false)] {
        let before = refused(&pair.client)?;
        let program = observe(&pair.client, &["--drops", which])?;
        let socket = send(&pair, PORT, DATAGRAMS, 30)?;
        ensure!(refused(&pair.client)? - before == DATAGRAMS, "{}", refused(&pair.client)?);
        let records = program.stop()?.records()?;
        if !is_told {
            ensure!(record(&records, &socket).is_err(), "{records:?}");
            continue;
        }
        let record = record(&records, &socket)?;
        ensure_dropped(record, "NETFILTER_DROP", DATAGRAMS, 30)?;
        ensure!(record[attribute::SOURCE_ADDRESS.key] == CLIENT, "{record}");
        ensure!(record[attribute::SOURCE_PACKETS.key] == 0, "{record}");
        ensure!(record[attribute::NETWORK_INTERFACE_NAME.key].is_null(), "{record}");
    }
    Ok(())
}

/// What is dropped while the kernel is read, again and again, is told to the packet.
pub(crate) fn readings() -> Result<()> {
    const DATAGRAMS: u64 = 100_000;
    let pair = Pair::new()?;
    refuse(&pair.server, "input", PORT)?;
    // The kernel is read four times in an interval.
    let arguments = ["flows", "--format", "json", "--interval", "80ms"];
    let program = Program::start(command(&pair.server, &arguments))?;
    let socket = send(&pair, PORT, DATAGRAMS, 20)?;
    until("the rule has dropped them", PATIENCE, || Ok(refused(&pair.server)? == DATAGRAMS))?;
    let records = program.stop()?.records()?;
    let port = socket.local_addr()?.port();
    let its = records.iter().filter(|record| record[attribute::SOURCE_PORT.key] == port);
    let told = its.filter_map(|record| record[attribute::NETWORK_FLOW_DROP_PACKETS.key].as_array());
    let told: u64 = told.flatten().filter_map(Value::as_u64).sum();
    ensure!(told == DATAGRAMS, "{told} of {DATAGRAMS}");
    Ok(())
}

/// Without them, nothing is said.
pub(crate) fn off() -> Result<()> {
    let pair = Pair::new()?;
    let program = observe(&pair.server, &["--drops", "none"])?;
    let socket = send(&pair, PORT, 3, 20)?;
    let records = program.stop()?.records()?;
    ensure!(record(&records, &socket)?[attribute::NETWORK_FLOW_DROP_REASON.key].is_null());
    Ok(())
}
