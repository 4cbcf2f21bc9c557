//! Packets that `replay` gets through in a second of CPU, beside an empty program in the same loop of test runs. Needs root;
//! `docs/performance.md` describes the method.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aya::EbpfLoader;
use aya::programs::{ProgramFd, SchedClassifier};
use exporter::kernel::{PacketContext, test_run};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const FRAMES: u32 = 500_000;
const ROUNDS: usize = 7;
/// How many flows the frames are of, in turn.
const LOADS: [u32; 3] = [1, 1_000, 100_000];
/// Ethernet, IPv4 and UDP around a payload: 100 bytes.
const FRAME: u32 = 100;

type Frame = [u8; FRAME as usize];

/// The kernel bench's variants, where `build.rs` could build them.
const OBJECT: Option<&str> = option_env!("EXPORTER_BPF_VARIANTS");
/// Maps of theirs, which nothing here uses.
const MAPS: [&str; 5] = ["YARDSTICK", "SHARED", "PER_CPU", "GENERATION_0", "COUNTS_0"];

fn main() -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "this benchmark needs root, to run kernel programs");
    let empty = empty()?;
    println!(
        "{:>9} {:>16} {:>16} {:>8} {:>13}",
        "flows", "empty, frames/s", "replay, frames/s", "ratio", "of rounds"
    );
    for flows in LOADS {
        load(&empty, flows)?;
    }
    Ok(())
}

fn load(empty: &ProgramFd, flows: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (nothing, all) = (folder.path().join("nothing.pcap"), folder.path().join("all.pcap"));
    fs::write(&nothing, capture([]))?;
    fs::write(&all, capture((0..FRAMES).map(|number| frame(number % flows))))?;
    let (mut of_empty, mut of_replay, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = of_loop(empty, flows)?;
        // Without what starting and loading takes.
        let replayed = of_program(&all, FRAMES)?.saturating_sub(of_program(&nothing, 0)?);
        ratios.push(bare.as_secs_f64() / replayed.as_secs_f64());
        of_empty.push(f64::from(FRAMES) / bare.as_secs_f64());
        of_replay.push(f64::from(FRAMES) / replayed.as_secs_f64());
    }
    let [empty, replay] = [&mut of_empty, &mut of_replay].map(|rates| median(rates));
    let ratio = median(&mut ratios);
    let (least, most) = (ratios[0], ratios[ROUNDS - 1]);
    println!("{flows:>9} {empty:>16.0} {replay:>16.0} {ratio:>8.2} {least:>6.2}-{most:.2}");
    Ok(())
}

/// CPU of the loop alone: a test run of an empty program for each frame, called as the program calls for a whole frame (no context).
fn of_loop(empty: &ProgramFd, flows: u32) -> Result<Duration> {
    let frames: Vec<_> = (0..flows).map(frame).collect();
    let context = PacketContext::default();
    let before = cpu(UsageWho::RUSAGE_THREAD)?;
    for packet in frames.iter().cycle().take(FRAMES as usize) {
        test_run(empty.as_fd(), packet, &context)?;
    }
    Ok(cpu(UsageWho::RUSAGE_THREAD)?.saturating_sub(before))
}

/// CPU of the program from start to end.
fn of_program(file: &Path, frames: u32) -> Result<Duration> {
    let before = cpu(UsageWho::RUSAGE_CHILDREN)?;
    let output = Command::new(env!("CARGO_BIN_EXE_otel-flow-exporter"))
        .arg("replay")
        .arg(file)
        .args(["--format", "csv"])
        .stdout(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains(&format!("{frames} frames: {frames} packets in flows")), "{said}");
    Ok(cpu(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(before))
}

fn cpu(whose: UsageWho) -> Result<Duration> {
    let usage = getrusage(whose)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.try_into()?))
}

/// Sorts them.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn empty() -> Result<ProgramFd> {
    let object = OBJECT.context("this build has no variants: it found no BPF toolchain")?;
    let mut loader = EbpfLoader::new();
    for map in MAPS {
        loader.map_max_entries(map, 1);
    }
    let mut variants = loader.load_file(object).with_context(|| format!("cannot load {object}"))?;
    let program: &mut SchedClassifier =
        variants.program_mut("empty").context("no empty program")?.try_into()?;
    program.load()?;
    Ok(program.fd()?.try_clone()?)
}

/// A datagram of a flow.
fn frame(flow: u32) -> Frame {
    let mut frame = [0; FRAME as usize];
    let [_, high, mid, low] = flow.to_be_bytes();
    frame[12..14].copy_from_slice(&[8, 0]);
    frame[14..34]
        .copy_from_slice(&[0x45, 0, 0, 86, 0, 0, 0, 0, 64, 17, 0, 0, 10, high, mid, low, 10, 255, 0, 1]);
    let ports = [50_000_u16, 50_001, 66].map(u16::to_be_bytes);
    frame[34..40].copy_from_slice(ports.as_flattened());
    frame
}

/// A file of frames, one each microsecond.
fn capture(frames: impl IntoIterator<Item = Frame>) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = words(&[0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 65_535, 1]);
    for (microsecond, frame) in (0..).zip(frames) {
        file.extend(words(&[1_700_000_000 + microsecond / 1_000_000, microsecond % 1_000_000, FRAME, FRAME]));
        file.extend(frame);
    }
    file
}
