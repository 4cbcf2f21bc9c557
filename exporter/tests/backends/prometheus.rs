//! Prometheus counts the bytes that crossed the interface, whichever way they take.

use anyhow::{Context, Result, ensure};
use flow_tests::harness::eventually;
use flow_tests::netns::Netns;
use flow_tests::server::Server;
use flow_tests::topology::Pair;
use serde_json::Value;
use tempfile::TempDir;

use crate::answer::{ask, equal, excerpt, is_ready, number, vector};
use crate::queries::{Check, documented};
use crate::stack::{Crossed, PATIENCE, Stack, file};

/// What the program gets where the Collector takes metrics only.
const METRICS_ONLY: [(&str, &str); 1] = [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:4317")];

/// Of the histograms that agents send by default. How long it is, is tested in [`crate::round_trip`].
pub(crate) const ROUND_TRIP: &str = "Round trip of the handshake, 95th percentile, in seconds";
/// Of those that they send on request.
pub(crate) const ROUND_TRIP_EXPONENTIAL: &str = "The same, where agents send exponential histograms";

/// Has a value once there are two points of a series.
const RATE: Check = ("Bytes per second by transport and direction", |data, _| moves(data));

/// How the names of the queries' metrics of flows end, and nothing else in them does.
const METRIC_ENDS: [&str; 2] = ["_total", "_bucket"];
/// What holds the Resource. It is the same by all ways, and a Collector that is scraped gives it no label.
const RESOURCE: &str = "target_info";

/// The value of the label `via` where there is none.
pub(crate) const UNNAMED: &str = "";

/// Characters of a `service.instance.id`.
const UUID: usize = 36;

const QUERIES: &[Check] = &[
    RATE,
    ("Bytes since the agents began", |data, crossed| {
        equal(number(data)?, crossed.forward.bytes + crossed.reverse.bytes)
    }),
    ("Bytes by direction", by_direction),
    ("Packets since the agents began", |data, crossed| {
        equal(number(data)?, crossed.forward.packets + crossed.reverse.packets)
    }),
    ("Bytes by agent", by_agent),
    ("Bytes by host", by_host),
    ("Bytes per packet", |data, _| moves(data)),
    (
        "Connections by what became of them (`error_type` is empty for those that were established)",
        established,
    ),
    (ROUND_TRIP, round_trip),
    (ROUND_TRIP_EXPONENTIAL, none),
];

/// A running Prometheus.
pub(crate) struct Prometheus {
    _server: Server,
    _data: TempDir,
}

impl Prometheus {
    pub(crate) fn start(namespace: &Netns) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let complete = |command: &mut std::process::Command| {
            command.arg(format!("--config.file={}", file("tests/backends/prometheus.yml").display()));
            command.arg(format!("--storage.tsdb.path={}", data.path().display()));
            command.args(["--web.listen-address=127.0.0.1:9090", "--log.level=warn"]);
            command.args(["--web.enable-otlp-receiver", "--web.enable-remote-write-receiver"]);
        };
        let ready = || Ok(is_ready(namespace, "http://127.0.0.1:9090/-/ready"));
        let server = Server::start(namespace, "PROMETHEUS", complete, ready)?;
        Ok(Self { _server: server, _data: data })
    }
}

/// The documented query of a title.
pub(crate) fn text(title: &str) -> Result<String> {
    let found = documented("promql", QUERIES)?.into_iter().find(|(_, check)| check.0 == title);
    Ok(found.with_context(|| format!("no query {title:?}"))?.0)
}

/// What a query finds now.
pub(crate) fn find(namespace: &Netns, query: &str) -> Result<Value> {
    ask(namespace, "http://127.0.0.1:9090/api/v1/query", &[("query", query)])
}

fn query(namespace: &Netns, query: &str, check: Check, crossed: &Crossed) -> Result<()> {
    let data = find(namespace, query)?;
    check.1(&data, crossed).with_context(|| format!("{query} answers {}", excerpt(&data)))
}

/// All queries of the documentation, until they say what crossed the interface.
pub(crate) fn answers(namespace: &Netns, crossed: &Crossed) -> Result<()> {
    answers_as(namespace, crossed, str::to_owned)
}

/// The same of the series that came by one way, where the label `via` keeps ways apart.
pub(crate) fn answers_via(namespace: &Netns, crossed: &Crossed, way: &str) -> Result<()> {
    answers_as(namespace, crossed, |text| selecting(text, way)).with_context(|| via(way))
}

