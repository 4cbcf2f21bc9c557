//! Metrics at a real OpenTelemetry Collector: they say what the records say.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use exporter::flow::Counts;
use flow_tests::collector::{Collector, GRPC, HTTP, attributes, list, requests};
use flow_tests::harness::until;
use semconv::{Attribute, attribute, metric, value};
use serde_json::{Map, Value};

use crate::collector::{FRAME, PACKETS, datagrams, exporting};
use crate::program::{Ended, Program, command};
use crate::topology::{CLIENT, Pair};
use crate::{connection, quality};

/// A series at one receiver: name of its metric, its attributes, when it began.
type Series = (String, String, u64);

/// A point of a series.
pub(crate) struct Point {
    series: Series,
    attributes: Map<String, Value>,
    time: u64,
    value: u64,
    cumulative: bool,
}

pub(crate) const LOGS: &str = "logs.jsonl";
pub(crate) const METRICS: &str = "metrics.jsonl";

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

/// Every point of a counter of flows, in the order in which they came. The agent's own are in requests of their own.
pub(crate) fn points(requests: &[Value]) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    for request in requests {
        let scope_metrics = &request["resourceMetrics"][0]["scopeMetrics"][0];
        ensure!(scope_metrics["schemaUrl"] == semconv::SCHEMA_URL, "{scope_metrics}");
        ensure!(scope_metrics["scope"]["name"] == semconv::SCOPE_NAME, "{scope_metrics}");
        let of_flows =
            |metric: &&Value| metric["name"].as_str().is_some_and(|name| name.starts_with("network.flow."));
        let counters = list(&scope_metrics["metrics"]).filter(of_flows);
        for (metric, sum) in counters.filter_map(|metric| Some((metric, metric.get("sum")?))) {
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

/// The points that say everything: of cumulative series, the last one of each.
struct Last<'a>(HashMap<(&'a Series, u64), &'a Point>);

fn last(points: &[Point], of: impl Fn(&Point) -> bool) -> Last<'_> {
    let mut last = HashMap::new();
    for point in points.iter().filter(|point| of(point)) {
        let end = if point.cumulative { 0 } else { point.time };
        last.insert((&point.series, end), point);
    }
    Last(last)
}

impl Last<'_> {
    fn sum(&self, metric: semconv::Metric) -> u64 {
        self.0.values().filter(|point| point.series.0 == metric.name).map(|point| point.value).sum()
    }
}

/// What the points say that was sent in all.
pub(crate) fn total(points: &[Point], of: impl Fn(&Point) -> bool) -> Counts {
    let last = last(points, of);
    Counts { packets: last.sum(metric::NETWORK_FLOW_PACKET_COUNT), bytes: last.sum(metric::NETWORK_FLOW_IO) }
}

/// The sum of attributes over all records.
fn logged(requests: &[Value], of: &[Attribute]) -> Result<u64> {
    let mut total = 0;
    for record in
        requests.iter().flat_map(|request| list(&request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]))
    {
        let attributes = attributes(record)?;
        let value = |attribute: &Attribute| attributes.get(attribute.key).and_then(Value::as_u64);
        total += of.iter().filter_map(value).sum::<u64>();
    }
    Ok(total)
}

