//! Everything at once for minutes: all namespaces, TCP, DNS and datagrams, a filter, interfaces and namespaces that come and go, and a
//! real Collector that does, too. Memory, descriptors and threads stay as they are, and the balance has every packet.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flow_tests::collector::{Collector, GRPC, attributes, list};
use flow_tests::isolated::Isolated;
use flow_tests::netns::Netns;
use flow_tests::program::{Program, isolated_command};
use flow_tests::topology::{CLIENT, FAR_SERVER, Routed, quiet};
use semconv::attribute;
use serde_json::Value;

const PORT: u16 = 50_080;
/// Beyond the server, which does not forward: nobody answers.
const SINK: &str = "10.78.0.1";
/// Of datagrams, each with a packet or two in an interval.
const FLOWS: u16 = 1000;
/// What the filter leaves out.
const REJECTED: u16 = 50_999;
/// How long the Collector is there, and how long it is away.
const THERE: Duration = Duration::from_secs(75);
const AWAY: Duration = Duration::from_secs(25);
/// Between two looks at the process.
const STEP: Duration = Duration::from_secs(30);

/// What the process takes.
#[derive(Clone, Copy)]
struct Sample {
    anonymous_kib: u64,
    descriptors: usize,
    threads: usize,
}

pub(crate) fn run(minutes: u64) -> Result<()> {
    let time = Duration::from_secs(60 * minutes);
    let (machine, routed) = (quiet("machine")?, Routed::new()?);
    routed.router.ip("route add 10.78.0.0/16 via 10.77.2.2")?;
    let mut command = isolated_command(&["run", "--namespaces", "all", "--interval", "5s", "--community-id"]);
    command.args(["--memory", "128MiB", "--filter", &format!("reject udp port {REJECTED}")]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", GRPC).env("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd");
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "5000");
    let (mut program, isolated) = Program::start_isolated(&machine, command)?;
    for (namespace, name) in
        [(&routed.client, "client"), (&routed.router, "router"), (&routed.server, "server")]
    {
        isolated.show(namespace, name)?;
        program.says(&format!(" in {name}\n"))?;
    }
    let over = AtomicBool::new(false);
    let (samples, came) = std::thread::scope(|scope| -> Result<_> {
        let begin = Instant::now();
        // Whatever ends first, the others do, too.
        let stop = Stop(&over);
        let answering = scope.spawn(|| routed.server.enter(|| answer(&over))?);
        let asking = scope.spawn(|| routed.client.enter(|| ask(&over))?);
        let sending = scope.spawn(|| routed.client.enter(|| send(&over))?);
        let churning = scope.spawn(|| churn(&routed.router, &isolated, &over));
        let receiving = scope.spawn(|| receive(&machine, &over));
        let mut samples = Vec::new();
        while begin.elapsed() < time {
            sleep(STEP);
            let sample = Sample::of(isolated.id())?;
            let Sample { anonymous_kib, descriptors, threads } = sample;
            println!(
                "{:>4} s: {anonymous_kib} KiB of anonymous memory, {descriptors} descriptors, {threads} threads",
                begin.elapsed().as_secs()
            );
            samples.push(sample);
        }
        drop(stop);
        for worker in [asking, sending, churning, answering] {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        let (last, mut came) = receiving.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let ended = program.stop()?;
        came += last.packets()?;
        println!("{}", ended.stderr);
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "the balance does not");
        let [delivered, filtered] = ["delivered", "filtered"].map(|column| ended.total(column));
        let (delivered, filtered) = (delivered?, filtered?);
        println!("{came} packets came; the balance has {delivered} as delivered and {filtered} as filtered");
        // Twice rather than never: an answer may have been lost with a Collector.
        ensure!(came >= delivered && filtered > 0, "{came} packets came of {delivered}");
        Ok((samples, came))
    })?;
    ensure!(came > 0 && samples.len() > 4, "too short");
    // At the beginning the table fills.
    let (early, late) = (&samples[samples.len() / 4..samples.len() / 2], &samples[samples.len() * 3 / 4..]);
    let most = |samples: &[Sample], of: fn(&Sample) -> u64| samples.iter().map(of).max().unwrap_or_default();
    for (what, of) in [
        ("anonymous memory", (|sample| sample.anonymous_kib) as fn(&Sample) -> u64),
        ("descriptors", |sample| sample.descriptors as u64),
        ("threads", |sample| sample.threads as u64),
    ] {
        let (early, late) = (most(early, of), most(late, of));
        println!("most {what}: {early} in the second quarter, {late} in the last");
        ensure!(late <= early + early / 10 + 2, "{what} grow");
    }
    Ok(())
}