fn via(way: &str) -> String {
    format!("{{via=\"{way}\"}}")
}

fn answers_as(namespace: &Netns, crossed: &Crossed, adapt: impl Fn(&str) -> String) -> Result<()> {
    for (text, check) in documented("promql", QUERIES)? {
        let text = adapt(&text);
        eventually(PATIENCE, || query(namespace, &text, check, crossed)).context(check.0)?;
    }
    Ok(())
}

/// A query of what came by one way.
fn selecting(query: &str, way: &str) -> String {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let (mut text, mut rest) = (String::new(), query);
    while let Some(start) = rest.find(is_part) {
        let end =
            rest[start..].find(|character| !is_part(character)).map_or(rest.len(), |length| start + length);
        text.push_str(&rest[..end]);
        match &rest[start..end] {
            RESOURCE => text.push_str(&via(UNNAMED)),
            word if METRIC_ENDS.iter().any(|end| word.ends_with(end)) => text.push_str(&via(way)),
            _ => {}
        }
        rest = &rest[end..];
    }
    text + rest
}

/// Traffic until Prometheus has a rate of it, by each of these ways.
pub(crate) fn traffic(stack: &Stack, ways: &[&str]) -> Result<()> {
    let (text, none) = (text(RATE.0)?, Crossed::default());
    eventually(PATIENCE, || {
        stack.traffic()?;
        ways.iter().try_for_each(|way| query(stack.namespace(), &selecting(&text, way), RATE, &none))
    })
}

fn moves(data: &Value) -> Result<()> {
    ensure!(vector(data)?.iter().any(|(_, value)| *value > 0.0), "nothing moves");
    Ok(())
}

fn established(data: &Value, _: &Crossed) -> Result<()> {
    let vector = vector(data)?;
    let [(labels, connections)] = &vector[..] else { anyhow::bail!("not one outcome: {data}") };
    ensure!(labels["error_type"].is_null() && *connections >= 1.0, "{data}");
    Ok(())
}

/// Between two namespaces of a machine.
fn round_trip(data: &Value, _: &Crossed) -> Result<()> {
    let seconds = number(data)?;
    ensure!(seconds > 0.0 && seconds < 5.0, "{seconds} s");
    Ok(())
}

/// Nobody sends what the query looks for.
fn none(data: &Value, _: &Crossed) -> Result<()> {
    ensure!(data["result"].as_array().is_some_and(Vec::is_empty), "something is found");
    Ok(())
}

fn by_direction(data: &Value, crossed: &Crossed) -> Result<()> {
    let vector = vector(data)?;
    ensure!(vector.len() == 2, "two directions");
    for (labels, bytes) in vector {
        let counted = match labels["network_flow_direction"].as_str() {
            Some("forward") => crossed.forward.bytes,
            Some("reverse") => crossed.reverse.bytes,
            other => anyhow::bail!("the direction {other:?}"),
        };
        equal(bytes, counted)?;
    }
    Ok(())
}

/// By the agent and not by what Prometheus scrapes.
fn by_agent(data: &Value, crossed: &Crossed) -> Result<()> {
    let vector = vector(data)?;
    let (job, instance) = (&vector[0].0["job"], &vector[0].0["instance"]);
    ensure!(job == "otel-flow-exporter", "the job {job}");
    ensure!(instance.as_str().is_some_and(|instance| instance.len() == UUID), "the instance {instance}");
    equal(number(data)?, crossed.forward.bytes + crossed.reverse.bytes)
}

fn by_host(data: &Value, crossed: &Crossed) -> Result<()> {
    let vector = vector(data)?;
    let host = vector[0].0["host_name"].as_str().context("no host")?;
    ensure!(!host.is_empty(), "a host without a name");
    equal(number(data)?, crossed.forward.bytes + crossed.reverse.bytes)
}

fn test(configuration: &str) -> Result<()> {
    let pair = Pair::without_offloads()?;
    let _prometheus = Prometheus::start(&pair.server)?;
    let mut stack = Stack::start(pair, configuration, &METRICS_ONLY)?;
    traffic(&stack, &[UNNAMED])?;
    let crossed = stack.end_program()?;
    answers(stack.namespace(), &crossed)
}

pub(crate) fn otlp() -> Result<()> {
    test("prometheus-otlp.yaml")
}

pub(crate) fn remote_write() -> Result<()> {
    test("prometheus-remote-write.yaml")
}

pub(crate) fn scrape() -> Result<()> {
    test("prometheus-scrape.yaml")
}