/// What all records say that was sent.
pub(crate) fn total_of_records(requests: &[Value]) -> Result<Counts> {
    Ok(Counts {
        packets: logged(requests, &[attribute::SOURCE_PACKETS, attribute::DESTINATION_PACKETS])?,
        bytes: logged(requests, &[attribute::SOURCE_BYTES, attribute::DESTINATION_BYTES])?,
    })
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

/// One variable and nothing else: with the defaults of everything, logs and metrics arrive and say the same as the balance.
pub(crate) fn endpoint_alone() -> Result<()> {
    for endpoint in [GRPC, HTTP] {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start(&pair.server, out.path())?;
        let mut command = command(&pair.server, &["run"]);
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        let program = Program::start(command)?;
        for _ in 0..3 {
            datagrams(&pair)?;
        }
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        ensure!(!ended.stderr.contains("WARN") && !ended.stderr.contains("lost"), "{}", ended.stderr);
        collector.end()?;
        let records = total_of_records(&requests(&out.path().join(LOGS))?)?;
        let metrics = total(&points(&requests(&out.path().join(METRICS))?)?, |_| true);
        ensure!(records == metrics, "{endpoint}: {records:?} in records, {metrics:?} in metrics");
        ensure!(records.packets == ended.delivered()?, "{records:?} of {}", ended.stderr);
        ensure!(records.packets >= 3 * PACKETS && records.bytes >= 3 * PACKETS * FRAME, "{records:?}");
    }
    Ok(())
}

/// Points on the standard error, alone and beside printed flows: what they say is what the balance says.
pub(crate) fn printed() -> Result<()> {
    for logs in ["none", ""] {
        let pair = Pair::new()?;
        let mut command = command(&pair.server, &["run", "--interface", "s0"]);
        command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").env("OTEL_LOGS_EXPORTER", logs);
        command.env("OTEL_METRICS_EXPORTER", "console").env("OTEL_METRIC_EXPORT_INTERVAL", "300");
        let program = Program::start(command)?;
        datagrams(&pair)?;
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        ensure!(ended.stdout.contains(CLIENT) == logs.is_empty(), "flows: {}", ended.stdout);
        ensure!(!ended.stdout.contains("network.flow."), "metrics are elsewhere: {}", ended.stdout);
        // Of each series the last point, as they are cumulative.
        let mut last = HashMap::new();
        for line in ended.stderr.lines() {
            let metric = metric::NETWORK_FLOW_PACKET_COUNT;
            let Some((_, rest)) = line.split_once(&format!("Z {}{{", metric.name)) else { continue };
            let (attributes, rest) = rest.split_once("} ").context("attributes")?;
            let (value, begin) = rest.split_once(&format!(" {} since ", metric.unit)).context("a unit")?;
            last.insert((attributes, begin), value.parse::<u64>()?);
        }
        let printed: u64 = last.values().sum();
        ensure!(printed == ended.delivered()?, "{printed} of {}", ended.stderr);
        ensure!(printed >= PACKETS, "{}", ended.stderr);
    }
    Ok(())
}

/// What each side sent again, the source's first.
pub(crate) fn sent_again() -> Result<()> {
    const SIDES: [(Attribute, &str); 2] = [
        (attribute::SOURCE_TCP_RETRANSMITS, value::network_flow_direction::FORWARD),
        (attribute::DESTINATION_TCP_RETRANSMITS, value::network_flow_direction::REVERSE),
    ];
    for quality in [true, false] {
        let pair = Pair::without_offloads()?;
        quality::lose_some(&pair.server, "s0")?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start(&pair.server, out.path())?;
        let mut command = command(&pair.server, &["run", "--interface", "s0", "--interval", "400ms"]);
        command.arg(format!("--tcp-quality={quality}"));
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", GRPC).env("OTEL_METRIC_EXPORT_INTERVAL", "300");
        let program = Program::start(command)?;
        let listener = connection::listen(&pair.server)?;
        let stream = connection::connect(&pair.client, connection::PORT)??;
        let socket = quality::sent(&pair.client, stream, &listener)?;
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        collector.end()?;
        let records = requests(&out.path().join(LOGS))?;
        let points = points(&requests(&out.path().join(METRICS))?)?;
        let in_records =
            SIDES.map(|(side, _)| logged(&records, &[side])).into_iter().collect::<Result<Vec<_>>>()?;
        let in_metrics = SIDES.map(|(_, direction)| {
            last(&points, |point| {
                point.attributes.get(attribute::NETWORK_FLOW_DIRECTION.key) == Some(&direction.into())
            })
            .sum(metric::NETWORK_FLOW_TCP_RETRANSMIT_COUNT)
        });
        ensure!(in_records == in_metrics, "{in_records:?} in records, {in_metrics:?} in metrics");
        ensure!((in_records[0] > 0) == quality, "{in_records:?}, {socket:?}");
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
    ensure!(ended.status.success() && ended.stderr.contains("answers again"), "{}", ended.stderr);
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
