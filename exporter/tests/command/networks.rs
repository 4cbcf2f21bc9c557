//! Networks that have the same addresses: what is equal in two of them is two flows, and what is joined is one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::isolated::Isolated;
use flow_tests::netns::Netns;
use semconv::attribute;
use serde_json::{Value, json};

use crate::drops::{refuse, refused};
use crate::path::path;
use crate::program::{Ended, Program, isolated_command, printed};
use crate::topology::{CLIENT, Pair, SERVER, quiet};

const CLIENT_PORT: u16 = 50_000;
const PORT: u16 = 50_001;
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);

fn flows(arguments: &[&str]) -> Command {
    isolated_command(&[&["flows", "--namespaces", "all", "--format", "json"], arguments].concat())
}

/// The program in a namespace, which is shown others, each with its name and its interface.
fn observe(machine: &Netns, command: Command, shown: &[(&Netns, &str, &str)]) -> Result<(Program, Isolated)> {
    let (mut program, isolated) = Program::start_isolated(machine, command)?;
    for (namespace, name, interface) in shown {
        isolated.show(namespace, name)?;
        program.says(&format!("attached to {interface} in {name}\n"))?;
    }
    Ok((program, isolated))
}

/// Datagrams of this size, each of which is answered by an equal one.
pub(crate) fn converse(
    (client, address): (&Netns, &str),
    (server, server_address): (&Netns, &str),
    (datagrams, payload): (u64, usize),
) -> Result<()> {
    let answering = server.enter(|| UdpSocket::bind((server_address, PORT)))??;
    let asking = client.enter(|| UdpSocket::bind((address, CLIENT_PORT)))??;
    answering.connect((address, CLIENT_PORT))?;
    asking.connect((server_address, PORT))?;
    let mut buffer = [0; 2000];
    for _ in 0..datagrams {
        asking.send(&buffer[..payload])?;
        answering.recv(&mut buffer)?;
        answering.send(&buffer[..payload])?;
        asking.recv(&mut buffer)?;
    }
    Ok(())
}

fn frame(payload: usize) -> u64 {
    14 + 20 + 8 + payload as u64
}

/// Packets and bytes of both ends of a record are those of such a conversation.
fn ensure_counts(record: &Value, (datagrams, payload): (u64, usize)) -> Result<()> {
    let (packets, bytes) = (json!(datagrams), json!(datagrams * frame(payload)));
    let counts = ["source.packets", "source.bytes", "destination.packets", "destination.bytes"];
    ensure!(counts.map(|key| &record[key]) == [&packets, &bytes, &packets, &bytes], "{record}");
    Ok(())
}

/// The records of two isolated networks, in their order; the flows are told apart.
fn of_pairs(ended: &Ended, pairs: &[Pair; 2]) -> Result<[Value; 2]> {
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let records = ended.records()?;
    ensure!(records.len() == 2, "not one record for each network: {records:?}");
    ensure!(records[0][attribute::NETWORK_FLOW_ID.key] != records[1][attribute::NETWORK_FLOW_ID.key]);
    let mut ordered = Vec::new();
    for pair in pairs {
        let mac = pair.client.mac("c0")?.to_uppercase().replace(':', "-");
        let record = records.iter().find(|record| record[attribute::SOURCE_MAC.key] == mac.as_str());
        let record = record.with_context(|| format!("no flow of {mac}: {records:?}"))?;
        ensure!(record[attribute::SOURCE_ADDRESS.key] == CLIENT, "{record}");
        ordered.push(record.clone());
    }
    ordered.try_into().ok().context("two")
}

fn observe_pairs(machine: &Netns, pairs: &[Pair; 2]) -> Result<Program> {
    let shown = [
        (&pairs[0].client, "client-a", "c0"),
        (&pairs[0].server, "server-a", "s0"),
        (&pairs[1].client, "client-b", "c0"),
        (&pairs[1].server, "server-b", "s0"),
    ];
    Ok(observe(machine, flows(&["--interval", "1h", "--idle-timeout", "1h"]), &shown)?.0)
}

/// Joins namespaces as a [`Pair`] by interfaces that are made elsewhere and moved, as container tools do.
fn join(machine: &Netns, pair: &Pair) -> Result<()> {
    let ends = [(&pair.client, "c0", CLIENT), (&pair.server, "s0", SERVER)];
    machine.veth("c0", "s0")?;
    for (namespace, interface, address) in ends {
        machine.ip(&format!("link set {interface} netns {}", namespace.name()))?;
        namespace.ip(&format!("addr add {address}/24 dev {interface}"))?;
        namespace.ip(&format!("link set {interface} up"))?;
    }
    for ((namespace, interface, _), (peer, of_peer, address)) in ends.into_iter().zip(ends.into_iter().rev())
    {
        let mac = peer.mac(of_peer)?;
        namespace.ip(&format!("neigh replace {address} lladdr {mac} dev {interface} nud permanent"))?;
    }
    Ok(())
}

