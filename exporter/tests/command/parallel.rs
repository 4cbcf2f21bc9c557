//! Many connections that are open at once, through a pod, a router and a wire that takes its time, while the kernel is read without a
//! pause: beside what tcpdump and the wire saw of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Barrier;
use std::thread::{Builder, Scope, ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use exporter::flow::Counts;
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use flow_tests::relay::{Exchange, Passage};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{self, Backlog};
use rustix::process::{Pid, Signal, kill_process};
use semconv::attribute;
use semconv::value::{network_flow_end_reason, network_flow_initiator_evidence};
use serde_json::Value;

use crate::connection::at_the_client;
use crate::pods::{flows, observe};
use crate::program::{Ended, Sums, sum};
use crate::timestamps::Middle;
use crate::topology::{CLIENT, FAR_SERVER, quiet};
use crate::tshark::ask_tshark;

const CONNECTIONS: usize = 1000;
const PORT: u16 = 50_001;
/// Of the wire, towards the server.
const WAY: Duration = Duration::from_millis(40);
/// Questions and answers of a connection.
const TIMES: usize = 4;
const QUESTION: [u8; 700] = [1; 700];
const ANSWER: [u8; 300] = [2; 300];
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(2);
/// Bytes of a header that the wire's devices do not have.
const ETHERNET: u64 = 14;
/// Bytes for a thread that does little.
const STACK: usize = 1 << 18;
/// The last packet of a capture says so.
const LAST: &[u8] = b"this is the last packet";

/// A thread beside many others.
fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> Result<T> + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, Result<T>>> {
    Builder::new().stack_size(STACK).spawn_scoped(scope, work).context("a thread")
}

fn join<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// When a connection began to open, and its client's port.
struct Opened {
    begin: Instant,
    port: u16,
}

/// A connection that the client ends. All begin at once, and nothing is said before all are open.
fn ask(client: &Netns, [all_begin, all_are_open]: [&Barrier; 2]) -> Result<Opened> {
    let inside = client.join();
    all_begin.wait();
    let begin = Instant::now();
    let connected = inside.and_then(|()| Ok(TcpStream::connect((FAR_SERVER, PORT))?));
    // Also if it failed, or the others would wait for ever.
    all_are_open.wait();
    let mut connection = connected?;
    for _ in 0..TIMES {
        connection.write_all(&QUESTION)?;
        connection.read_exact(&mut [0; ANSWER.len()])?;
    }
    connection.shutdown(Shutdown::Write)?;
    connection.read_to_end(&mut Vec::new())?;
    Ok(Opened { begin, port: connection.local_addr()?.port() })
}

fn answer(mut connection: TcpStream) -> Result<()> {
    for _ in 0..TIMES {
        connection.read_exact(&mut [0; QUESTION.len()])?;
        connection.write_all(&ANSWER)?;
    }
    connection.read_to_end(&mut Vec::new())?;
    Ok(())
}

/// All connections, to their end.
fn converse([client, server]: &[Netns; 2]) -> Result<Vec<Opened>> {
    let listener = server.enter(|| TcpListener::bind((FAR_SERVER, PORT)))??;
    // All may come before one is taken.
    socket::listen(&listener, Backlog::new(4096)?)?;
    let barriers = [Barrier::new(CONNECTIONS), Barrier::new(CONNECTIONS)];
    let barriers = barriers.each_ref();
    let opened = std::thread::scope(|scope| {
        let accepting = spawn(scope, || {
            let mut answering = Vec::with_capacity(CONNECTIONS);
            while let Ok((connection, _)) = listener.accept() {
                answering.push(spawn(scope, || answer(connection))?);
            }
            answering.into_iter().try_for_each(join)
        })?;
        let asking: Vec<_> =
            (0..CONNECTIONS).map(|_| spawn(scope, move || ask(client, barriers))).collect::<Result<_>>()?;
        let opened: Result<Vec<_>> = asking.into_iter().map(join).collect();
        // Nobody comes any more.
        socket::shutdown(listener.as_raw_fd(), socket::Shutdown::Both)?;
        join(accepting)?;
        opened
    })?;
    drop(listener);
    // The last acknowledgement has arrived where the server knows nothing of a connection any more.
    until("all is said", PATIENCE, || {
        let sockets = server.enter(|| std::fs::read_to_string("/proc/thread-self/net/tcp"))??;
        Ok(sockets.lines().count() == 1)
    })?;
    Ok(opened)
}

/// An independent count.
struct Tcpdump {
    child: Child,
    said: BufReader<ChildStderr>,
}

impl Tcpdump {
    /// Returns when what passes is captured.
    fn start(namespace: &Netns, interface: &str, file: &Path) -> Result<Self> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace.name(), "tcpdump", "-i", interface, "-U", "-Z", "root"]);
        command.args(["-s", "96", "-B", "65536", "-w"]).arg(file).arg(format!("tcp port {PORT} or udp"));
        let mut child = command.stderr(Stdio::piped()).spawn().context("tcpdump")?;
        let said = BufReader::new(child.stderr.take().context("stderr is piped")?);
        let mut tcpdump = Self { child, said };
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            ensure!(tcpdump.said.read_line(&mut line)? > 0, "tcpdump does not begin");
        }
        Ok(tcpdump)
    }

    /// Ends it, and says what there was of each side.
    fn stop(mut self, client: &Netns, file: &Path) -> Result<Sums> {
        // Packets are in the file in their order.
        let socket = client.enter(|| UdpSocket::bind((CLIENT, 0)))??;
        until("the last packet is captured", PATIENCE, || {
            socket.send_to(LAST, (FAR_SERVER, PORT))?;
            let captured = std::fs::read(file)?;
            Ok(captured.windows(LAST.len()).any(|bytes| bytes == LAST))
        })?;
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        let mut said = String::new();
        self.said.read_to_string(&mut said)?;
        ensure!(self.child.wait()?.success() && said.contains("\n0 packets dropped by kernel"), "{said}");
        let mut sums = Sums::default();
        ask_tshark(file, &["-Y", "tcp"], &["ip.src", "frame.len"], |fields| {
            let [Some(from), Some(bytes)] = *fields else { anyhow::bail!("no length") };
            let side = if from == CLIENT { &mut sums.source } else { &mut sums.destination };
            *side += Counts { packets: 1, bytes: bytes.parse()? };
            Ok(())
        })?;
        Ok(sums)
    }
}

