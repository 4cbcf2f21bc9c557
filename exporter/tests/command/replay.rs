//! A capture and the options that observing has, too.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::program::{Sums, output, sum};
use exporter::flow::Counts;

/// Ethernet, IPv4 and UDP around 18 bytes: 60 in all.
const FRAME: usize = 60;

/// A datagram between hosts 1 and 2 of 10.0.0.0/24, and ports 5000 and 53.
fn datagram(is_answer: bool) -> Vec<u8> {
    let ([from, to], [from_port, to_port]) =
        if is_answer { ([2, 1], [53_u16, 5000]) } else { ([1, 2], [5000, 53]) };
    let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0];
    frame.extend([0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
    for word in [from_port, to_port, 26, 0] {
        frame.extend(word.to_be_bytes());
    }
    frame.resize(FRAME, 7);
    frame
}

/// A file of frames, a second after each other.
fn capture(frames: &[Vec<u8>]) -> Vec<u8> {
    file_of((0..).zip(frames.iter().cloned()))
}

/// A file of frames, each with its second.
fn file_of(frames: impl IntoIterator<Item = (u32, Vec<u8>)>) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 65_535, 1] {
        file.extend(word.to_le_bytes());
    }
    for (second, frame) in frames {
        for word in [1_700_000_000 + second, 500_000, 60, 60] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

fn replay(file: &[u8], more: &[&str]) -> Result<crate::program::Ended> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("flows.pcap");
    fs::write(&path, file)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_otel-flow-exporter"));
    output(command.arg("replay").arg(&path).args(["--format", "json"]).args(more).env_remove("RUST_LOG"))
}

fn assert_flow(records: &[Value]) -> Result<()> {
    let [record] = records else { anyhow::bail!("not one flow: {records:?}") };
    let counts = |packets: u64| Counts { packets, bytes: packets * FRAME as u64 };
    let sums = sum(records, |_| true);
    ensure!(sums == Sums { source: counts(3), destination: counts(1) }, "{record}");
    ensure!(record["source.address"] == "10.0.0.1" && record["destination.port"] == 53, "{record}");
    ensure!(record["network.flow.start_time"] == "2023-11-14T22:13:20.500000000Z", "{record}");
    ensure!(record["network.flow.duration"] == json!(3.0), "{record}");
    Ok(())
}

/// The IDs are computed by hand as <https://github.com/corelight/community-id-spec> says.
pub(crate) fn community_id() -> Result<()> {
    let file = capture(&[datagram(false), datagram(true), datagram(false), datagram(false)]);
    for (options, id) in [
        (&[][..], "1:4sSMKwiLG6ALt16rSG1QjqDtqLk="),
        (&["--community-id-seed", "1"], "1:pEqFuwZPoW+JLkyvs3fiTcuA4C0="),
    ] {
        let records = replay(&file, options)?.records()?;
        assert_flow(&records)?;
        ensure!(records[0]["network.flow.community_id"] == id, "{options:?}: {records:?}");
    }
    Ok(())
}

/// What a rule leaves out is no flow; what it does not, is one as ever.
pub(crate) fn filtered() -> Result<()> {
    let mut frames = vec![datagram(false), datagram(true), datagram(false), datagram(false)];
    let mut other = datagram(false);
    other[36..38].copy_from_slice(&54_u16.to_be_bytes());
    frames.push(other);
    let file = capture(&frames);
    let ended = replay(&file, &["--filter", "reject udp 10.0.0.0/24 port 54"])?;
    assert_flow(&ended.records()?)?;
    ensure!(ended.stderr.contains("5 frames: 4 packets in flows"), "{}", ended.stderr);
    ensure!(ended.stderr.contains(" 1 filtered"), "{}", ended.stderr);
    let ended = replay(&file, &["--filter", "reject"])?;
    ensure!(ended.records()?.is_empty() && ended.stderr.contains(" 5 filtered"), "{}", ended.stderr);
    Ok(())
}

/// A flow that is not among those of a sample is in the last line, and one that is says how many it stands for.
pub(crate) fn sampled() -> Result<()> {
    let frames = vec![datagram(false), datagram(true), datagram(false), datagram(false)];
    let file = capture(&frames);
    // The rule has fixed results: this flow is one in six, and not one in seven.
    for (rate, is_chosen) in [("6", true), ("7", false)] {
        let ended = replay(&file, &["--sample", rate])?;
        let records = ended.records()?;
        ensure!(records.len() == usize::from(is_chosen), "{rate}: {records:?}");
        ensure!(ended.stderr.contains(", 4 sampled out") != is_chosen, "{rate}: {}", ended.stderr);
        if is_chosen {
            assert_flow(&records)?;
        }
    }
    Ok(())
}

/// The maps are made in full size, as those of an interface.
pub(crate) fn too_much_memory() -> Result<()> {
    let ended = replay(&capture(&[]), &["--memory", "1024TiB"])?;
    ensure!(ended.status.code() == Some(78), "{}", ended.status);
    ensure!(ended.stderr.contains("lower --memory"), "{}", ended.stderr);
    Ok(())
}

/// Within one reading there are more flows than the kernel's map has entries, and its last ones are taken by frames that a program is
/// given in one call.
pub(crate) fn more_flows_than_entries() -> Result<()> {
    const FLOWS: u32 = 20_000;
    let frames = (0..FLOWS).flat_map(|number| {
        let mut frame = datagram(false);
        frame[26..30].copy_from_slice(&(10 << 24 | number).to_be_bytes());
        // So that calls begin at any of the frames.
        let mut not_ip = datagram(false);
        not_ip[12..14].copy_from_slice(&[8, 6]);
        std::iter::once(frame).chain((number % 45 == 0).then_some(not_ip))
    });
    let ended = replay(&file_of(frames.map(|frame| (0, frame))), &["--memory", "17MiB"])?;
    ensure!(ended.stderr.contains(&format!(": {FLOWS} packets in flows, ")), "{}", ended.stderr);
    ensure!(ended.stderr.contains(", 0 without endpoints"), "{}", ended.stderr);
    ensure!(sum(&ended.records()?, |_| true).source.packets == u64::from(FLOWS), "{}", ended.stderr);
    Ok(())
}

/// A signal ends the kernel's call in which a program runs on frames, with some of them not counted yet.
pub(crate) fn interrupted() -> Result<()> {
    const FRAMES: u32 = 200_000;
    /// More than a pipe holds: when it is written, frames are being read.
    const BEGINNING: usize = 1 << 20;
    let file = file_of((0..FRAMES).map(|_| (0, datagram(false))));
    let mut command = Command::new(env!("CARGO_BIN_EXE_otel-flow-exporter"));
    command.args(["replay", "-", "--format", "json"]).env_remove("RUST_LOG");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("no input")?;
    input.write_all(&file[..BEGINNING])?;
    let writing = spawn(move || input.write_all(&file[BEGINNING..]));
    let mut signals = 0;
    while child.try_wait()?.is_none() {
        for signal in [Signal::STOP, Signal::CONT] {
            kill_process(Pid::from_child(&child), signal)?;
            sleep(Duration::from_micros(200));
        }
        signals += 1;
    }
    writing.join().map_err(|_| anyhow!("the writer panicked"))??;
    let output = child.wait_with_output()?;
    let (records, said) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure!(output.status.success() && signals > 1, "{signals} signals: {said}");
    let record: Value = serde_json::from_str(&records)?;
    ensure!(record["source.packets"] == json!(FRAMES), "{record}");
    Ok(())
}
