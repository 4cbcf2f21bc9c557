//! Counts against the sender's own, and against the interface counters behind the segmentation.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use abi::protocol;
use anyhow::{Context, Result, ensure};
use exporter::flow::{Counts, Direction, Hooks};
use exporter::kernel::{
    AttachOptions, Attacher, Filter, GracePeriod, InstanceLock, Method, Reader, Selection, Sizes, load,
};
use flow_tests::netns::Netns;
use flow_tests::traffic::{address, stream};
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::Value;

use crate::program::{Program, Sums, command, sum};
use crate::tcpdump::{Captured, Tcpdump};
use crate::topology::{CLIENT, CLIENT_V6, FAR_SERVER, Pair, Routed, SERVER, SERVER_V6};

/// Ethernet, IPv4 and UDP.
pub(crate) const UDP_HEADERS: u64 = 14 + 20 + 8;
const UDP_V6_HEADERS: u64 = 14 + 40 + 8;
/// No host has it: packets to it are seen and answered by nobody.
pub(crate) const NOWHERE: &str = "10.77.1.99";

fn is(transport: &str) -> impl Fn(&Value) -> bool {
    move |record| record["network.transport"] == transport
}

pub(crate) fn udp() -> Result<()> {
    let pair = Pair::new()?;
    exchange(&pair, flows(&pair)?, (CLIENT, SERVER), UDP_HEADERS)
}

pub(crate) fn udp_over_ipv6() -> Result<()> {
    let pair = Pair::with_ipv6()?;
    exchange(&pair, flows(&pair)?, (CLIENT_V6, SERVER_V6), UDP_V6_HEADERS)
}

fn flows(pair: &Pair) -> Result<Program> {
    Program::start(command(&pair.server, &["flows", "--interface", "s0", "--format", "json"]))
}

/// 1000 datagrams of 100 bytes from client to server, 500 of 37 bytes back: the program at `s0` counts them, and warns of nothing.
pub(crate) fn exchange(
    pair: &Pair,
    program: Program,
    (client, server): (&str, &str),
    headers: u64,
) -> Result<()> {
    let answering = pair.server.enter(|| UdpSocket::bind(address(server, 6000)))??;
    let asking = pair.client.enter(|| UdpSocket::bind(address(client, 5000)))??;
    asking.connect(address(server, 6000))?;
    answering.connect(address(client, 5000))?;
    let mut buffer = [0; 200];
    for number in 0..1000 {
        asking.send(&[0; 100])?;
        answering.recv(&mut buffer)?;
        if number % 2 == 0 {
            answering.send(&[0; 37])?;
            asking.recv(&mut buffer)?;
        }
    }
    let ended = program.stop()?;
    let records = ended.records()?;
    let expected = Sums {
        source: Counts { packets: 1000, bytes: 1000 * (headers + 100) },
        destination: Counts { packets: 500, bytes: 500 * (headers + 37) },
    };
    let sums = sum(&records, is("udp"));
    ensure!(sums == expected, "{sums:?}, not {expected:?}");
    for record in records.iter().filter(|record| is("udp")(record)) {
        ensure!(record["source.address"] == client && record["source.port"] == 5000, "source: {record}");
        ensure!(record["destination.port"] == 6000, "destination: {record}");
        ensure!(record["network.interface.name"] == "s0", "interface: {record}");
        ensure!(record["network.interface.direction"] == "ingress", "direction: {record}");
    }
    ensure!(ended.stderr.contains("balances"), "no balance: {}", ended.stderr);
    ensure!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
    Ok(())
}

pub(crate) fn tcp_with_segmentation() -> Result<()> {
    let routed = Routed::new()?;
    // Segments are cut when the router sends, so the server's interface counts frames as they are on a wire. What its own
    // stack sends is cut before its interface as well.
    for (namespace, interface) in [(&routed.router, "rs"), (&routed.server, "s0")] {
        namespace.run(&["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off"])?;
    }
    // A window that the backlog of a virtual interface holds: nothing is dropped between the hook and the counters.
    routed.server.run(&["sysctl", "-qw", "net.ipv4.tcp_rmem=4096 65536 65536"])?;
    let program =
        Program::start(command(&routed.router, &["flows", "--interface", "rc", "--format", "json"]))?;
    let tcpdump = Tcpdump::start(&routed.server, "s0")?;
    stream(&routed.client, &routed.server, FAR_SERVER, 30 << 20)?;
    let records = program.stop()?.records()?;
    let wire = routed.server.counters("s0")?;
    let captured = tcpdump.stop(wire.received.packets + wire.sent.packets)?;
    let sums = sum(&records, is("tcp"));
    ensure!(
        sums.source == wire.received,
        "towards the server {:?}, on the wire {:?}",
        sums.source,
        wire.received
    );
    ensure!(sums.destination == wire.sent, "back {:?}, on the wire {:?}", sums.destination, wire.sent);
    assert_captured(sums, &captured, CLIENT, FAR_SERVER)?;
    let aggregated = routed.router.counters("rc")?;
    ensure!(
        aggregated.received.packets * 4 < wire.received.packets,
        "the stream was not aggregated at the hook"
    );
    Ok(())
}

