//! What it costs to ask many network namespaces who began a flow: CPU time, descriptors and memory.
//!
//! Each namespace has an address and a socket that listens at all addresses. The program sees these namespaces and no others of
//! the machine.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use exporter::flow::{Hooks, NetworkId, Tuple, Unopened};
use exporter::kernel::{Opening, Scopes, Stacks};
use flow_tests::isolated;
use flow_tests::netns::Netns;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const NAMESPACES: [u16; 3] = [1, 200, 500];
const PORT: u16 = 50_000;
/// Addresses that are kept: those of 256 MiB.
const MOST: usize = 20_000;
/// Longer than an answer is fresh.
const LONG: Duration = Duration::from_millis(5_100);
/// Told to the process that sees no other namespaces.
const INSIDE: &str = "inside";

fn main() -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "this benchmark needs root, for network namespaces");
    if std::env::args().any(|argument| argument == INSIDE) {
        return measure_all();
    }
    let status = isolated::command().arg(std::env::current_exe()?).arg(INSIDE).status()?;
    ensure!(status.success(), "{status}");
    Ok(())
}

fn measure_all() -> Result<()> {
    println!(
        "{:>10} {:>9} {:>11} {:>8} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "namespaces",
        "found ms",
        "descriptors",
        "at rest",
        "KiB",
        "refresh us",
        "fresh us",
        "entered us",
        "client us",
        "known us"
    );
    let mut pods = Vec::new();
    for namespaces in NAMESPACES {
        while pods.len() < usize::from(namespaces) {
            pods.push(pod(u16::try_from(pods.len())?)?);
        }
        measure(namespaces)?;
    }
    Ok(())
}

fn pod(number: u16) -> Result<(Netns, TcpListener)> {
    let namespace = Netns::new("pod")?;
    namespace.ip("link set lo up")?;
    namespace.ip(&format!("addr add {}/32 dev lo", address(number)))?;
    let listener = namespace.enter(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)))??;
    Ok((namespace, listener))
}

fn address(number: u16) -> Ipv4Addr {
    let [high, low] = number.to_be_bytes();
    Ipv4Addr::new(10, 79, high, low)
}

fn measure(namespaces: u16) -> Result<()> {
    let before = (descriptors()?, anonymous_kib()?);
    let stacks = Arc::new(Mutex::new(Stacks::of(MOST).with_own(0)));
    let (scopes, found) = timed(|| Scopes::find(Arc::clone(&stacks)))?;
    let _scopes = scopes?;
    let opened = descriptors()? - before.0;
    let mut stacks = stacks.lock().unwrap_or_else(PoisonError::into_inner);
    let nowhere = Ipv4Addr::new(192, 0, 2, 1);
    let each: Vec<_> = (0..namespaces).map(|number| flow(nowhere, 50_001, address(number), PORT)).collect();
    let (told, fresh) = timed(|| ask(&mut stacks, &each))?;
    ensure!(told == each.len(), "{told} told");
    let kib = anonymous_kib()?.saturating_sub(before.1);
    let ((), refreshed) = timed(|| stacks.refresh())?;
    sleep(LONG);
    stacks.refresh();
    let at_rest = descriptors()? - before.0;
    let (told, entered) = timed(|| ask(&mut stacks, &each))?;
    ensure!(told == each.len(), "{told} told");
    // Of a server that is known, whose client is in a namespace that is to be asked, or in none.
    let server = address(0);
    let clients =
        |client| (1_000..11_000).map(move |port| flow(client, port, server, PORT)).collect::<Vec<_>>();
    let (local, remote) = (clients(address(namespaces - 1)), clients(nowhere));
    let (told, client) = timed(|| ask(&mut stacks, &local))?;
    ensure!(told == local.len(), "{told} told");
    let (told, known) = timed(|| ask(&mut stacks, &remote))?;
    ensure!(told == remote.len(), "{told} told");
    println!(
        "{namespaces:>10} {:>9.1} {opened:>11} {at_rest:>8} {kib:>8} {:>10.0} {:>10.1} {:>10.1} {:>10.2} {:>10.2}",
        found.as_secs_f64() * 1e3,
        refreshed.as_secs_f64() * 1e6,
        each_us(fresh, &each),
        each_us(entered, &each),
        each_us(client, &local),
        each_us(known, &remote),
    );
    Ok(())
}

/// A TCP connection whose opening was not seen, seen in the agent's own namespace.
fn flow(client: Ipv4Addr, client_port: u16, server: Ipv4Addr, port: u16) -> Unopened {
    let packets = Tuple {
        source: client.to_ipv6_mapped(),
        destination: server.to_ipv6_mapped(),
        source_port: Some(client_port),
        destination_port: Some(port),
        protocol: 6,
        ip_version: 4,
        icmp: None,
    };
    Unopened { packets, network: NetworkId::NODE, may_serve: [true; 2], seen_at: [(0, 1), (0, 1)].into() }
}

/// How many have a server, as after a reading.
fn ask(stacks: &mut Stacks, flows: &[Unopened]) -> usize {
    stacks.refresh();
    let hooks = Hooks::default();
    let is_told = |flow: &&Unopened| match stacks.opening(flow, &hooks) {
        Opening::By(opener) => opener == flow.packets,
        Opening::Unknown | Opening::Later => stacks.server(flow, &hooks) == Some(flow.packets),
    };
    flows.iter().filter(is_told).count()
}

/// The CPU time of all threads: others may use the machine too.
fn timed<T>(work: impl FnOnce() -> T) -> Result<(T, Duration)> {
    let begin = cpu()?;
    let done = work();
    Ok((done, cpu()?.saturating_sub(begin)))
}

fn cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let spent = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(spent.num_microseconds().try_into()?))
}

fn each_us(time: Duration, flows: &[Unopened]) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(u32::try_from(flows.len()).unwrap_or(u32::MAX))
}

fn descriptors() -> Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

fn anonymous_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
