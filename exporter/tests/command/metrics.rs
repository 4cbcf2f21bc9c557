//! Metrics at a real OpenTelemetry Collector: they say what the records say.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use exporter::flow::Counts;
use flow_tests::collector::{Collector, GRPC, HTTP, attributes, list, requests};
use flow_tests::harness::until;
use semconv::{attribute, metric, value};
use serde_json::{Map, Value};

use crate::collector::{FRAME, PACKETS, datagrams, exporting};
use crate::program::{Ended, Program, command};
use crate::topology::{CLIENT, Pair};

/// A series at one receiver: name of its metric, its attributes, when it began.
type Series = (String, String, u64);

/// A point of a series.
struct Point {
    series: Series,
    attributes: Map<String, Value>,
    time: u64,
    value: u64,
    cumulative: bool,
}

const LOGS: &str = "logs.jsonl";
const METRICS: &str = "metrics.jsonl";

/// Runs the program, completed by `complete`, and sends the datagrams three times, each time until the Collector has written
/// more of flows to `wanted`; gives what the program said and what the Collector received.
fn observe(wanted: &str, complete: impl FnOnce(&mut Command)) -> Result<(Ended, Vec<Value>, Vec<Point>)> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let collector = Collector::start(&pair.server, out.path())?;
    let dimensions = [attribute::SOURCE_ADDRESS, attribute::DESTINATION_PORT].map(|dimension| dimension.key);
    let mut command = command(&pair.server, &["run", "--interface", "s0", "--interval", "400ms"]);
    command.args(["--metric-dimensions", &dimensions.join(",")]);
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
    complete(&mut command);
    let program = Program::start(command)?;
    let of_flows = |text: String| text.matches("\"network.flow").count();
    let written = || fs::read_to_string(out.path().join(wanted)).map_or(0, of_flows);
    for _ in 0..3 {
        let before = written();
        datagrams(&pair)?;
        until("the Collector receives more", Duration::from_secs(30), || Ok(written() > before))?;
    }
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("WARN") && !ended.stderr.contains("lost"), "{}", ended.stderr);
    collector.end()?;
    let read = |name: &str| requests(&out.path().join(name));
    Ok((ended, read(LOGS)?, points(&read(METRICS)?)?))
}

/// Every point of flows, in the order in which they came. The agent's own are in requests of their own.
fn points(requests: &[Value]) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for request in requests {
        let scope_metrics = &request["resourceMetrics"][0]["scopeMetrics"][0];
        ensure!(scope_metrics["schemaUrl"] == semconv::SCHEMA_URL, "{scope_metrics}");
        ensure!(scope_metrics["scope"]["name"] == semconv::SCOPE_NAME, "{scope_metrics}");
        let of_flows =
            |metric: &&Value| metric["name"].as_str().is_some_and(|name| name.starts_with("network.flow."));
        for metric in list(&scope_metrics["metrics"]).filter(of_flows) {
            let sum = &metric["sum"];
            ensure!(sum["isMonotonic"] == true, "{metric}");
            for point in list(&sum["dataPoints"]) {
                let number =
                    |key: &str| point[key].as_str().context("a number")?.parse::<u64>().context("a number");
                let attributes = attributes(point)?;
                let name = metric["name"].as_str().context("a name")?.to_owned();
                points.push(Point {
                    series: (name, Value::from(attributes.clone()).to_string(), number("startTimeUnixNano")?),
                    attributes,
                    time: number("timeUnixNano")?,
                    value: number("asInt")?,
                    cumulative: sum["aggregationTemporality"] == 2,
                });
            }
        }
    }
    Ok(points)
}

/// What the points say that was sent in all: of cumulative series, the last point of each.
fn total(points: &[Point], of: impl Fn(&Point) -> bool) -> Counts {
    let mut last: HashMap<(&Series, u64), &Point> = HashMap::new();
    for point in points.iter().filter(|point| of(point)) {
        let end = if point.cumulative { 0 } else { point.time };
        last.insert((&point.series, end), point);
    }
    let sum = |metric: semconv::Metric| {
        last.values().filter(|point| point.series.0 == metric.name).map(|point| point.value).sum()
    };
    Counts { packets: sum(metric::NETWORK_FLOW_PACKET_COUNT), bytes: sum(metric::NETWORK_FLOW_IO) }
}

