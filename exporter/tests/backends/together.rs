//! Records in Loki and metrics in Prometheus, of the same flows.

use anyhow::{Context, Result};
use flow_tests::topology::Pair;

use crate::loki::{self, Kept, Loki};
use crate::prometheus::{self, Prometheus};
use crate::stack::Stack;

pub(crate) fn same() -> Result<()> {
    let pair = Pair::without_offloads()?;
    let _loki = Loki::start(&pair.server)?;
    let _prometheus = Prometheus::start(&pair.server)?;
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    let mut stack = Stack::start(pair, "loki-prometheus.yaml", &[endpoint])?;
    prometheus::traffic(&stack)?;
    let crossed = stack.end_program()?;
    loki::answers(stack.namespace(), &crossed, Kept { event_name: true, line: true }).context("Loki")?;
    prometheus::answers(stack.namespace(), &crossed).context("Prometheus")
}
