//! The agent's export crosses an interface that the agent observes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use semconv::attribute;
use serde_json::Value;

use flow_tests::collector::{Collector, attributes, list, requests};

use crate::collector::{datagrams, exporting, records};
use crate::program::{Ended, Program};
use crate::topology::{CLIENT, Pair, SERVER};

/// The agent on the server, the Collector on the client: their connections cross the interface. Both forms of OTLP, of both
/// signals, over connections that begin and end during the run.
fn observe(more: &[&str]) -> Result<(Ended, Vec<Value>, Vec<Value>)> {
    let pair = Pair::new()?;
    let listen = format!(
        "yaml:receivers::otlp::protocols: {{grpc: {{endpoint: {CLIENT}:4317}}, http: {{endpoint: {CLIENT}:4318}}}}"
    );
    let endpoint = |port: u16| format!("http://{CLIENT}:{port}");
    let mut command = exporting(&pair, &endpoint(4317), "none");
    command.args(more);
    command.env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", endpoint(4318) + "/v1/metrics");
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
    command.env("OTEL_FLOW_EXPORTER_METRIC_DIMENSIONS", attribute::DESTINATION_PORT.key);
    let program = Program::start(command)?;
    datagrams(&pair)?;
    // Nobody listens: every attempt is a connection that is refused.
    std::thread::sleep(Duration::from_secs(1));
    let (mut logs, mut metrics) = (Vec::new(), Vec::new());
    let mut program = Some(program);
    let mut ended = None;
    for last in [false, true] {
        let out = tempfile::tempdir()?;
        let collector =
            Collector::start_with(&pair.client, &format!("{CLIENT}:4317"), out.path(), &[&listen])?;
        until("records and metrics arrive", Duration::from_mins(1), || {
            datagrams(&pair)?;
            Ok(written(out.path()).into_iter().all(|requests| requests > 2))
        })?;
        if last {
            ended = program.take().map(Program::stop).transpose()?;
        }
        // Its connections end; the next one gets others.
        collector.end()?;
        logs.extend(requests(&out.path().join("logs.jsonl"))?);
        metrics.extend(requests(&out.path().join("metrics.jsonl"))?);
    }
    let ended = ended.context("the program was stopped")?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    Ok((ended, logs, metrics))
}

/// Requests of logs and of metrics that the Collector has written down.
fn written(out: &Path) -> [usize; 2] {
    ["logs.jsonl", "metrics.jsonl"]
        .map(|name| fs::read_to_string(out.join(name)).unwrap_or_default().lines().count())
}

/// Ports of the Collector in the records, and in the metrics.
fn ports(logs: &[Value], metrics: &[Value]) -> Result<(usize, usize)> {
    let is_collectors = |port: u64| matches!(port, 4317 | 4318);
    let of_records = records(logs)?
        .iter()
        .flat_map(|record| {
            [attribute::SOURCE_PORT.key, attribute::DESTINATION_PORT.key].map(|key| record[key].as_u64())
        })
        .filter(|port| port.is_some_and(is_collectors))
        .count();
    let mut of_metrics = 0;
    for metric in
        metrics.iter().flat_map(|request| list(&request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]))
    {
        for point in list(&metric["sum"]["dataPoints"]) {
            let attributes = attributes(point)?;
            let port = attributes.get(attribute::DESTINATION_PORT.key).and_then(Value::as_u64);
            of_metrics += usize::from(port.is_some_and(is_collectors));
        }
    }
    Ok((of_records, of_metrics))
}

pub(crate) fn excluded() -> Result<()> {
    let (ended, logs, metrics) = observe(&[])?;
    let found = ports(&logs, &metrics)?;
    ensure!(found == (0, 0), "{found:?} of the own export in records and metrics");
    let datagrams = records(&logs)?;
    ensure!(
        datagrams.iter().any(|record| record[attribute::SOURCE_ADDRESS.key] == CLIENT),
        "no records at all"
    );
    ensure!(ended.total("own export")? > 20, "what was left out is told: {}", ended.stderr);
    Ok(())
}

pub(crate) fn reported() -> Result<()> {
    let (ended, logs, metrics) = observe(&["--own-traffic"])?;
    let (in_records, in_metrics) = ports(&logs, &metrics)?;
    ensure!(in_records > 0 && in_metrics > 0, "{in_records} and {in_metrics}");
    let own = records(&logs)?;
    let agents = |record: &&serde_json::Map<String, Value>| record[attribute::SOURCE_ADDRESS.key] == SERVER;
    own.iter().find(agents).context("a record of the agent's export")?;
    ensure!(!ended.stderr.contains("own export"), "{}", ended.stderr);
    Ok(())
}
