//! The agent under the load of docs/performance.md ("Export"), with a receiver that counts, beside the OpenTelemetry SDK's log
//! path on the same flows; by the word `away`, a receiver that is away for ten minutes; and by `churn`, everything at once with a real
//! Collector, for ten minutes or as many as the next word says.
//!
//! Each part is a process of its own: this one sends the packets and looks, `sink` receives, `sdk` is the SDK.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

mod agent;
#[path = "../sdk/attributes.rs"]
mod attributes;
mod away;
mod churn;
mod lab;
mod rounds;
mod sdk;
mod sink;

use std::env;

use anyhow::{Result, ensure};

fn main() -> Result<()> {
    // What cargo adds is no word.
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["sink"] => return sink::run(),
        ["sdk", compression] => return sdk::run(compression),
        _ => {}
    }
    ensure!(
        rustix::process::geteuid().is_root(),
        "this benchmark needs root, for eBPF and network namespaces"
    );
    match words[..] {
        ["away"] => away::run(),
        ["churn"] => churn::run(10),
        ["churn", minutes] => churn::run(minutes.parse()?),
        ["once"] => rounds::run(1),
        _ => rounds::run(5),
    }
}