pub(crate) fn tcp_without_offloads() -> Result<()> {
    let pair = Pair::without_offloads()?;
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--attach", "clsact"];
    let program = Program::start(command(&pair.server, &arguments))?;
    let tcpdump = Tcpdump::start(&pair.server, "s0")?;
    stream(&pair.client, &pair.server, SERVER, 5 << 20)?;
    let sums = sum(&program.stop()?.records()?, is("tcp"));
    let wire = pair.server.counters("s0")?;
    let captured = tcpdump.stop(wire.received.packets + wire.sent.packets)?;
    ensure!(sums == Sums { source: wire.received, destination: wire.sent }, "{sums:?} at the hook");
    assert_captured(sums, &captured, CLIENT, SERVER)
}

/// What each end sent is what tcpdump has of it.
fn assert_captured(sums: Sums, captured: &Captured, source: &str, destination: &str) -> Result<()> {
    let of = |end: &str| anyhow::Ok(captured.get(&end.parse()?).copied().unwrap_or_default());
    let theirs = Sums { source: of(source)?, destination: of(destination)? };
    ensure!(captured.len() == 2 && sums == theirs, "{sums:?}, by tcpdump {captured:?}");
    Ok(())
}

pub(crate) fn one_connection() -> Result<()> {
    let pair = Pair::new()?;
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--interval", "200ms"];
    let program = Program::start(command(&pair.server, &arguments))?;
    let port = stream(&pair.client, &pair.server, SERVER, 1 << 20)?;
    // Two readings: one brings the end of the connection, the next one nothing more.
    std::thread::sleep(Duration::from_secs(1));
    let ended = program.stop()?;
    let records: Vec<_> = ended.records()?.into_iter().filter(|record| is("tcp")(record)).collect();
    let last = records.last().context("no record")?;
    ensure!(last["network.flow.end_reason"] == "end_of_flow", "the end: {last}");
    for (sequence, record) in records.iter().enumerate() {
        ensure!(record["network.flow.id"] == last["network.flow.id"], "another flow: {record}");
        ensure!(record["network.flow.sequence"] == sequence, "sequence {sequence}: {record}");
        ensure!(record["network.flow.initiator.evidence"] == "syn", "evidence: {record}");
        ensure!(record["source.address"] == CLIENT && record["source.port"] == port, "source: {record}");
    }
    let ends = records.iter().filter(|record| record["network.flow.end_reason"] != "active_timeout").count();
    ensure!(ends == 1, "{ends} end records");
    Ok(())
}

pub(crate) fn overflow() -> Result<()> {
    const FLOWS: u16 = 60_000;
    const ROUNDS: u64 = 3;
    const PAYLOAD: [u8; 22] = [0; 22];
    const FRAME: u64 = UDP_HEADERS + PAYLOAD.len() as u64;
    let pair = Pair::new()?;
    towards_nowhere(&pair)?;
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--memory", "24MiB"];
    let program = Program::start(command(&pair.server, &arguments))?;
    let socket = pair.client.enter(|| UdpSocket::bind(address(CLIENT, 5000)))??;
    let before = pair.server.counters("s0")?.received;
    // All of it meets one generation: nothing is read meanwhile.
    program.while_paused(|| {
        for port in (0..ROUNDS).flat_map(|_| 1..=FLOWS) {
            socket.send_to(&PAYLOAD, address(NOWHERE, port))?;
        }
        Ok(())
    })?;
    let after = pair.server.counters("s0")?.received;
    let ended = program.stop()?;
    let records = ended.records()?;
    let flows = sum(&records, is("udp")).source;
    let has_overflowed = |record: &Value| record["network.flow.other.reason"] == "overflow";
    let other = sum(&records, has_overflowed).source;
    ensure!(other.packets > 0, "nothing overflowed: {}", ended.stderr);
    ensure!(other.bytes == other.packets * FRAME, "{other:?} of frames of {FRAME} bytes");
    for record in records.iter().filter(|record| has_overflowed(record)) {
        ensure!(record["network.interface.name"] == "s0", "interface: {record}");
        ensure!(record["network.interface.direction"] == "ingress", "direction: {record}");
        let ends = ["source.address", "source.port", "destination.address", "destination.port"];
        ensure!(ends.iter().all(|end| record[end].is_null()), "an endpoint: {record}");
        ensure!(record["network.transport"].is_null(), "a transport: {record}");
    }
    // Records that the table has no room for are made at once, and nobody reads them yet.
    let unread = ended.total("lost: queue_full")?;
    let sent = (after - before).packets;
    ensure!(
        flows.packets + other.packets + unread == sent,
        "{flows:?} and {other:?} of {sent}: {}",
        ended.stderr
    );
    ensure!(ended.total("lost: overflow")? == other.packets, "{other:?} of {}", ended.stderr);
    ensure!(ended.stderr.contains("balances"), "no balance: {}", ended.stderr);
    Ok(())
}