impl Drop for Tcpdump {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sockets of both ends, and what the threads open.
fn raise_descriptors() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?)
}

/// Only what is said is to be seen, as it is on a wire, and whatever comes at once finds room.
fn prepare(Middle { ends: [near, far], router, .. }: &Middle) -> Result<()> {
    for namespace in [near, router, far] {
        namespace.run(&["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"])?;
    }
    for (namespace, interface) in [(near, "n0"), (router, "fast")] {
        namespace.run(&["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off"])?;
    }
    for (namespace, interface) in [(router, "slow"), (far, "f0")] {
        namespace.ip(&format!("link set {interface} txqueuelen 20000"))?;
    }
    Ok(())
}

/// What each hook's interface carried since it was there, both ways.
fn carried(middle: &Middle) -> Result<[u64; 4]> {
    let Middle { ends: [near, far], router, .. } = middle;
    let mut packets = [0; 4];
    for (packets, (namespace, interface)) in
        packets.iter_mut().zip([(near, "n0"), (router, "fast"), (router, "slow"), (far, "f0")])
    {
        let counters = namespace.counters(interface)?;
        *packets = counters.received.packets + counters.sent.packets;
    }
    Ok(packets)
}

pub(crate) fn many_connections() -> Result<()> {
    raise_descriptors()?;
    let (machine, middle) = (quiet("machine")?, Middle::new(WAY)?);
    prepare(&middle)?;
    let Middle { ends, router, relay } = &middle;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("router.pcap");
    // Into a file, because readings wait for whoever reads a pipe.
    let mut output = tempfile::tempfile()?;
    let mut command = flows("20ms");
    command.stdout(output.try_clone()?);
    let shown = [
        (&ends[0], "near", "attached to n0"),
        (router, "router", "attached to fast, slow"),
        (&ends[1], "far", "attached to f0"),
    ];
    let program = observe(&machine, command, &shown)?;
    let tcpdump = Tcpdump::start(router, "fast", &file)?;
    let opened = converse(ends)?;
    // And what a slow machine made them send again.
    let mut before = None;
    until("nothing moves", PATIENCE, || {
        sleep(Duration::from_millis(200));
        let now = carried(&middle)?;
        Ok(before.replace(now) == Some(now))
    })?;
    let ended = program.stop()?;
    let captured = tcpdump.stop(&ends[0], &file)?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    output.rewind()?;
    let records: Vec<Value> = serde_json::Deserializer::from_reader(BufReader::new(output))
        .into_iter()
        .collect::<Result<_, _>>()?;
    let mut sums = sum(&records, |_| true);
    // A side whose first record was made before the router's Ethernet interface saw it is accounted for at the wire.
    sums.source.bytes += ETHERNET * delivered(&ended, ["slow egress ", "f0 ingress "])?;
    sums.destination.bytes += ETHERNET * delivered(&ended, ["f0 egress ", "slow ingress "])?;
    ensure!(sums == captured, "{sums:?}, and tcpdump has {captured:?}: {}", ended.stderr);
    let by_port = ensure_oriented(&records)?;
    ensure_timed(&by_port, &opened, &relay.passages())
}

