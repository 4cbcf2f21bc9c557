//! Interfaces that leave while the program runs, and many of them.

use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::program::{Program, command, sum};
use crate::topology::{CLIENT, Pair, quiet};

/// No host has it: whoever sends to it asks for its link-layer address, which is no IP packet.
const NOWHERE: &str = "10.77.1.99:9";
/// Many times the quarter of a second between two readings.
const READINGS: Duration = Duration::from_secs(3);

/// What crossed it stays in the balance, and the place that the interface took is free.
pub(crate) fn interface() -> Result<()> {
    let pair = Pair::new()?;
    let program = Program::start(command(&pair.client, &["flows", "--interface", "c*"]))?;
    let socket = pair.client.enter(|| UdpSocket::bind((CLIENT, 0)))??;
    socket.send_to(&[0; 100], NOWHERE)?;
    std::thread::sleep(Duration::from_millis(500));
    pair.client.ip("link del c0")?;
    std::thread::sleep(READINGS);
    let said = program.stop()?.stderr;
    ensure!(said.contains("interfaces that left") && said.contains("not IP"), "no sum: {said}");
    ensure!(!said.contains("c0 egress"), "a row of what left: {said}");
    ensure!(said.contains("balances"), "no balance: {said}");
    Ok(())
}

/// Each has a descriptor for each direction, and the soft limit that a shell gives is for fewer.
pub(crate) fn many_interfaces() -> Result<()> {
    const PAIRS: usize = 100;
    let namespace = quiet("many")?;
    namespace
        .ip_batch((0..PAIRS).map(|number| format!("link add a{number} type veth peer name b{number}")))?;
    let flows = command(&namespace, &["flows", "--format", "json"]);
    let mut limited = Command::new("prlimit");
    limited.arg("--nofile=128:4096").arg(flows.get_program()).args(flows.get_args());
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let said = Program::start(limited)?.stop()?.stderr;
    ensure!(said.contains(&format!("to {} interfaces", 2 * PAIRS)), "{said}");
    ensure!(!said.contains("WARN"), "{said}");
    Ok(())
}

/// A pod gets another port in the middle of a flow and of an interval, as when a tunnel or a VLAN is made anew: all that passes counts.
pub(crate) fn made_anew() -> Result<()> {
    const EACH: u64 = 20;
    const ROUNDS: u64 = 3;
    let (machine, pod) = (quiet("machine")?, quiet("pod")?);
    let [here, there] = ["10.77.8.1:50000", "10.77.8.2:50001"].map(str::parse::<SocketAddr>);
    let (here, there) = (here?, there?);
    let sending = machine.enter(|| UdpSocket::bind(("0.0.0.0", here.port())))??;
    let answering = pod.enter(|| UdpSocket::bind(("0.0.0.0", there.port())))??;
    let flows = ["flows", "--format", "json", "--interval", "1h", "--idle-timeout", "1h"];
    let mut program: Option<Program> = None;
    for round in 0..ROUNDS {
        let port = format!("p{round}");
        machine.connect((&port, "10.77.8.1/24"), &pod, ("eth0", "10.77.8.2/24"))?;
        if let Some(program) = &mut program {
            program.says(&format!("attached to {port}"))?;
        } else {
            program = Some(Program::start(command(&machine, &flows))?);
        }
        let mut buffer = [0; 50];
        for _ in 0..EACH {
            sending.send_to(&buffer, there)?;
            answering.recv(&mut buffer)?;
            answering.send_to(&buffer, here)?;
            sending.recv(&mut buffer)?;
        }
        if round + 1 < ROUNDS {
            machine.ip(&format!("link del {port}"))?;
        }
    }
    let ended = program.context("no round")?.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let sums = sum(&ended.records()?, |record| record["network.transport"] == "udp");
    let all = ROUNDS * EACH;
    ensure!((sums.source.packets, sums.destination.packets) == (all, all), "{sums:?}: {}", ended.stderr);
    Ok(())
}
