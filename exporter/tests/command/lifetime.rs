//! Interfaces that leave while the program runs, and many of them.

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::program::{Program, command};
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
