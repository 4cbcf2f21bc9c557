//! What a record costs on its way to a receiver, in rounds of the agent and of the SDK.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::agent::{Ended, Process, agent};
use crate::lab::Lab;
use crate::sink::Counted;

const FLOWS: u32 = 100_000;
const RATE: u32 = 40_000;
const TIME: Duration = Duration::from_secs(30);

/// What is measured, and how requests are compressed.
const WAYS: [(&str, &str); 6] = [
    ("agent", "none"),
    ("agent", "zstd"),
    ("counting", "none"),
    ("counting", "zstd"),
    ("SDK", "none"),
    ("SDK", "zstd"),
];

/// The agent that counts alone: what else it can tell of a flow is off.
const COUNTING: [&str; 4] = ["--tcp-quality=false", "--facts=false", "--path=false", "--drops=none"];

struct Round {
    sent: u64,
    ended: Ended,
    counted: Counted,
}

/// Runs each way in each round, and prints medians.
pub(crate) fn run(rounds: usize) -> Result<()> {
    println!(
        "{FLOWS} flows, {RATE} packets/s for {} s, two hooks, 5 s; medians of {rounds} rounds",
        TIME.as_secs()
    );
    let mut results = [const { Vec::new() }; WAYS.len()];
    for _ in 0..rounds {
        for ((way, compression), results) in WAYS.iter().zip(&mut results) {
            results.push(match *way {
                "agent" => of_agent(compression, &[])?,
                "counting" => of_agent(compression, &COUNTING)?,
                _ => of_sdk(compression)?,
            });
        }
    }
    println!(
        "{:<14} {:>9} {:>17} {:>9} {:>8} {:>13} {:>13} {:>11} {:>13}",
        "way",
        "records",
        "packets",
        "CPU",
        "B/record",
        "RssAnon MiB",
        "peak MiB",
        "peak queue",
        "CPU in 100 ms"
    );
    for ((way, compression), rounds) in WAYS.iter().zip(&results) {
        print_way(&format!("{way}, {compression}"), rounds);
    }
    Ok(())
}

fn of_agent(compression: &str, more: &[&str]) -> Result<Round> {
    let lab = Lab::new()?;
    let sink = lab.sink()?;
    let switches = [&["--interval", "5s"], more].concat();
    let process = Process::start(&mut agent(&lab.router, compression, &switches), "attached")?;
    let sent = lab.send(FLOWS, RATE, TIME)?;
    // The records of the last packets.
    sleep(Duration::from_secs(6));
    let ended = process.stop()?;
    let counted = sink.end()?;
    ensure!(ended.said.contains("balances"), "{}", ended.said);
    ensure!(
        ended.total("delivered")? == counted.packets,
        "{counted:?} and the balance differ: {}",
        ended.said
    );
    Ok(Round { sent, ended, counted })
}

fn of_sdk(compression: &str) -> Result<Round> {
    let lab = Lab::new()?;
    let sink = lab.sink()?;
    let ended = Process::start(&mut lab.this_program(&["sdk", compression]), "")?.wait()?;
    Ok(Round { sent: 0, ended, counted: sink.end()? })
}

fn print_way(way: &str, rounds: &[Round]) {
    let of = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
    let records = of(&|round| number(round.counted.records));
    let packets = of(&|round| number(round.counted.packets));
    let sent = of(&|round| number(round.sent));
    let all = if sent > 0.0 { format!("{packets} of {sent}") } else { "-".to_owned() };
    let cpu = of(&|round| round.ended.cpu.as_secs_f64() * 1e6 / number(round.counted.records));
    let bytes = of(&|round| number(round.counted.bytes) / number(round.counted.records));
    let memory =
        of(&|round| median(round.ended.samples.anonymous.iter().map(|&bytes| number(bytes)).collect()));
    let peak = of(&|round| number(round.ended.samples.anonymous.iter().copied().max().unwrap_or_default()));
    let queue = of(&|round| number(round.ended.peak_queue().unwrap_or_default()));
    let burst =
        of(&|round| round.ended.samples.cpu.iter().max().map_or(0.0, |most| most.as_secs_f64() * 1e3));
    println!(
        "{way:<14} {records:>9} {all:>17} {cpu:>6.2} us {bytes:>8.0} {:>13.1} {:>13.1} {:>7.1} MiB {burst:>10.0} ms",
        mebibytes(memory),
        mebibytes(peak),
        mebibytes(queue),
    );
    // A median hides a round in which some were lost.
    if sent > 0.0 {
        let lost = rounds.iter().map(|round| round.sent.saturating_sub(round.counted.packets));
        println!("{:<11} most packets lost in a round: {}", "", lost.max().unwrap_or_default());
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "figures are shown with few digits")]
fn number(number: u64) -> f64 {
    number as f64
}
