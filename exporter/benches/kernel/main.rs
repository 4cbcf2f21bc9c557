//! What a packet costs in the kernel, by layout of the maps: nanoseconds in the program, net of an empty one, side by side in one
//! run with the yardstick that the goals are ratios of. Needs root and `ip`; `docs/performance.md` describes the method.
//!
//! `cargo bench -p otel-flow-exporter --bench kernel [-- CANDIDATE|LOAD...]`: words choose among the candidates (by name; the
//! empty program and the yardstick are always measured) and the loads (by a part of their name). `filter` chooses the candidates
//! that filter, which are measured on request only.

mod candidate;
mod lab;
mod measure;
mod report;
mod traffic;

use std::process::ExitCode;

use anyhow::Result;

fn main() -> ExitCode {
    if !rustix::process::geteuid().is_root() {
        return complain("the bench loads kernel programs and makes network namespaces: run it as root");
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("{error:#}")),
    }
}

fn run() -> Result<()> {
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    report::heading()?;
    let mut bench = measure::Bench::new(&chosen)?;
    let is_chosen = |name: &str| chosen.iter().any(|word| name.contains(word.as_str()));
    let all = !measure::LOADS.iter().any(|(name, ..)| is_chosen(name));
    for (name, load, goal) in measure::LOADS.into_iter().filter(|(name, ..)| all || is_chosen(name)) {
        let result = bench.measure(load)?;
        report::load(name, goal, &result);
    }
    if all {
        report::reading(&bench.read_100k()?);
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "why there is no result")]
fn complain(reason: &str) -> ExitCode {
    eprintln!("kernel: {reason}");
    ExitCode::FAILURE
}
