//! Pods and a router between them, each in a network namespace of its own that is hooked: a connection crosses them all and counts
//! once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Seek, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use semconv::attribute;
use semconv::value::{network_flow_end_reason, network_flow_initiator_evidence};
use serde_json::{Value, json};

use crate::path::{ANSWERED, ASKED, FRAME, exchange, path, record};
use crate::program::{Program, Sums, isolated_command, sum};
use crate::topology::{CLIENT, FAR_SERVER, Routed, quiet};

const CLIENT_PORT: u16 = 50_000;
const PORT: u16 = 50_001;
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);

/// `flows` of all network namespaces that it is shown.
pub(crate) fn flows(interval: &str) -> Command {
    isolated_command(&["flows", "--namespaces", "all", "--format", "json", "--interval", interval])
}

/// Shows namespaces, each with its name and what the program says when it has hooked it.
pub(crate) fn observe(
    namespace: &Netns,
    command: Command,
    shown: &[(&Netns, &str, &str)],
) -> Result<Program> {
    let (mut program, isolated) = Program::start_isolated(namespace, command)?;
    for (pod, name, says) in shown {
        isolated.show(pod, name)?;
        program.says(&format!("{says} in {name}\n"))?;
    }
    Ok(program)
}

/// A router that is no machine of the pods, but a pod itself: so both ends of each pair are hooked.
pub(crate) fn observe_chain(machine: &Netns, routed: &Routed, command: Command) -> Result<Program> {
    let Routed { client, router, server } = routed;
    let shown = [
        (client, "client", "attached to c0"),
        (router, "router", "attached to rc, rs"),
        (server, "server", "attached to s0"),
    ];
    observe(machine, command, &shown)
}

pub(crate) fn chain() -> Result<()> {
    let (machine, routed) = (quiet("machine")?, Routed::new()?);
    let program = observe_chain(&machine, &routed, flows("1h"))?;
    let answering = routed.server.enter(|| UdpSocket::bind((FAR_SERVER, PORT)))??;
    let asking = routed.client.enter(|| UdpSocket::bind((CLIENT, CLIENT_PORT)))??;
    exchange(&asking, &answering)?;
    let record = record(&program.stop()?)?;
    ensure!(record[attribute::NETWORK_INTERFACE_NAME.key] == "rc", "{record}");
    let names = ["c0", "rc", "rs", "s0", "s0", "rs", "rc", "c0"];
    ensure!(path(&record, "interface.name") == json!(names), "{record}");
    let directions = ["egress", "ingress"].repeat(4);
    ensure!(path(&record, "interface.direction") == json!(directions), "{record}");
    let packets = [[ASKED; 4], [ANSWERED; 4]].concat();
    ensure!(path(&record, "packets") == json!(packets), "{record}");
    let bytes: Vec<u64> = packets.iter().map(|packets| packets * FRAME).collect();
    ensure!(path(&record, "bytes") == json!(bytes), "{record}");
    let delays: Vec<f64> = serde_json::from_value(path(&record, "delay")).context("delays")?;
    ensure!(delays[..4].is_sorted() && delays[4..].is_sorted(), "a hop before the one before: {record}");
    Ok(())
}

/// Addresses of the second interfaces.
const SECOND: [&str; 2] = ["10.77.3.1", "10.77.3.2"];

/// Each pod a macvlan on the machine's uplink, where what they say to each other comes in again, and does not go out.
fn add_second_interfaces(routed: &Routed) -> Result<()> {
    let Routed { client, router, server } = routed;
    router.veth("uplink", "wire")?;
    for end in ["uplink", "wire"] {
        router.ip(&format!("link set {end} up"))?;
    }
    let pods = [client, server];
    for (pod, address) in pods.into_iter().zip(SECOND) {
        let of_pod = format!("name net1 netns {} type macvlan mode bridge", pod.name());
        router.ip(&format!("link add link uplink {of_pod}"))?;
        pod.ip(&format!("addr add {address}/24 dev net1"))?;
        pod.ip("link set net1 up")?;
    }
    for (pod, (peer, address)) in pods.into_iter().zip([(server, SECOND[1]), (client, SECOND[0])]) {
        pod.ip(&format!("neigh replace {address} lladdr {} dev net1 nud permanent", peer.mac("net1")?))?;
    }
    Ok(())
}

/// On a machine with pods: the first interface is hooked at the machine's end of the pair, the second one inside of the pods.
pub(crate) fn second_interface() -> Result<()> {
    let routed = Routed::new()?;
    add_second_interfaces(&routed)?;
    let shown =
        [(&routed.client, "client", "attached to net1"), (&routed.server, "server", "attached to net1")];
    let program = observe(&routed.router, flows("1h"), &shown)?;
    for [client, server] in [[CLIENT, FAR_SERVER], SECOND] {
        let answering = routed.server.enter(|| UdpSocket::bind((server, PORT)))??;
        let asking = routed.client.enter(|| UdpSocket::bind((client, CLIENT_PORT)))??;
        exchange(&asking, &answering)?;
    }
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let records = ended.records()?;
    ensure!(records.len() == 2, "not one record for each flow: {records:?}");
    for (client, interface, names, directions) in [
        (CLIENT, "rc", &["rc", "rs", "rs", "rc"][..], ["ingress", "egress"].repeat(2)),
        (
            SECOND[0],
            "net1",
            &["net1", "uplink", "net1"].repeat(2),
            ["egress", "ingress", "ingress"].repeat(2),
        ),
    ] {
        let is_its = |record: &&Value| record[attribute::SOURCE_ADDRESS.key] == client;
        let record =
            records.iter().find(is_its).with_context(|| format!("no flow of {client}: {records:?}"))?;
        let counts = [attribute::SOURCE_PACKETS, attribute::DESTINATION_PACKETS].map(|of| &record[of.key]);
        ensure!(counts == [&json!(ASKED), &json!(ANSWERED)], "{record}");
        ensure!(record[attribute::NETWORK_INTERFACE_NAME.key] == interface, "{record}");
        ensure!(path(record, "interface.name") == json!(names), "{record}");
        ensure!(path(record, "interface.direction") == json!(directions), "{record}");
        let packets = [vec![ASKED; names.len() / 2], vec![ANSWERED; names.len() / 2]].concat();
        ensure!(path(record, "packets") == json!(packets), "{record}");
    }
    Ok(())
}

