//! What the whole program takes with many live flows: anonymous memory, kernel maps, CPU.
//!
//! A router between two hosts; the agent on both of the router's interfaces, so that every packet crosses two hooks. N UDP flows
//! of 100-byte datagrams, round robin, and a host that forgets them. The program prints to /dev/null or exports to a server
//! that counts; its memory is read while all flows are live, from /proc/PID/status and the maps' own accounts.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::fs::{self, File};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::process::{Pid, Signal, kill_process};

/// Flows, packets per second, and bytes of memory that the program is granted.
const LOADS: [(u32, u32, u64); 3] =
    [(1_000, 2_000, 256 << 20), (100_000, 40_000, 256 << 20), (1_000_000, 100_000, 1 << 30)];
const PORTS: u32 = 50_000;

fn main() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "this benchmark needs root, for eBPF and network namespaces"
    );
    println!(
        "{:>9} {:>8} {:>9} {:>12} {:>12} {:>11} {:>8}",
        "flows", "pkt/s", "--memory", "anon. MiB", "maps MiB", "records", "CPU"
    );
    for (flows, rate, memory) in LOADS {
        load(flows, rate, memory)?;
    }
    Ok(())
}

fn load(flows: u32, rate: u32, memory: u64) -> Result<()> {
    let (client, router, server) = (Netns::new("client")?, Netns::new("router")?, Netns::new("server")?);
    client.connect(("c0", "10.77.1.1/24"), &router, ("rc", "10.77.1.254/24"))?;
    server.connect(("s0", "10.77.2.2/24"), &router, ("rs", "10.77.2.254/24"))?;
    router.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
    client.ip("route add default via 10.77.1.254")?;
    // A network behind the server, which does not forward: it takes and forgets.
    router.ip("route add 10.78.0.0/16 via 10.77.2.2")?;

    let output = tempfile::NamedTempFile::new()?;
    let mut program = start(&router, memory, output.reopen()?)?;
    let began = Instant::now();
    // Every flow has a packet in each interval, and all are live when the memory is read.
    let rounds = (u64::from(rate) * 12 / u64::from(flows)).max(3);
    let sent = client.enter(|| send(flows, rate, rounds))??;
    let anonymous = status_kib(&program, "RssAnon:")? << 10;
    let maps = maps_bytes(&program)?;
    ensure!(anonymous + maps <= memory, "{anonymous} and {maps} bytes of {memory} that were granted");
    kill_process(Pid::from_child(&program), Signal::TERM)?;
    let cpu = wait(&mut program)?;
    let (records, packets) = totals(output.path())?;
    ensure!(packets == sent, "{packets} packets in records, {sent} sent");
    println!(
        "{flows:>9} {:>8} {:>5} MiB {:>12.1} {:>12.1} {records:>11} {:>5.1} us",
        sent / began.elapsed().as_secs().max(1),
        memory >> 20,
        mebibytes(anonymous),
        mebibytes(maps),
        cpu.as_secs_f64() * 1e6 / f64::from(u32::try_from(records)?),
    );
    Ok(())
}

fn start(router: &Netns, memory: u64, output: File) -> Result<Child> {
    let program = Command::new("ip")
        .args(["netns", "exec", router.name(), env!("CARGO_BIN_EXE_otel-flow-exporter")])
        .args([
            "flows",
            "--interface",
            "rc,rs",
            "--format",
            "csv",
            "--columns",
            "network.transport,source.packets",
            "--interval",
            "5s",
        ])
        .args(["--memory", &format!("{}MiB", memory >> 20)])
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()?;
    sleep(Duration::from_secs(2));
    Ok(program)
}

/// Datagrams in rounds over all flows, in bursts that keep the rate. Gives how many.
fn send(flows: u32, rate: u32, rounds: u64) -> Result<u64> {
    const BURST: u32 = 100;
    let sockets =
        (0..flows.div_ceil(PORTS)).map(|_| UdpSocket::bind("10.77.1.1:0")).collect::<Result<Vec<_>, _>>()?;
    let pause = Duration::from_secs(1) * BURST / rate;
    let mut next = Instant::now();
    let mut sent = 0;
    for _ in 0..rounds {
        for flow in 0..flows {
            let socket = &sockets[(flow / PORTS) as usize];
            let port = u16::try_from(flow % PORTS + 1).context("fewer than 2^16 ports")?;
            socket.send_to(&[0; 100], ("10.78.0.1", port))?;
            sent += 1;
            if sent % u64::from(BURST) == 0 {
                next += pause;
                sleep(next.saturating_duration_since(Instant::now()));
            }
        }
    }
    Ok(sent)
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn status_kib(program: &Child, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id()))?;
    let line =
        status.lines().find_map(|line| line.strip_prefix(field)).context("a field of /proc/PID/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// What the kernel charges for the maps that the program holds.
fn maps_bytes(program: &Child) -> Result<u64> {
    let mut seen = std::collections::HashMap::new();
    for entry in fs::read_dir(format!("/proc/{}/fdinfo", program.id()))? {
        let info = fs::read_to_string(entry?.path()).unwrap_or_default();
        let field =
            |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        if let (Some(id), Some(bytes)) = (field("map_id:"), field("memlock:")) {
            seen.insert(id, bytes);
        }
    }
    Ok(seen.values().sum())
}

fn wait(program: &mut Child) -> Result<Duration> {
    let before = children_cpu()?;
    program.wait()?;
    Ok(children_cpu()?.saturating_sub(before))
}

/// CPU of the children that have been waited for.
fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let [user, system] =
        [usage.user_time(), usage.system_time()].map(|time| time.num_microseconds().unsigned_abs());
    Ok(Duration::from_micros(user + system))
}

/// Records, and the packets in them.
fn totals(output: &std::path::Path) -> Result<(u64, u64)> {
    let text = fs::read_to_string(output)?;
    // The kernel itself speaks IPv6 to its neighbours.
    let counts = text.lines().filter_map(|line| line.strip_prefix("udp,")?.parse::<u64>().ok());
    Ok(counts.fold((0, 0), |(records, packets), count| (records + 1, packets + count)))
}
