//! What the agent says of itself, at a real OpenTelemetry Collector and at its listener.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use semconv::{attribute, metric};
use serde_json::Value;

use flow_tests::collector::{Collector, GRPC, HTTP, attributes, list, requests};

use crate::collector::{datagrams, exporting};
use crate::program::{Ended, Program};
use crate::topology::Pair;

pub(crate) const LISTEN: &str = "127.0.0.1:9464";
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Integers of the agent's metrics by name and `error.type`, as of the last request that has them.
type Last = HashMap<(String, Option<String>), u64>;

fn last(requests: &[Value]) -> Result<Last> {
    let mut last = Last::new();
    let scopes = requests.iter().flat_map(|request| list(&request["resourceMetrics"][0]["scopeMetrics"]));
    for metric in scopes.flat_map(|scope| list(&scope["metrics"])) {
        let name = metric["name"].as_str().context("a name")?;
        for point in list(&metric["sum"]["dataPoints"]) {
            let error = attributes(point)?.get(attribute::ERROR_TYPE.key).cloned();
            let error = error.and_then(|error| error.as_str().map(str::to_owned));
            if let Some(value) = point["asInt"].as_str() {
                last.insert((name.to_owned(), error), value.parse()?);
            }
        }
    }
    Ok(last)
}

fn value(last: &Last, metric: semconv::Metric) -> Result<u64> {
    last.get(&(metric.name.to_owned(), None))
        .copied()
        .with_context(|| format!("no {}: {last:?}", metric.name))
}

/// The last word of the agent about itself is its balance.
pub(crate) fn equals_balance() -> Result<()> {
    for (endpoint, compression) in [(GRPC, "none"), (HTTP, "zstd")] {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start(&pair.server, out.path())?;
        let mut command = exporting(&pair, endpoint, compression);
        command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
        let program = Program::start_until(command, "metrics of the agent itself")?;
        datagrams(&pair)?;
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        collector.end()?;
        let metrics = requests(&out.path().join("metrics.jsonl"))?;
        let last = last(&metrics)?;
        let of = |metric| value(&last, metric);
        let places = [of(metric::FLOW_EXPORTER_PACKET_SEEN)?, of(metric::FLOW_EXPORTER_PACKET_DELIVERED)?];
        ensure!(places == seen_and_delivered(&ended)?, "{places:?} of {}", ended.stderr);
        let open = [of(metric::FLOW_EXPORTER_PACKET_TABLE)?, of(metric::FLOW_EXPORTER_PACKET_QUEUED)?];
        ensure!(open == [0, 0] && of(metric::FLOW_EXPORTER_KERNEL_READING)? > 0, "{last:?}");
        let logs = requests(&out.path().join("logs.jsonl"))?;
        let records = logs
            .iter()
            .flat_map(|request| list(&request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]))
            .count();
        let exported = of(metric::OTEL_SDK_EXPORTER_LOG_EXPORTED)?;
        ensure!(exported == records as u64, "{exported} of {records} records");
        assert_same_resource(&logs, &metrics)?;
    }
    Ok(())
}

/// What the line of totals says.
fn seen_and_delivered(ended: &Ended) -> Result<[u64; 2]> {
    let total = ended.stderr.lines().find(|line| line.starts_with("total ")).context("the totals")?;
    let seen = total.split_whitespace().nth(1).context("what was seen")?;
    Ok([seen.parse()?, ended.delivered()?])
}

/// The agent is the same observer in all that it sends.
fn assert_same_resource(logs: &[Value], metrics: &[Value]) -> Result<()> {
    let flows = attributes(&logs.first().context("no logs")?["resourceLogs"][0]["resource"])?;
    for request in metrics {
        let resource = attributes(&request["resourceMetrics"][0]["resource"])?;
        ensure!(resource == flows, "{resource:?} beside {flows:?}");
    }
    Ok(())
}

pub(crate) fn off() -> Result<()> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let collector = Collector::start(&pair.server, out.path())?;
    let mut command = exporting(&pair, GRPC, "none");
    command.arg("--self-telemetry=false").env("OTEL_METRIC_EXPORT_INTERVAL", "300");
    let program = Program::start(command)?;
    datagrams(&pair)?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && !ended.stderr.contains("agent itself"), "{}", ended.stderr);
    collector.end()?;
    let last = last(&requests(&out.path().join("metrics.jsonl"))?)?;
    ensure!(!last.is_empty(), "metrics of flows still go");
    ensure!(last.keys().all(|(name, _)| name.starts_with("network.flow.")), "{last:?}");
    Ok(())
}

