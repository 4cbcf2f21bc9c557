//! A receiver that is away: what is said of it, and what metrics say of the records that are lost meanwhile.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::collector::{Collector, GRPC, HTTP, requests};
use flow_tests::harness::until;

use crate::collector::{PACKETS, datagrams, exporting};
use crate::metrics::{LOGS, METRICS, points, total, total_of_records};
use crate::program::Program;
use crate::topology::Pair;

/// Log records, metrics of flows and those of the agent itself go to one receiver.
pub(crate) fn is_two_lines() -> Result<()> {
    for endpoint in [GRPC, HTTP] {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let mut command = exporting(&pair, endpoint, "none");
        command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
        command.env("RUST_LOG", "info,exporter::export::outage=debug");
        let mut program = Program::start(command)?;
        datagrams(&pair)?;
        for signal in ["logs", "metrics", "telemetry"] {
            program.says(&format!(" {signal}: an attempt has failed"))?;
        }
        let collector = Collector::start(&pair.server, out.path())?;
        program.says("answers again")?;
        let ended = program.stop()?;
        collector.end()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        for words in ["does not take requests", "answers again"] {
            ensure!(ended.stderr.matches(words).count() == 1, "{words} to {endpoint}: {}", ended.stderr);
        }
    }
    Ok(())
}

/// Addresses of a second Collector in a namespace.
const SECOND: [&str; 4] = [
    "yaml:receivers::otlp::protocols: {grpc: {endpoint: '127.0.0.1:50317'}, http: {endpoint: '127.0.0.1:50318'}}",
    "yaml:exporters::prometheus::endpoint: 127.0.0.1:50889",
    "yaml:extensions::health_check::endpoint: 127.0.0.1:50133",
    "yaml:service::telemetry::metrics: {level: none, readers: []}",
];
const SECOND_ADDRESS: &str = "127.0.0.1:50317";

/// The receiver of records goes away for good, that of metrics stays: these have the records that arrived and those that are lost.
pub(crate) fn loses_records() -> Result<()> {
    let pair = Pair::new()?;
    let (of_records, of_metrics) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let receiver = Collector::start(&pair.server, of_records.path())?;
    let other = Collector::start_with(&pair.server, SECOND_ADDRESS, of_metrics.path(), &SECOND)?;
    let mut command = exporting(&pair, GRPC, "none");
    command.env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", format!("http://{SECOND_ADDRESS}"));
    command.env("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc");
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
    let program = Program::start(command)?;
    datagrams(&pair)?;
    until_there(of_records.path(), LOGS)?;
    receiver.end()?;
    datagrams(&pair)?;
    let ended = program.stop()?;
    other.end()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);

    let records = total_of_records(&requests(&of_records.path().join(LOGS))?)?;
    let metrics = total(&points(&requests(&of_metrics.path().join(METRICS))?)?, |_| true);
    let lost = ended.total("lost: undelivered")? + ended.total("lost: queue_full")?;
    ensure!(records.packets == ended.delivered()?, "{records:?} came: {}", ended.stderr);
    ensure!(lost >= PACKETS, "{lost} packets are lost: {}", ended.stderr);
    ensure!(metrics.packets == records.packets + lost, "{metrics:?} in metrics: {}", ended.stderr);
    Ok(())
}

/// Where metrics are all that is wanted, those that arrived have what the balance calls delivered.
pub(crate) fn loses_metrics() -> Result<()> {
    for temporality in ["cumulative", "delta"] {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let receiver = Collector::start(&pair.server, out.path())?;
        let mut command = exporting(&pair, "", "none");
        command.env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", GRPC);
        command.env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality);
        command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
        let program = Program::start(command)?;
        datagrams(&pair)?;
        until_there(out.path(), METRICS)?;
        receiver.end()?;
        datagrams(&pair)?;
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);

        let metrics = total(&points(&requests(&out.path().join(METRICS))?)?, |_| true);
        let lost = ended.total("lost: undelivered")? + ended.total("lost: queue_full")?;
        let delivered = ended.delivered()?;
        ensure!(metrics.packets == delivered, "{temporality}: {metrics:?} came: {}", ended.stderr);
        ensure!(lost >= PACKETS, "{temporality}: {lost} packets are lost: {}", ended.stderr);
    }
    Ok(())
}

/// Waits until a Collector has written something of flows.
fn until_there(out: &Path, file: &str) -> Result<()> {
    until("something arrives", Duration::from_mins(1), || {
        Ok(fs::read_to_string(out.join(file)).is_ok_and(|text| text.contains("\"network.flow")))
    })
    .with_context(|| file.to_owned())
}