/// What all records say that was sent.
fn total_of_records(requests: &[Value]) -> Result<Counts> {
    let mut total = Counts::default();
    for record in
        requests.iter().flat_map(|request| list(&request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]))
    {
        let attributes = attributes(record)?;
        let sum = |keys: [&str; 2]| keys.map(|key| attributes[key].as_u64().unwrap_or_default()).iter().sum();
        total += Counts {
            packets: sum([attribute::SOURCE_PACKETS.key, attribute::DESTINATION_PACKETS.key]),
            bytes: sum([attribute::SOURCE_BYTES.key, attribute::DESTINATION_BYTES.key]),
        };
    }
    Ok(total)
}

/// The datagrams went one way, in a series of their own.
fn assert_datagrams(points: &[Point]) -> Result<()> {
    let datagrams = total(points, |point| {
        point.attributes.get(attribute::DESTINATION_PORT.key) == Some(&6000.into())
            && point.attributes[attribute::SOURCE_ADDRESS.key] == CLIENT
            && point.attributes[attribute::NETWORK_TRANSPORT.key] == value::network_transport::UDP
            && point.attributes[attribute::NETWORK_FLOW_DIRECTION.key]
                == value::network_flow_direction::FORWARD
    });
    ensure!(datagrams == Counts { packets: 3 * PACKETS, bytes: 3 * PACKETS * FRAME }, "{datagrams:?}");
    Ok(())
}

pub(crate) fn equal_records() -> Result<()> {
    for (endpoint, temporality) in [(GRPC, "cumulative"), (HTTP, "delta")] {
        let (_, records, points) = observe(METRICS, |command| {
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
            command.env("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "gzip");
            command.env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality);
        })?;
        let several = points.iter().map(|point| point.time).collect::<HashSet<_>>().len() > 2;
        ensure!(several, "points of few times to {endpoint}");
        ensure!(
            points.iter().all(|point| point.cumulative == (temporality == "cumulative")),
            "{temporality}"
        );
        ensure!(points.iter().all(|point| point.series.2 < point.time), "a point that is no time");
        let (by_records, by_metrics) = (total_of_records(&records)?, total(&points, |_| true));
        ensure!(
            by_records == by_metrics,
            "{temporality}: {by_records:?} in records, {by_metrics:?} in metrics"
        );
        assert_datagrams(&points)?;
    }
    Ok(())
}

/// What is sent while nobody listens is made up for by the last request.
pub(crate) fn to_a_late_collector() -> Result<()> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let mut command = exporting(&pair, GRPC, "none");
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "300");
    let program = Program::start(command)?;
    datagrams(&pair)?;
    std::thread::sleep(Duration::from_secs(2));
    let collector = Collector::start(&pair.server, out.path())?;
    let file = out.path().join(METRICS);
    until("metrics arrive", Duration::from_secs(30), || {
        Ok(fs::metadata(&file).is_ok_and(|file| file.len() > 0))
    })?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("metrics: "), "{}", ended.stderr);
    collector.end()?;
    let points = points(&requests(&file)?)?;
    let udp = total(&points, |point| {
        point.attributes[attribute::NETWORK_TRANSPORT.key] == value::network_transport::UDP
    });
    ensure!(udp == Counts { packets: PACKETS, bytes: PACKETS * FRAME }, "{udp:?}");
    Ok(())
}

pub(crate) fn alone() -> Result<()> {
    let (ended, records, points) = observe(METRICS, |command| {
        command.env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", GRPC);
    })?;
    ensure!(records.is_empty() && ended.stdout.is_empty(), "{records:?} {}", ended.stdout);
    assert_datagrams(&points)
}

pub(crate) fn beside_print() -> Result<()> {
    let (ended, records, points) = observe(METRICS, |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", GRPC).env("OTEL_LOGS_EXPORTER", "console");
    })?;
    ensure!(records.is_empty() && ended.stdout.contains(CLIENT), "{records:?} {}", ended.stdout);
    assert_datagrams(&points)
}

pub(crate) fn off() -> Result<()> {
    let (_, records, points) = observe(LOGS, |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", GRPC).env("OTEL_METRICS_EXPORTER", "none");
    })?;
    ensure!(!records.is_empty() && points.is_empty(), "{} points", points.len());
    Ok(())
}
