//! The output and those who read it: slowly, no more, or never; and what is said where there is nothing to print.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use serde_json::Value;

use crate::program::{Program, command};
use crate::topology::{CLIENT, Pair, SERVER};

/// As JSON, several times what a pipe and the program keep for a reader.
const FLOWS: u16 = 8000;
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);

fn flows(pair: &Pair, more: &[&str]) -> Command {
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--interval", "200ms"];
    command(&pair.server, &[&arguments, more].concat())
}

/// A datagram in each of many flows. Nobody answers: the server drops what it has no socket for.
fn flood(pair: &Pair) -> Result<()> {
    pair.server.run(&["sysctl", "-qw", "net.ipv4.icmp_ratemask=8", "net.ipv4.icmp_ratelimit=1000000"])?;
    let sending = pair.client.enter(|| UdpSocket::bind((CLIENT, 5000)))??;
    for port in 1..=FLOWS {
        sending.send_to(&[0; 10], (SERVER, port))?;
    }
    Ok(())
}

/// A program whose output is full, with flows that wait for it.
fn stall(pair: &Pair, more: &[&str]) -> Result<Program> {
    let program = Program::start(flows(pair, more))?;
    flood(pair)?;
    sleep(Duration::from_secs(1));
    Ok(program)
}

pub(crate) fn full_device() -> Result<()> {
    let pair = Pair::new()?;
    let mut command = flows(&pair, &[]);
    command.stdout(OpenOptions::new().write(true).open("/dev/full")?);
    let mut program = Program::start(command)?;
    flood(&pair)?;
    program.wait_end()?;
    let ended = program.wait()?;
    ensure!(ended.status.code() == Some(74), "exit {}: {}", ended.status, ended.stderr);
    for words in ["No space left on device", "lost: output", "balances: every packet"] {
        ensure!(ended.stderr.contains(words), "no {words:?} in: {}", ended.stderr);
    }
    ensure!(ended.delivered()? == 0, "delivered to nowhere: {}", ended.stderr);
    Ok(())
}

pub(crate) fn stalled() -> Result<()> {
    let pair = Pair::new()?;
    let mut program = stall(&pair, &["--interface", "late0"])?;
    pair.server.veth("late0", "other0")?;
    program.says("attached to late0")?;
    program.terminate()?;
    program.wait_end()?;
    let ended = program.wait()?;
    ensure!(ended.status.code() == Some(74), "exit {}: {}", ended.status, ended.stderr);
    for words in ["cannot write flows", "lost: output", "balances: every packet"] {
        ensure!(ended.stderr.contains(words), "no {words:?} in: {}", ended.stderr);
    }
    // What is in the pipe, without the line that is cut off.
    let lines = ended.stdout.rsplit_once('\n').context("no line in the pipe")?.0.lines();
    let records: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    let in_pipe: u64 = records.iter().map(packets).sum();
    ensure!(ended.delivered()? == in_pipe, "{in_pipe} packets are in the pipe: {}", ended.stderr);
    Ok(())
}

fn packets(record: &Value) -> u64 {
    ["source.packets", "destination.packets"].map(|key| record[key].as_u64().unwrap_or_default()).iter().sum()
}

pub(crate) fn second_signal() -> Result<()> {
    let pair = Pair::new()?;
    let mut program = stall(&pair, &[])?;
    program.terminate()?;
    sleep(Duration::from_millis(500));
    ensure!(!program.has_ended()?, "it does not wait for the reader");
    // Those that come soon after the first are ignored, however soon that is for the program.
    until("a second signal ends it", Duration::from_secs(20), || {
        program.terminate()?;
        program.has_ended()
    })?;
    let ended = program.wait()?;
    ensure!(ended.status.code() == Some(130), "exit {}: {}", ended.status, ended.stderr);
    Ok(())
}

pub(crate) fn slow() -> Result<()> {
    let pair = Pair::new()?;
    let program = stall(&pair, &[])?;
    // Reading begins after a pause, and goes on after the signal.
    let ended = program.stop()?;
    let packets: u64 = ended.records()?.iter().map(packets).sum();
    ensure!(
        packets >= u64::from(FLOWS) && ended.delivered()? == packets,
        "{packets} packets: {}",
        ended.stderr
    );
    ensure!(!ended.stderr.contains("lost: output"), "{}", ended.stderr);
    Ok(())
}

/// What `run` is for where there is no endpoint: a table of the flows, while they are there.
pub(crate) fn table() -> Result<()> {
    const PORT: u16 = 50_080;
    let pair = Pair::new()?;
    let output = tempfile::NamedTempFile::new()?;
    let mut command = command(&pair.server, &["run"]);
    command.env("COLUMNS", "200").stdout(output.reopen()?);
    let program = Program::start(command)?;
    let listener = pair.server.enter(|| TcpListener::bind((SERVER, PORT)))??;
    let mut near = pair.client.enter(|| TcpStream::connect((SERVER, PORT)))??;
    let (mut far, client) = listener.accept()?;
    near.write_all(b"ping")?;
    far.read_exact(&mut [0; 4])?;
    let row = |line: &str| {
        let has = |word: &str| line.split_whitespace().any(|cell| cell == word);
        has("tcp") && has(&client.to_string()) && has(&format!("{SERVER}:{PORT}"))
    };
    let mut text = String::new();
    until("the connection has a row", PATIENCE, || {
        text = fs::read_to_string(output.path())?;
        Ok(text.lines().any(row))
    })
    .with_context(|| text.clone())?;
    ensure!(program.stop()?.status.success(), "its end");
    Ok(())
}

pub(crate) fn quiet() -> Result<()> {
    let pair = Pair::new()?;
    let mut program = Program::start(flows(&pair, &[]))?;
    program.says("no packets yet; waiting for traffic on s0\n")?;
    ensure!(program.stop()?.status.success(), "an end without packets");
    let mut program = Program::start(command(&pair.server, &["run", "--interface", "none0"]))?;
    program.says("no packets yet; waiting for an interface that is selected\n")?;
    ensure!(program.stop()?.status.success(), "an end without interfaces");
    Ok(())
}

pub(crate) fn late() -> Result<()> {
    let pair = Pair::new()?;
    let mut program = Program::start(command(&pair.server, &["flows", "--interface", "late*"]))?;
    for round in 0..3 {
        pair.server.veth("late0", "other0")?;
        pair.server.veth(&format!("late{}", round + 1), &format!("other{}", round + 1))?;
        program.says(&format!("attached to late{}", round + 1))?;
        pair.server.ip("link del late0")?;
        pair.server.ip(&format!("link del late{}", round + 1))?;
    }
    pair.server.veth("late9", "other9")?;
    program.says("attached to late9")?;
    let ended = program.stop()?;
    ensure!(ended.stderr.matches("attached to late0").count() == 3, "{}", ended.stderr);
    ensure!(ended.stderr.matches("WARN").count() == 1, "one warning that nothing matches: {}", ended.stderr);
    Ok(())
}