/// Two networks of the same addresses have the same conversation at the same time. One of them is made while the program runs, in
/// the namespace that it runs in.
pub(crate) fn isolated() -> Result<()> {
    const TALKS: [(u64, usize); 2] = [(300, 58), (500, 700)];
    let machine = quiet("machine")?;
    let pairs = [Pair::new()?, Pair { client: quiet("client")?, server: quiet("server")? }];
    let command = flows(&["--interval", "1h", "--idle-timeout", "1h"]);
    let shown = [(&pairs[0].client, "client-a", "c0"), (&pairs[0].server, "server-a", "s0")];
    let (mut program, isolated) = observe(&machine, command, &shown)?;
    isolated.show(&pairs[1].client, "client-b")?;
    isolated.show(&pairs[1].server, "server-b")?;
    join(&machine, &pairs[1])?;
    program.says("attached to c0 in client-b\n")?;
    program.says("attached to s0 in server-b\n")?;
    std::thread::scope(|scope| {
        let talks = pairs.iter().zip(TALKS).map(|(pair, talk)| {
            scope.spawn(move || converse((&pair.client, CLIENT), (&pair.server, SERVER), talk))
        });
        let talks: Vec<_> = talks.collect();
        talks
            .into_iter()
            .try_for_each(|talk| talk.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let ended = program.stop()?;
    for (record, talk) in of_pairs(&ended, &pairs)?.iter().zip(TALKS) {
        ensure_counts(record, talk)?;
        ensure!(path(record, "interface.name") == json!(["c0", "s0", "s0", "c0"]), "{record}");
        let packets: Vec<u64> = serde_json::from_value(path(record, "packets")).context("packets")?;
        ensure!(packets == [talk.0; 4], "{record}");
    }
    // Each packet passes two hooks, and counts at one of them.
    let talked = 2 * (TALKS[0].0 + TALKS[1].0);
    let totals = (ended.delivered()?, ended.total("path")?);
    ensure!(totals == (talked, talked), "{totals:?}: {}", ended.stderr);
    Ok(())
}

/// Two connections of the same addresses and ports are open before the first of them says anything.
pub(crate) fn first_bytes() -> Result<()> {
    let (machine, pairs) = (quiet("machine")?, [Pair::new()?, Pair::new()?]);
    let program = observe_pairs(&machine, &pairs)?;
    let mut connections = Vec::new();
    for pair in &pairs {
        let listener = pair.server.enter(|| TcpListener::bind((SERVER, PORT)))??;
        let connection = pair.client.enter(|| connect_from(CLIENT_PORT))??;
        let (accepted, _) = listener.accept()?;
        connections.push((connection, accepted));
    }
    for ((connection, accepted), words) in
        connections.iter_mut().zip([&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n"])
    {
        connection.write_all(words)?;
        accepted.read_exact(&mut vec![0; words.len()])?;
    }
    drop(connections);
    let names = of_pairs(&program.stop()?, &pairs)?;
    let names = names.map(|record| record[attribute::NETWORK_PROTOCOL_NAME.key].clone());
    ensure!(names == [json!("http"), json!("ssh")], "{names:?}");
    Ok(())
}

/// The standard library binds no socket that connects.
fn connect_from(port: u16) -> Result<TcpStream> {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &std::net::SocketAddr::new(CLIENT.parse()?, port))?;
    connect(&socket, &std::net::SocketAddr::new(SERVER.parse()?, PORT))?;
    Ok(socket.into())
}

/// What is dropped in one of two networks, of a conversation that both have.
pub(crate) fn drops() -> Result<()> {
    const TALK: (u64, usize) = (20, 10);
    const DROPPED: u64 = 70;
    let (machine, pairs) = (quiet("machine")?, [Pair::new()?, Pair::new()?]);
    refuse(&pairs[1].server, "input", PORT)?;
    let program = observe_pairs(&machine, &pairs)?;
    converse((&pairs[0].client, CLIENT), (&pairs[0].server, SERVER), TALK)?;
    let asking = pairs[1].client.enter(|| UdpSocket::bind((CLIENT, CLIENT_PORT)))??;
    for _ in 0..DROPPED {
        asking.send_to(&[0; TALK.1], (SERVER, PORT))?;
    }
    until("the rule has dropped them", PATIENCE, || Ok(refused(&pairs[1].server)? == DROPPED))?;
    let [whole, cut] = of_pairs(&program.stop()?, &pairs)?;
    ensure_counts(&whole, TALK)?;
    let packets = attribute::NETWORK_FLOW_DROP_PACKETS.key;
    ensure!(whole[packets].is_null(), "{whole}");
    ensure!(cut[packets] == json!([DROPPED]), "{cut}");
    Ok(())
}

/// What several namespaces say to themselves.
pub(crate) fn loopback() -> Result<()> {
    const LOCAL: &str = "127.0.0.1";
    const TALKS: [(u64, usize); 3] = [(20, 10), (30, 20), (40, 30)];
    let namespaces = [quiet("machine")?, quiet("one")?, quiet("other")?];
    let [machine, one, other] = &namespaces;
    // As pods are.
    for (number, pod) in [(1, one), (2, other)] {
        let [port, pod_address] = [1, 2].map(|host| format!("10.77.{number}.{host}/24"));
        machine.connect((&format!("port{number}"), &port), pod, ("eth0", &pod_address))?;
    }
    let shown = [(one, "one", "lo"), (other, "other", "lo")];
    let arguments = ["--interval", "1h", "--idle-timeout", "1h", "--loopback"];
    let (program, _) = observe(machine, flows(&arguments), &shown)?;
    for (namespace, talk) in namespaces.iter().zip(TALKS) {
        converse((namespace, LOCAL), (namespace, LOCAL), talk)?;
    }
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let mut records = ended.records()?;
    records.sort_by_key(|record| record[attribute::SOURCE_PACKETS.key].as_u64());
    ensure!(records.len() == TALKS.len(), "not one record for each namespace: {records:?}");
    for (record, talk) in records.iter().zip(TALKS) {
        ensure_counts(record, talk)?;
        ensure!(path(record, "interface.name") == json!(["lo", "lo", "lo", "lo"]), "{record}");
    }
    Ok(())
}

/// Packets that the client and the other end sent, and how many flows they are.
fn sums(records: &[Value], server: &str) -> (u64, u64, usize) {
    let mut ids = std::collections::BTreeSet::new();
    let (mut there, mut back) = (0, 0);
    for record in records.iter().filter(|record| record[attribute::DESTINATION_ADDRESS.key] == server) {
        ids.insert(record[attribute::NETWORK_FLOW_ID.key].to_string());
        there += record[attribute::SOURCE_PACKETS.key].as_u64().unwrap_or_default();
        back += record[attribute::DESTINATION_PACKETS.key].as_u64().unwrap_or_default();
    }
    (there, back, ids.len())
}

/// A network that was joined with nothing gets a way to the machine, while a flow of it goes on.
pub(crate) fn joined() -> Result<()> {
    const BEFORE: u64 = 40;
    const AFTER: u64 = 30;
    const TO_MACHINE: u64 = 50;
    const MACHINE: &str = "10.77.9.1";
    const WAY_IN: &str = "10.77.9.2";
    let (machine, pair) = (quiet("machine")?, Pair::new()?);
    let Pair { client, server } = &pair;
    // Into a file, because readings wait for whoever reads a pipe.
    let (output, writer) = {
        let file = tempfile::NamedTempFile::new()?;
        (file.reopen()?, file.into_file())
    };
    let mut command = flows(&["--interval", "200ms", "--idle-timeout", "1h"]);
    command.stdout(writer);
    let shown = [(client, "client", "c0"), (server, "server", "s0")];
    let (mut program, _) = observe(&machine, command, &shown)?;
    converse((client, CLIENT), (server, SERVER), (BEFORE, 10))?;
    until("the network's own flow is told", PATIENCE, || {
        Ok(sums(&printed(&output)?, SERVER) == (BEFORE, BEFORE, 1))
    })?;

    machine.veth("m0", "p0")?;
    program.says("attached to m0\n")?;
    machine.ip(&format!("link set p0 netns {}", server.name()))?;
    for (namespace, interface, address) in [(server, "p0", WAY_IN), (&machine, "m0", MACHINE)] {
        namespace.ip(&format!("addr add {address}/24 dev {interface}"))?;
        namespace.ip(&format!("link set {interface} up"))?;
    }
    server.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
    client.ip(&format!("route add 10.77.9.0/24 via {SERVER}"))?;
    machine.ip(&format!("route add 10.77.1.0/24 via {WAY_IN}"))?;
    let macs = (machine.mac("m0")?, server.mac("p0")?);
    server.ip(&format!("neigh replace {MACHINE} lladdr {} dev p0 nud permanent", macs.0))?;
    machine.ip(&format!("neigh replace {WAY_IN} lladdr {} dev m0 nud permanent", macs.1))?;

    converse((client, CLIENT), (server, SERVER), (AFTER, 10))?;
    converse((client, CLIENT), (&machine, MACHINE), (TO_MACHINE, 10))?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    let records = printed(&output)?;
    let expected = (BEFORE + AFTER, BEFORE + AFTER, 1);
    ensure!(sums(&records, SERVER) == expected, "it is another flow after it joined: {records:?}");
    let expected = (TO_MACHINE, TO_MACHINE, 1);
    ensure!(sums(&records, MACHINE) == expected, "what both have seen counts twice: {records:?}");
    Ok(())
}
