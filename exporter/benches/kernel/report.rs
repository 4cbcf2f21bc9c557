//! The tables.
#![expect(clippy::print_stdout, reason = "the bench's result")]

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::candidate::{EMPTY, EXPORTER};
use crate::measure::{LoadResult, Reading};

/// Where, when and of what.
pub(crate) fn heading() -> Result<()> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let model = fs::read_to_string("/proc/cpuinfo")?
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned()))
        .unwrap_or_else(|| "unknown".to_owned());
    let load = fs::read_to_string("/proc/loadavg")?;
    println!("machine  {} CPUs, {model}", std::thread::available_parallelism()?);
    println!("kernel   {}", kernel.trim());
    println!("date     {}", printed("date", &["-u", "+%Y-%m-%d %H:%M UTC"]));
    println!("commit   {}", printed("git", &["describe", "--always", "--dirty", "--abbrev=12"]));
    println!("load     {} (one minute, before the start)", load.split(' ').next().unwrap_or_default());
    Ok(())
}

fn printed(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// One load.
pub(crate) fn load(name: &str, goal: f64, result: &LoadResult) {
    println!(
        "\n{name}\n  {:<66} {:>7} {:>7} {:>13} {:>11}",
        "ns of a run, net", "ns", "ratio", "rounds", "runs"
    );
    for row in &result.rows {
        if row.name == EMPTY {
            println!("  {:<66} {:>7.1} {:>7} {:>13} {:>11}", row.what, row.net, "", "taken off", row.runs);
            continue;
        }
        let (least, most) = row.spread;
        let verdict = match row.name {
            EXPORTER if row.ratio <= goal => format!("  goal {goal}: reached"),
            EXPORTER => format!("  goal {goal}: MISSED"),
            _ => String::new(),
        };
        println!(
            "  {:<66} {:>7.1} {:>7.2}   {least:>4.2} - {most:>4.2} {:>11}{verdict}",
            row.what, row.net, row.ratio, row.runs
        );
    }
    let exactness = &result.exactness;
    if exactness.comparable {
        println!(
            "  exact: {} runs, {} packets read, {} left out, {} lost, in {} readings: difference {}",
            exactness.runs,
            exactness.packets,
            exactness.left_out,
            exactness.lost,
            exactness.readings,
            i128::from(exactness.runs) - i128::from(exactness.packets + exactness.left_out + exactness.lost),
        );
    }
}

/// How long a reading takes.
pub(crate) fn reading(reading: &Reading) {
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    println!("\nreading");
    println!(
        "  {} observations {:.1} ms, of which {:.1} ms are those of an empty reading (grace period)",
        reading.entries,
        milliseconds(reading.entries_time),
        milliseconds(reading.empty_time)
    );
    println!(
        "  grace period {:.1} ms, {:.1} ms while both CPUs send",
        milliseconds(reading.grace_idle),
        milliseconds(reading.grace_loaded)
    );
}