const CONNECTIONS: usize = 1000;
const AT_A_TIME: usize = 50;

/// Asks and is answered some times over a connection that the client ends, so many times.
fn converse(routed: &Routed) -> Result<()> {
    const QUESTION: [u8; 700] = [1; 700];
    const ANSWER: [u8; 300] = [2; 300];
    const TIMES: usize = 8;
    let listener = routed.server.enter(|| TcpListener::bind((FAR_SERVER, PORT)))??;
    let serve = || -> Result<()> {
        for _ in 0..CONNECTIONS / AT_A_TIME {
            let (mut connection, _) = listener.accept()?;
            for _ in 0..TIMES {
                connection.read_exact(&mut [0; QUESTION.len()])?;
                connection.write_all(&ANSWER)?;
            }
            connection.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    };
    let ask = || -> Result<()> {
        routed.client.join()?;
        for _ in 0..CONNECTIONS / AT_A_TIME {
            let mut connection = TcpStream::connect((FAR_SERVER, PORT))?;
            for _ in 0..TIMES {
                connection.write_all(&QUESTION)?;
                connection.read_exact(&mut [0; ANSWER.len()])?;
            }
            connection.shutdown(Shutdown::Write)?;
            connection.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..AT_A_TIME).flat_map(|_| [scope.spawn(serve), scope.spawn(ask)]).collect();
        all.into_iter()
            .try_for_each(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    drop(listener);
    // The last acknowledgement has arrived where the server knows nothing of a connection any more.
    until("all is said", PATIENCE, || {
        let sockets = routed.server.enter(|| std::fs::read_to_string("/proc/thread-self/net/tcp"))??;
        Ok(sockets.lines().count() == 1)
    })?;
    // And what a slow machine made them send again.
    let mut before = None;
    until("nothing moves", PATIENCE, || {
        sleep(Duration::from_millis(200));
        let counters = routed.router.counters("rc")?;
        Ok(before.replace((counters.received, counters.sent)) == Some((counters.received, counters.sent)))
    })
}

pub(crate) fn many_connections() -> Result<()> {
    let (machine, routed) = (quiet("machine")?, Routed::new()?);
    // Into a file, because readings wait for whoever reads a pipe.
    let mut output = tempfile::tempfile()?;
    let mut command = flows("20ms");
    command.stdout(output.try_clone()?);
    let program = observe_chain(&machine, &routed, command)?;
    converse(&routed)?;
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    output.rewind()?;
    let records: Vec<Value> = serde_json::Deserializer::from_reader(BufReader::new(output))
        .into_iter()
        .collect::<Result<_, _>>()?;

    let [near, far] = ["rc", "rs"].map(|interface| routed.router.counters(interface));
    let (near, far) = (near?, far?);
    ensure!(near.received == far.sent && far.received == near.sent, "lost on the way: {near:?}, {far:?}");
    let sums = sum(&records, |_| true);
    ensure!(sums == Sums { source: near.received, destination: far.received }, "{sums:?}: {near:?}, {far:?}");
    let path = ended.total("path")?;
    ensure!(path == 3 * (near.received + far.received).packets, "{path} at other hooks: {}", ended.stderr);
    ensure_oriented(&records)
}

/// One flow for each connection, from the client, that ends once.
fn ensure_oriented(records: &[Value]) -> Result<()> {
    let mut flows: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for record in records {
        let is_oriented = record[attribute::SOURCE_ADDRESS.key] == CLIENT
            && record[attribute::DESTINATION_PORT.key] == PORT
            && record[attribute::NETWORK_FLOW_INITIATOR_EVIDENCE.key] == network_flow_initiator_evidence::SYN;
        ensure!(is_oriented, "another initiator: {record}");
        let port = record[attribute::SOURCE_PORT.key].as_u64().context("a port")?;
        flows.entry(port).or_default().push(record);
    }
    ensure!(flows.len() == CONNECTIONS, "{} connections", flows.len());
    for records in flows.values() {
        let of = |attribute: semconv::Attribute| records.iter().map(move |record| &record[attribute.key]);
        let ids: BTreeSet<_> = of(attribute::NETWORK_FLOW_ID).filter_map(Value::as_str).collect();
        ensure!(ids.len() == 1, "a connection of {} flows: {records:?}", ids.len());
        let ends = of(attribute::NETWORK_FLOW_END_REASON)
            .filter(|reason| **reason != network_flow_end_reason::ACTIVE_TIMEOUT)
            .count();
        ensure!(ends == 1, "a connection that ends {ends} times: {records:?}");
    }
    Ok(())
}