/// Packets that were accounted for at hooks, by the balance.
fn delivered(ended: &Ended, hooks: [&str; 2]) -> Result<u64> {
    let mut rows = ended.stderr.lines().skip_while(|line| !line.starts_with("hook "));
    let cells = |row: &str| -> Vec<String> {
        row.split("  ").map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect()
    };
    let titles = cells(rows.next().context("no balance")?);
    let column = titles.iter().position(|title| title == "delivered").context("nothing was delivered")?;
    rows.filter(|row| hooks.iter().any(|hook| row.starts_with(hook)))
        .map(|row| {
            let cell = cells(row).get(column).cloned().with_context(|| row.to_owned())?;
            Ok(cell.split(' ').next().context("a number of packets")?.parse::<u64>()?)
        })
        .sum()
}

/// One flow for each connection, from the client, that ends once. Its records by the client's port.
fn ensure_oriented(records: &[Value]) -> Result<BTreeMap<u16, Vec<&Value>>> {
    let mut flows: BTreeMap<u16, Vec<&Value>> = BTreeMap::new();
    for record in records {
        let is_oriented = record[attribute::SOURCE_ADDRESS.key] == CLIENT
            && record[attribute::DESTINATION_PORT.key] == PORT
            && record[attribute::NETWORK_FLOW_INITIATOR_EVIDENCE.key] == network_flow_initiator_evidence::SYN;
        ensure!(is_oriented, "another initiator: {record}");
        let port = record[attribute::SOURCE_PORT.key].as_u64().context("a port")?;
        flows.entry(port.try_into()?).or_default().push(record);
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
    Ok(flows)
}

/// Each handshake took what the wire's clock says, and never less than its way.
fn ensure_timed(records: &BTreeMap<u16, Vec<&Value>>, opened: &[Opened], passages: &[Passage]) -> Result<()> {
    let mut by_port: HashMap<u16, Vec<Passage>> = HashMap::new();
    for passage in passages {
        by_port.entry(passage.client_port()).or_default().push(*passage);
    }
    let mut timed = 0;
    for Opened { begin, port } in opened {
        let record = records.get(port).and_then(|records| records.last()).context("no record")?;
        let passages = by_port.get(port).context("nothing passed")?;
        let exchange = Exchange::among(*begin, passages)?;
        at_the_client(&exchange, record, WAY).with_context(|| format!("{record}"))?;
        timed += usize::from(record[attribute::NETWORK_TCP_RTT_SERVER.key].is_number());
    }
    ensure!(timed > 0, "no handshake was timed");
    Ok(())
}
