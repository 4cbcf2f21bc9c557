//! Pods and a router between them, each in a network namespace of its own that is hooked: a connection crosses them all and counts
//! once.

use std::net::UdpSocket;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use semconv::attribute;
use serde_json::{Value, json};

use crate::path::{ANSWERED, ASKED, FRAME, exchange, path, record};
use crate::program::{Program, isolated_command};
use crate::topology::{CLIENT, FAR_SERVER, Routed, quiet};

const CLIENT_PORT: u16 = 50_000;
const PORT: u16 = 50_001;

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
