//! Records in Loki and metrics in Prometheus, of the same flows.

use anyhow::{Context, Result};
use flow_tests::collector::GRPC;
use flow_tests::topology::Pair;

use crate::base;
use crate::loki::{self, Kept, Loki};
use crate::prometheus::{self, Prometheus};
use crate::stack::{Crossed, Stack};

/// The ways to Prometheus at once: OTLP adds no label.
const WAYS: [&str; 3] = [prometheus::UNNAMED, "remote_write", "scrape"];

/// Every record is in Loki. What Prometheus and others have to say is for `others`.
fn test(
    configuration: &str,
    ways: &[&str],
    others: impl FnOnce(&mut Stack, &Crossed) -> Result<()>,
) -> Result<()> {
    let pair = Pair::without_offloads()?;
    let _loki = Loki::start(&pair.server)?;
    let _prometheus = Prometheus::start(&pair.server)?;
    let mut stack = Stack::start(pair, configuration, &[("OTEL_EXPORTER_OTLP_ENDPOINT", GRPC)])?;
    prometheus::traffic(&stack, ways)?;
    let crossed = stack.end_program()?;
    loki::answers(stack.namespace(), &crossed, Kept { event_name: true, line: true }).context("Loki")?;
    others(&mut stack, &crossed)
}

pub(crate) fn same() -> Result<()> {
    test("loki-prometheus.yaml", &[prometheus::UNNAMED], |stack, crossed| {
        prometheus::answers(stack.namespace(), crossed).context("Prometheus")
    })
}

pub(crate) fn all() -> Result<()> {
    test("all.yaml", &WAYS, |stack, crossed| {
        for way in WAYS {
            prometheus::answers_via(stack.namespace(), crossed, way).context("Prometheus")?;
        }
        base::answers(stack, crossed).context("file and console")
    })
}
