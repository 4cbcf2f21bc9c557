//! Every flow record is in Loki, and its numbers add up.

use anyhow::{Context, Result, ensure};
use flow_tests::collector::list;
use flow_tests::harness::eventually;
use flow_tests::netns::Netns;
use flow_tests::server::Server;
use flow_tests::topology::{CLIENT, Pair};
use serde_json::Value;
use tempfile::TempDir;

use crate::answer::{ask, equal, excerpt, is_ready, number, vector};
use crate::queries::{Check, documented};
use crate::stack::{Crossed, PATIENCE, Stack, file};

/// What the program gets where the Collector takes logs only.
const LOGS_ONLY: [(&str, &str); 2] =
    [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"), ("OTEL_METRICS_EXPORTER", "none")];

/// A part of the queries that finds nothing where Loki keeps no event names and no Collector adds them.
const EVENT_NAME: &str = r#" | event_name="network.flow""#;

const ALL: &str = r#"{service_name="otel-flow-exporter"}"#;
const IDENTIFIER: Check = ("lines that are identifiers", |data, _| {
    let other = lines(data)?.into_iter().find(|(labels, line)| labels["log_record_uid"] != *line);
    ensure!(other.is_none(), "another line: {other:?}");
    Ok(())
});
const EMPTY: Check = ("empty lines", |data, _| {
    let other = lines(data)?.into_iter().find(|(_, line)| !line.is_empty());
    ensure!(other.is_none(), "another line: {other:?}");
    Ok(())
});

const QUERIES: &[Check] = &[
    ("Flow records", |data, _| lines(data).map(drop)),
    ("Flow records of an address", of_address),
    ("Flows that ended, one line each", ended),
    ("Bytes that sources sent", |data, crossed| equal(number(data)?, crossed.forward.bytes)),
    ("Bytes that destinations sent", |data, crossed| equal(number(data)?, crossed.reverse.bytes)),
    ("Packets of both directions", |data, crossed| {
        equal(number(data)?, crossed.forward.packets + crossed.reverse.packets)
    }),
    ("The ten services that got most bytes", services),
];

/// What there is of a record beside its attributes.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    /// Its event name.
    pub(crate) event_name: bool,
    /// Its unique identifier, as the line.
    pub(crate) line: bool,
}

/// A running Loki.
pub(crate) struct Loki {
    _server: Server,
    _data: TempDir,
}

impl Loki {
    pub(crate) fn start(namespace: &Netns) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let complete = |command: &mut std::process::Command| {
            command.arg(format!("-config.file={}", file("tests/backends/loki.yaml").display()));
            command.arg("-config.expand-env=true").env("LOKI_DIR", data.path());
        };
        let ready = || Ok(is_ready(namespace, "http://127.0.0.1:3100/ready"));
        let server = Server::start(namespace, "LOKI", complete, ready)?;
        Ok(Self { _server: server, _data: data })
    }
}

/// Runs a query, as of now or of the last hour.
fn query(namespace: &Netns, query: &str, check: Check, crossed: &Crossed) -> Result<()> {
    let path = if query.starts_with('{') { "query_range" } else { "query" };
    let url = format!("http://127.0.0.1:3100/loki/api/v1/{path}");
    let data = ask(namespace, &url, &[("query", query), ("limit", "100")])?;
    check.1(&data, crossed).with_context(|| format!("{query} answers {}", excerpt(&data)))
}

/// All queries of the documentation, until they say what crossed the interface.
pub(crate) fn answers(namespace: &Netns, crossed: &Crossed, kept: Kept) -> Result<()> {
    for (text, check) in documented("logql", QUERIES)? {
        let text = if kept.event_name { text } else { text.replace(EVENT_NAME, "") };
        eventually(PATIENCE, || query(namespace, &text, check, crossed)).context(check.0)?;
    }
    query(namespace, ALL, if kept.line { IDENTIFIER } else { EMPTY }, crossed)?;
    let labels = ask(namespace, "http://127.0.0.1:3100/loki/api/v1/labels", &[])?;
    // Names with underscores around them are Loki's own: it splits large streams.
    let labels: Vec<_> =
        list(&labels).filter_map(Value::as_str).filter(|name| !name.starts_with("__")).collect();
    ensure!(labels == ["service_instance_id", "service_name"], "index labels: {labels:?}");
    Ok(())
}

/// Label sets and lines.
fn lines(data: &Value) -> Result<Vec<(&Value, &str)>> {
    let streams = data["result"].as_array().context("an array")?;
    ensure!(!streams.is_empty(), "no entries");
    let mut lines = Vec::new();
    for stream in streams {
        for entry in stream["values"].as_array().context("entries")? {
            lines.push((&stream["stream"], entry[1].as_str().context("a line")?));
        }
    }
    Ok(lines)
}

fn of_address(data: &Value, _: &Crossed) -> Result<()> {
    let other = lines(data)?.into_iter().find(|(labels, _)| labels["source_address"] != CLIENT);
    ensure!(other.is_none(), "another address: {other:?}");
    Ok(())
}

fn ended(data: &Value, _: &Crossed) -> Result<()> {
    let connection = lines(data)?.into_iter().find(|(labels, _)| labels["network_transport"] == "tcp");
    let (labels, line) = connection.context("no connection")?;
    let start = format!("tcp {CLIENT}:{} > ", labels["source_port"].as_str().context("a port")?);
    ensure!(line.starts_with(&start) && line.ends_with("end_of_flow"), "the line {line:?}");
    Ok(())
}

fn services(data: &Value, crossed: &Crossed) -> Result<()> {
    let vector = vector(data)?;
    ensure!(vector.len() == 2, "one service by TCP and one by UDP: {data}");
    equal(vector.iter().map(|(_, bytes)| bytes).sum(), crossed.forward.bytes)
}

fn test(configuration: &str, kept: impl Fn(&Netns) -> Result<Kept>) -> Result<()> {
    let pair = Pair::without_offloads()?;
    let _loki = Loki::start(&pair.server)?;
    let mut stack = Stack::start(pair, configuration, &LOGS_ONLY)?;
    stack.crowd()?;
    for _ in 0..3 {
        stack.traffic()?;
    }
    let crossed = stack.end_program()?;
    answers(stack.namespace(), &crossed, kept(stack.namespace())?)
}

pub(crate) fn before_3_8() -> Result<()> {
    test("loki-before-3.8.yaml", |_| Ok(Kept { event_name: true, line: true }))
}

pub(crate) fn current() -> Result<()> {
    test("loki.yaml", |namespace| Ok(Kept { event_name: keeps_event_names(namespace)?, line: false }))
}

/// Whether the Loki that the test was given is 3.8 or newer.
fn keeps_event_names(namespace: &Netns) -> Result<bool> {
    let text = namespace.run(&["curl", "-s", "http://127.0.0.1:3100/loki/api/v1/status/buildinfo"])?;
    let about: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
    let version = about["version"].as_str().context("a version")?.trim_start_matches('v');
    let mut parts = version.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
        anyhow::bail!("Loki has version {version}");
    };
    Ok((major, minor) >= (3, 8))
}