/// What each temporality is for: counters that observe a sum, and what is counted. Of flows all is counted.
pub(crate) fn temporality() -> Result<()> {
    const DELTA: u64 = 1;
    const CUMULATIVE: u64 = 2;
    for (preference, flows, observed) in
        [("cumulative", CUMULATIVE, CUMULATIVE), ("delta", DELTA, DELTA), ("lowmemory", DELTA, CUMULATIVE)]
    {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start(&pair.server, out.path())?;
        let mut command = exporting(&pair, GRPC, "none");
        command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
        command.env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference);
        let program = Program::start_until(command, "metrics of the agent itself")?;
        datagrams(&pair)?;
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        collector.end()?;
        let requests = requests(&out.path().join("metrics.jsonl"))?;
        let metrics: Vec<&Value> = requests
            .iter()
            .flat_map(|request| list(&request["resourceMetrics"][0]["scopeMetrics"]))
            .flat_map(|scope| list(&scope["metrics"]))
            .collect();
        for (metric, kind, expected) in [
            (metric::NETWORK_FLOW_IO, "sum", flows),
            (metric::FLOW_EXPORTER_PACKET_SEEN, "sum", observed),
            (metric::OTEL_SDK_EXPORTER_OPERATION_DURATION, "histogram", flows),
        ] {
            let found: Vec<_> = metrics
                .iter()
                .filter(|found| found["name"] == metric.name)
                .map(|found| found[kind]["aggregationTemporality"].as_u64())
                .collect();
            let as_expected = found.iter().all(|found| *found == Some(expected));
            ensure!(!found.is_empty() && as_expected, "{preference}: {} is {found:?}", metric.name);
        }
    }
    Ok(())
}

/// The status and the body. On a slow machine an answer may take longer than a connection has; another is no worse.
pub(crate) fn get(namespace: &Netns, path: &str) -> Result<(u16, String)> {
    let mut answer = None;
    until("the listener answers", PATIENCE, || {
        answer = ask(namespace, path).ok();
        Ok(answer.is_some())
    })?;
    answer.context("an answer")
}

pub(crate) fn ask(namespace: &Netns, path: &str) -> Result<(u16, String)> {
    let answer = namespace.enter(|| -> Result<String> {
        let mut stream = TcpStream::connect(LISTEN)?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    })??;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    let status = head.split_whitespace().nth(1).context("a status")?.parse()?;
    Ok((status, body.to_owned()))
}

/// Ready while what is due may still arrive, not when some of it was given up, and again when a receiver takes it.
pub(crate) fn readiness() -> Result<()> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let mut command = exporting(&pair, GRPC, "none");
    command.args(["--listen", LISTEN]).env("OTEL_METRIC_EXPORT_INTERVAL", "1000");
    let program = Program::start(command)?;
    let ok = (200, "ok\n".to_owned());
    ensure!(get(&pair.server, "/healthz")? == ok && get(&pair.server, "/readyz")? == ok, "nothing is due");
    let (status, metrics) = get(&pair.server, "/metrics")?;
    ensure!(status == 200 && metrics.contains("\nflow_exporter_hook_attached 2\n"), "{metrics}");
    ensure!(!metrics.contains("network_flow_"), "metrics of flows: {metrics}");

    datagrams(&pair)?;
    let mut why = String::new();
    until("what is due is given up", PATIENCE, || {
        let (status, body) = get(&pair.server, "/readyz")?;
        why = body;
        Ok(status == 503)
    })?;
    ensure!(why.contains("do not arrive at http://127.0.0.1:4317") && why.contains("too old"), "{why}");
    ensure!(get(&pair.server, "/healthz")? == ok, "a receiver that is away is no reason for a restart");

    let collector = Collector::start(&pair.server, out.path())?;
    until("it is ready again", PATIENCE, || {
        datagrams(&pair)?;
        Ok(get(&pair.server, "/readyz")? == ok)
    })?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    collector.end().map(drop)
}

/// Where nothing is to be observed, a supervisor's probes find nothing wrong.
pub(crate) fn idle() -> Result<()> {
    let pair = Pair::new()?;
    let mut command = exporting(&pair, GRPC, "none");
    command.args(["--listen", LISTEN]).env("OTEL_SDK_DISABLED", "true");
    let program = Program::start_until(command, "nothing is observed")?;
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 404)] {
        ensure!(get(&pair.server, path)?.0 == status, "{path}");
    }
    ensure!(program.stop()?.status.success(), "its end");
    Ok(())
}
