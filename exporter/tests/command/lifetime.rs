//! Interfaces that leave while the program runs.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::program::{Program, command};
use crate::topology::{CLIENT, Pair};

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