/// Ends the work when it is dropped.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sample {
    fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
        let count =
            |what: &str| Ok::<_, std::io::Error>(fs::read_dir(format!("/proc/{process}/{what}"))?.count());
        Ok(Self {
            anonymous_kib: line.trim().trim_end_matches(" kB").parse()?,
            descriptors: count("fd")?,
            threads: count("task")?,
        })
    }
}

/// A Collector, and where it writes.
struct Receiver {
    collector: Collector,
    out: tempfile::TempDir,
}

impl Receiver {
    fn start(machine: &Netns) -> Result<Self> {
        let out = tempfile::tempdir()?;
        Ok(Self { collector: Collector::start(machine, out.path())?, out })
    }

    /// Ends it; gives the packets of all records that it wrote down.
    fn packets(self) -> Result<u64> {
        self.collector.end()?;
        packets(&self.out.path().join("logs.jsonl"))
    }
}

fn packets(file: &Path) -> Result<u64> {
    let mut sum = 0;
    for line in BufReader::new(File::open(file)?).lines() {
        let request: Value = serde_json::from_str(&line?)?;
        for record in list(&request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]) {
            let attributes = attributes(record)?;
            for end in [attribute::SOURCE_PACKETS, attribute::DESTINATION_PACKETS] {
                sum += attributes.get(end.key).and_then(Value::as_u64).unwrap_or_default();
            }
        }
    }
    Ok(sum)
}

/// Collectors, one after the other; gives the last one, and what came to those before.
fn receive(machine: &Netns, over: &AtomicBool) -> Result<(Receiver, u64)> {
    let mut came = 0;
    loop {
        let receiver = Receiver::start(machine)?;
        if wait(THERE, over) {
            return Ok((receiver, came));
        }
        came += receiver.packets()?;
        wait(AWAY, over);
    }
}

/// Whether it was over meanwhile.
fn wait(time: Duration, over: &AtomicBool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < time && !over.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(100));
    }
    over.load(Ordering::Relaxed)
}

/// A server of HTTP, which answers one request of each connection.
fn answer(over: &AtomicBool) -> Result<()> {
    let listener = TcpListener::bind((FAR_SERVER, PORT))?;
    listener.set_nonblocking(true)?;
    while !over.load(Ordering::Relaxed) {
        let Ok((mut stream, _)) = listener.accept() else {
            sleep(Duration::from_millis(2));
            continue;
        };
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        // A client that is not heard may be over.
        let _ = stream.read(&mut [0; 100]);
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    }
    Ok(())
}

/// Connections one after the other.
fn ask(over: &AtomicBool) -> Result<()> {
    let server = SocketAddr::new(FAR_SERVER.parse()?, PORT);
    while !over.load(Ordering::Relaxed) {
        if let Ok(mut stream) = TcpStream::connect_timeout(&server, Duration::from_secs(10)) {
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n")?;
            let _ = stream.read(&mut [0; 100]);
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Datagrams, questions to DNS, and what is left out.
fn send(over: &AtomicBool) -> Result<()> {
    let socket = UdpSocket::bind((CLIENT, 0))?;
    let question =
        [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x04shop\x07example\x00", &[0, 1, 0, 1]].concat();
    while !over.load(Ordering::Relaxed) {
        for flow in 0..FLOWS {
            socket.send_to(&[0; 100], (SINK, 51_000 + flow))?;
            if flow % 20 == 0 {
                // From a port of its own, as resolvers do.
                UdpSocket::bind((CLIENT, 0))?.send_to(&question, (SINK, 53))?;
                socket.send_to(&[0; 100], (SINK, REJECTED))?;
                sleep(Duration::from_millis(50));
            }
        }
    }
    Ok(())
}

/// Interfaces and namespaces that come and go.
fn churn(router: &Netns, isolated: &Isolated, over: &AtomicBool) -> Result<()> {
    let mut number = 0_u32;
    while !over.load(Ordering::Relaxed) {
        number += 1;
        let (interface, peer) = (format!("churn{number}"), format!("peer{number}"));
        router.veth(&interface, &peer)?;
        router.ip(&format!("link set {interface} up"))?;
        sleep(Duration::from_millis(300));
        router.ip(&format!("link del {interface}"))?;
        if number.is_multiple_of(4) {
            let (namespace, name) = (quiet("pod")?, format!("pod{number}"));
            isolated.show(&namespace, &name)?;
            sleep(Duration::from_secs(1));
            isolated.hide(&name)?;
        }
    }
    Ok(())
}
