//! Who began a connection that was there before the program, where those who know are in other network namespaces: pods.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use anyhow::{Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use semconv::attribute;
use semconv::value::network_flow_initiator_evidence as evidence;
use serde_json::Value;

use crate::orientation::{Connection, ensure_source, listen, records, track};
use crate::pods::{flows, observe, observe_chain};
use crate::program::{Program, isolated_command, printed};
use crate::topology::{CLIENT, FAR_SERVER, Routed, quiet};

/// Of which nothing is known.
const PORT: u16 = 50_020;
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);

/// A pod is hooked at the machine's end of its pair. When this interface of its own is hooked, the pod is known.
const ANNOUNCED: &str = "n0";

fn announce(pod: &Netns) -> Result<()> {
    // Of a pair the peer comes first.
    pod.veth(ANNOUNCED, "n1")
}

/// A connection between two pods of a machine: its server listens at all addresses.
fn connected(routed: &Routed) -> Result<(Connection, impl Sized)> {
    let listener = listen(&routed.server, (Ipv4Addr::UNSPECIFIED, PORT).into())?;
    Ok((Connection::open(&routed.client, &listener, FAR_SERVER)?, listener))
}

/// The program comes when the connection is there, and sees some pods of the machine.
fn restarted(routed: &Routed, pods: &[(&Netns, &str)]) -> Result<Program> {
    pods.iter().try_for_each(|(pod, _)| announce(pod))?;
    let shown: Vec<_> = pods.iter().map(|(pod, name)| (*pod, *name, ANNOUNCED)).collect();
    observe(&routed.router, flows("1h"), &shown)
}

/// The server is a pod, and so is the client, or it is not.
pub(crate) fn listening_pod() -> Result<()> {
    for shown in [1, 2] {
        let routed = Routed::new()?;
        let (mut connection, _listener) = connected(&routed)?;
        let pods = [(&routed.server, "server"), (&routed.client, "client")];
        let program = restarted(&routed, &pods[..shown])?;
        connection.push()?;
        let source = (CLIENT, connection.port()?);
        ensure_source(&records(program)?, source, FAR_SERVER, evidence::LISTENING_SOCKET)?;
    }
    Ok(())
}

/// Who serves is not seen, but for a socket at the same port of another pod.
pub(crate) fn other_pod() -> Result<()> {
    let routed = Routed::new()?;
    let (mut connection, _listener) = connected(&routed)?;
    let stranger = quiet("stranger")?;
    let _at_the_same_port = listen(&stranger, (Ipv4Addr::UNSPECIFIED, PORT).into())?;
    let program = restarted(&routed, &[(&stranger, "stranger"), (&routed.client, "client")])?;
    connection.push()?;
    ensure_source(&records(program)?, (FAR_SERVER, PORT), CLIENT, evidence::FIRST_PACKET)
}

/// Two pods have the server's address, and only one of them listens. Where the other is in another network, it is not meant.
pub(crate) fn same_address() -> Result<()> {
    for is_joined in [true, false] {
        let routed = Routed::new()?;
        let (mut connection, _listener) = connected(&routed)?;
        let twin = quiet("twin")?;
        twin.ip(&format!("addr add {FAR_SERVER}/32 dev lo"))?;
        if is_joined {
            routed.router.connect(("rt", "10.77.3.254/24"), &twin, ("t0", "10.77.3.2/24"))?;
        }
        let program = restarted(&routed, &[(&routed.server, "server"), (&twin, "twin")])?;
        connection.push()?;
        let client = (CLIENT, connection.port()?);
        let records = records(program)?;
        if is_joined {
            ensure_source(&records, (FAR_SERVER, PORT), CLIENT, evidence::FIRST_PACKET)?;
        } else {
            ensure_source(&records, client, FAR_SERVER, evidence::LISTENING_SOCKET)?;
        }
    }
    Ok(())
}

/// An address comes when the program runs.
pub(crate) fn late_address() -> Result<()> {
    const LATE: &str = "10.77.2.3";
    let routed = Routed::new()?;
    let program = restarted(&routed, &[(&routed.server, "server")])?;
    routed.server.ip(&format!("addr add {LATE}/32 dev s0"))?;
    routed.router.ip(&format!("route add {LATE}/32 via {FAR_SERVER}"))?;
    let answering = routed.server.enter(|| UdpSocket::bind((LATE, 7001)))??;
    let asking = routed.client.enter(|| UdpSocket::bind((CLIENT, PORT)))??;
    asking.connect((LATE, 7001))?;
    // Not the first that is seen: it is of the other side.
    answering.send_to(&[0; 10], (CLIENT, PORT))?;
    asking.recv(&mut [0; 10])?;
    ensure_source(&records(program)?, (CLIENT, PORT), LATE, evidence::LISTENING_SOCKET)
}