/// Frames for an address that the server does not have: it takes and forgets them.
pub(crate) fn towards_nowhere(pair: &Pair) -> Result<()> {
    let mac = pair.server.mac("s0")?;
    pair.client.ip(&format!("neigh replace {NOWHERE} lladdr {mac} dev c0 nud permanent")).map(drop)
}

pub(crate) fn ten_million() -> Result<()> {
    under_constant_flips(GracePeriod::probe()?, 2_500_000)
}

/// As a kernel that is booted with `nohz_full` waits.
pub(crate) fn without_membarrier() -> Result<()> {
    under_constant_flips(GracePeriod::map_in_map()?, 250_000)
}

/// Four times so many packets: plain and aggregated datagrams, over both versions of IP, while generations are turned without a
/// pause.
fn under_constant_flips(grace: GracePeriod, each: u64) -> Result<()> {
    const SEGMENT: u64 = 1000;
    let pair = Pair::with_ipv6()?;
    let (hooks, mut reader, attacher) = pair.client.enter(|| hooked(grace))??;
    let done = Arc::new(AtomicBool::new(false));
    let reading = std::thread::spawn({
        let (done, hooks) = (Arc::clone(&done), Arc::clone(&hooks));
        move || -> Result<(Counts, u64, Reader)> {
            let (mut counted, mut readings) = (Counts::default(), 0);
            while !done.load(Ordering::Relaxed) {
                counted += read(&mut reader, &hooks)?;
                readings += 1;
            }
            Ok((counted, readings, reader))
        }
    });
    let mut expected = Counts::default();
    for (client, server, headers) in [(CLIENT, SERVER, UDP_HEADERS), (CLIENT_V6, SERVER_V6, UDP_V6_HEADERS)] {
        let _drained = pair.server.enter(|| drain(server))??;
        std::thread::scope(|scope| -> Result<()> {
            let senders: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| send(&pair.client, client, server, each / 2, 18, None)))
                .collect();
            for sender in senders {
                sender.join().expect("a sender does not panic")?;
            }
            Ok(())
        })?;
        expected += Counts { packets: each, bytes: each * (headers + 18) };
        send(&pair.client, client, server, each / 40, 40 * SEGMENT, Some(SEGMENT))?;
        expected += Counts { packets: each, bytes: each * (headers + SEGMENT) };
    }
    done.store(true, Ordering::Relaxed);
    let (mut counted, readings, mut reader) = reading.join().expect("the reader does not panic")?;
    let stopped = attacher.stop(Duration::from_secs(10));
    ensure!(stopped.left.is_empty(), "{stopped:?}");
    counted += read(&mut reader, &hooks)?;
    ensure!(counted == expected, "{counted:?} of {expected:?} in {readings} readings");
    ensure!(readings > 10, "only {readings} readings");
    Ok(())
}

type Hooked = (Arc<Mutex<Hooks>>, Reader, Attacher);

fn hooked(grace: GracePeriod) -> Result<Hooked> {
    let loaded = load(0, Sizes::of_observations(1024), &Filter::default(), grace)?;
    let hooks = Arc::new(Mutex::new(Hooks::default()));
    let options = AttachOptions {
        instance: InstanceLock::temporary()?,
        scope: 0,
        foreign: None,
        total: None,
        method: Method::Auto,
        selection: Selection { include: vec!["c0".parse()?], ..Selection::default() },
    };
    let (attacher, first_pass) = Attacher::start(options, Arc::new(loaded.programs), Arc::clone(&hooks))?;
    let summary = first_pass.wait();
    ensure!(summary.attached.len() == 1, "{summary:?}");
    Ok((hooks, loaded.reader, attacher))
}

/// What the client sent since the last reading.
fn read(reader: &mut Reader, hooks: &Mutex<Hooks>) -> Result<Counts> {
    let mut counted = Counts::default();
    let mut hooks = hooks.lock().expect("nobody panics with it");
    reader.read(&mut hooks, |hooks, observation| {
        // The kernel itself may speak too, to IPv6 routers and groups.
        let is_ours = observation.tuple.protocol == protocol::UDP;
        if is_ours && hooks.get(observation.hook).direction == Direction::Egress {
            counted += observation.counts;
        }
    })?;
    Ok(counted)
}

/// A socket that takes datagrams of the other end and forgets them, so that nobody answers that there is none.
fn drain(server: &str) -> Result<UdpSocket> {
    Ok(UdpSocket::bind(address(server, 6000))?)
}

fn send(
    namespace: &Netns,
    client: &str,
    server: &str,
    datagrams: u64,
    bytes: u64,
    segment: Option<u64>,
) -> Result<()> {
    let socket = namespace.enter(|| UdpSocket::bind(address(client, 0)))??;
    socket.connect(address(server, 6000))?;
    if let Some(segment) = segment {
        setsockopt(&socket, sockopt::UdpGsoSegment, &i32::try_from(segment)?)?;
    }
    let payload = vec![0; usize::try_from(bytes)?];
    for _ in 0..datagrams {
        socket.send(&payload)?;
    }
    Ok(())
}
