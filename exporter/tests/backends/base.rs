//! A Collector without a backend: every record is in its file, and its console says that something came.

use anyhow::{Context, Result, ensure};
use exporter::flow::Counts;
use flow_tests::collector::{GRPC, attributes, list};
use flow_tests::topology::Pair;
use semconv::{Attribute, attribute, event};
use serde_json::Value;

use crate::stack::{Crossed, Stack};

/// Ends the Collector, whose file has to say what crossed the interface.
pub(crate) fn answers(stack: &mut Stack, crossed: &Crossed) -> Result<()> {
    let (said, requests) = stack.end_collector()?;
    let written = written(&requests)?;
    ensure!(
        (written.forward, written.reverse) == (crossed.forward, crossed.reverse),
        "the file has {written:?}, {crossed:?} crossed the interface"
    );
    // It leaves out lines if there are many, so that their sum would say nothing.
    for (signal, number) in [("Logs", "log records"), ("Metrics", "data points")] {
        let is_told = said.lines().any(|line| line.contains(signal) && counts(line, number) > 0);
        ensure!(is_told, "no line about {number}: {said}");
    }
    Ok(())
}

/// What all records say.
fn written(requests: &[Value]) -> Result<Crossed> {
    let mut crossed = Crossed::default();
    let resources = requests.iter().flat_map(|request| list(&request["resourceLogs"]));
    for record in resources
        .flat_map(|resource| list(&resource["scopeLogs"]))
        .flat_map(|scope| list(&scope["logRecords"]))
    {
        ensure!(record["eventName"] == event::NETWORK_FLOW.name, "another event: {record}");
        let attributes = attributes(record)?;
        let number =
            |attribute: Attribute| attributes.get(attribute.key).and_then(Value::as_u64).unwrap_or(0);
        crossed.forward +=
            Counts { packets: number(attribute::SOURCE_PACKETS), bytes: number(attribute::SOURCE_BYTES) };
        crossed.reverse += Counts {
            packets: number(attribute::DESTINATION_PACKETS),
            bytes: number(attribute::DESTINATION_BYTES),
        };
    }
    Ok(crossed)
}

/// A number in a line of the debug exporter, which ends with JSON.
fn counts(line: &str, name: &str) -> u64 {
    let json = line.find('{').and_then(|start| serde_json::from_str::<Value>(&line[start..]).ok());
    json.and_then(|fields| fields[name].as_u64()).unwrap_or(0)
}

pub(crate) fn file() -> Result<()> {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", GRPC);
    let mut stack = Stack::start(Pair::without_offloads()?, "base.yaml", &[endpoint])?;
    stack.crowd()?;
    for _ in 0..3 {
        stack.traffic()?;
    }
    let crossed = stack.end_program().context("the program")?;
    answers(&mut stack, &crossed)
}
