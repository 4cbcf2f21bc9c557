//! Flows of known addresses and ports, which nobody answers: one that two CPUs send at once, and what other tools call it.

use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Barrier;

use anyhow::{Context, Result, ensure};
use exporter::flow::Counts;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::json;

use crate::exact::{NOWHERE, towards_nowhere};
use crate::program::{Program, Sums, command, sum};
use crate::topology::{CLIENT, Pair};

const PORTS: [u16; 2] = [50_000, 50_001];
/// Ethernet, IPv4 and UDP around the payload.
const FRAME: u64 = 14 + 20 + 8 + PAYLOAD.len() as u64;
const PAYLOAD: [u8; 20] = [7; 20];

/// One of several sockets of the same port.
fn connected(pair: &Pair) -> Result<UdpSocket> {
    let [port, peer] = PORTS;
    pair.client.enter(|| {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, sockopt::ReusePort, &true)?;
        bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(CLIENT.parse()?, port)))?;
        let socket = UdpSocket::from(socket);
        socket.connect((NOWHERE, peer))?;
        Ok(socket)
    })?
}

/// Two CPUs that the test may use, or one twice.
fn two_cpus_of_this_machine() -> Result<[CpuSet; 2]> {
    let may = sched_getaffinity(None).context("which CPUs there are")?;
    let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| may.is_set(cpu)).collect();
    let (first, last) = all.first().zip(all.last()).context("no CPU")?;
    Ok([*first, *last].map(|cpu| {
        let mut one = CpuSet::new();
        one.set(cpu);
        one
    }))
}

/// What is added to one entry by two CPUs at once may be lost: each has its own.
pub(crate) fn two_cpus() -> Result<()> {
    const EACH: u64 = 1_000_000;
    let pair = Pair::new()?;
    towards_nowhere(&pair)?;
    let arguments = ["flows", "--interface", "c0", "--format", "json", "--interval", "1h"];
    let program = Program::start(command(&pair.client, &arguments))?;
    let begin = Barrier::new(2);
    let send = |cpu: CpuSet| -> Result<()> {
        let socket = connected(&pair).and_then(|socket| {
            sched_setaffinity(None, &cpu)?;
            Ok(socket)
        });
        begin.wait();
        let socket = socket?;
        for _ in 0..EACH {
            socket.send(&PAYLOAD)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads = two_cpus_of_this_machine()?.map(|cpu| scope.spawn(move || send(cpu)));
        threads
            .into_iter()
            .try_for_each(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let ended = program.stop()?;
    let sent = Counts { packets: 2 * EACH, bytes: 2 * EACH * FRAME };
    let sums = sum(&ended.records()?, |_| true);
    ensure!(sums == Sums { source: sent, destination: Counts::default() }, "{sums:?} of {sent:?}");
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    Ok(())
}

/// The IDs are computed by hand as <https://github.com/corelight/community-id-spec> says.
pub(crate) fn community_id() -> Result<()> {
    let pair = Pair::new()?;
    towards_nowhere(&pair)?;
    for (options, id) in [
        (&[][..], json!(null)),
        (&["--community-id"], json!("1:hsMzl/wK+MqWWCMU24f/Ehu6WBA=")),
        (&["--community-id", "--community-id-seed", "1"], json!("1:TLMDQez6YzevcOaBTA/tfIiuMyk=")),
    ] {
        let arguments =
            [&["flows", "--interface", "c0", "--format", "json", "--interval", "1h"], options].concat();
        let program = Program::start(command(&pair.client, &arguments))?;
        connected(&pair)?.send(&PAYLOAD)?;
        let records = program.stop()?.records()?;
        let [record] = &records[..] else { anyhow::bail!("not one record: {records:?}") };
        ensure!(record["network.flow.community_id"] == id, "{options:?}: {record}");
    }
    Ok(())
}