/// The pods and what is between them are no machine's: each is hooked.
pub(crate) fn chain() -> Result<()> {
    let (machine, routed) = (quiet("machine")?, Routed::new()?);
    let (mut connection, _listener) = connected(&routed)?;
    let program = observe_chain(&machine, &routed, flows("1h"))?;
    connection.push()?;
    let source = (CLIENT, connection.port()?);
    ensure_source(&records(program)?, source, FAR_SERVER, evidence::LISTENING_SOCKET)
}

/// A router that is not the machine's tracks connections.
pub(crate) fn tracking_router() -> Result<()> {
    let (machine, routed) = (quiet("machine")?, Routed::new()?);
    track(&routed.router)?;
    let (mut connection, _listener) = connected(&routed)?;
    let program = observe(&machine, flows("1h"), &[(&routed.router, "router", "attached to rc, rs")])?;
    connection.push()?;
    let source = (CLIENT, connection.port()?);
    ensure_source(&records(program)?, source, FAR_SERVER, evidence::CONNTRACK)
}

/// What a process holds.
struct Held {
    descriptors: usize,
    threads: usize,
}

fn held(process: u32) -> Result<Held> {
    let count = |what| fs::read_dir(format!("/proc/{process}/{what}")).map(Iterator::count);
    Ok(Held { descriptors: count("fd")?, threads: count("task")? })
}

/// A pod beside others, with a server.
struct Pod {
    namespace: Netns,
    addresses: [String; 2],
    server: UdpSocket,
}

impl Pod {
    fn new(machine: &Netns, number: usize) -> Result<Self> {
        let namespace = quiet("pod")?;
        let addresses = [1, 2].map(|end| format!("10.78.{number}.{end}"));
        let [here, there] = addresses.each_ref().map(|address| format!("{address}/24"));
        machine.connect((&format!("m{number}"), &here), &namespace, ("p0", &there))?;
        let server = namespace.enter(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 7001)))??;
        Ok(Self { namespace, addresses, server })
    }

    /// The machine speaks to the server.
    fn speak(&self, machine: &Netns) -> Result<()> {
        let [here, there] = self.addresses.each_ref().map(String::as_str);
        let client = machine.enter(|| UdpSocket::bind((here, PORT)))??;
        client.send_to(&[0; 10], (there, 7001))?;
        Ok(self.server.recv_from(&mut [0; 10]).map(drop)?)
    }
}

/// Pods come and go while their sockets are asked for.
pub(crate) fn come_and_go() -> Result<()> {
    const PODS: usize = 100;
    /// The descriptors of programs that are loaded for the next pod, and may not be there yet when the first is gone.
    const SPARE: usize = 5;
    let machine = quiet("machine")?;
    machine.veth("up", "wire")?;
    let mut command =
        isolated_command(&["flows", "--namespaces", "all", "--format", "json", "--interval", "40ms"]);
    command.env("RUST_LOG", "info,exporter::kernel::namespaces=debug");
    // Into a file, because readings wait for whoever reads a pipe.
    let output = tempfile::tempfile()?;
    command.stdout(output.try_clone()?);
    let (mut program, isolated) = Program::start_isolated(&machine, command)?;
    let process = isolated.id();
    let mut come = |number: usize| {
        let pod = Pod::new(&machine, number)?;
        let name = format!("pod-{number}");
        isolated.show(&pod.namespace, &name)?;
        program.says(&format!("the network namespace {name} is there\n"))?;
        pod.speak(&machine)?;
        Ok::<_, anyhow::Error>((pod, name))
    };
    let go = |(pod, name): (Pod, String)| {
        drop(pod);
        isolated.hide(&name)
    };
    let all_are_gone = || Ok(!machine.ip("-br link")?.contains('m'));
    go(come(0)?)?;
    until("the first pod is gone", PATIENCE, all_are_gone)?;
    let before = held(process)?;
    for number in 1..=PODS {
        go(come(number)?)?;
    }
    until("all pods are gone", PATIENCE, all_are_gone)?;
    until("nothing of them is held", PATIENCE, || {
        let now = held(process)?;
        Ok(now.descriptors <= before.descriptors + SPARE && now.threads <= before.threads)
    })?;
    let (last, _) = come(PODS + 1)?;
    let [here, there] = &last.addresses;
    let ends = [attribute::SOURCE_ADDRESS, attribute::DESTINATION_ADDRESS];
    let its = |mut records: Vec<Value>| {
        records.retain(|record| ends.iter().any(|end| record[end.key] == *there));
        records
    };
    // The machine's end of its pair may be hooked a moment after the namespace is known.
    until("the last pod is seen", PATIENCE, || {
        Ok(last.speak(&machine).is_ok() && !its(printed(&output)?).is_empty())
    })?;
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances") && !ended.stderr.contains("who began"), "{}", ended.stderr);
    let records = its(printed(&output)?);
    ensure_source(&records, (here, PORT), there, evidence::LISTENING_SOCKET)
}
