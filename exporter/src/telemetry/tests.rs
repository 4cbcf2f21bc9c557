//! The parts together: what is collected is what the stages keep, and what the listener says of it, over real connections.

mod answers;
mod collected;
mod hostile;

use std::sync::Arc;

use super::{Component, Sources, Subject};
use crate::clock::MonotonicTime;
use crate::export::{Batch, Outcome, Payload, Queue, Settings, Settle, Signal};
use crate::features::{Feature, Features};
use crate::flow::RecordCounts;
use crate::kernel::AttachCounters;
use crate::ledger::Ledger;
use crate::pipeline::{Limits, Progress};
use crate::telemetry::Tallied;

/// The settings of a receiver.
pub(super) fn settings(endpoint: &str) -> Settings {
    let lookup = |name: &str| (name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| endpoint.to_owned());
    Settings::read(Signal::Logs, &lookup).unwrap().unwrap()
}

/// A request with so many records.
pub(super) fn batch(records: u32) -> Batch {
    Batch {
        payload: Payload::plain(Vec::new()),
        records,
        accounted: RecordCounts::default(),
        created: MonotonicTime(0),
    }
}

/// Settles nothing.
struct Nothing;

impl Settle for Nothing {
    fn settle(&mut self, _: Outcome, _: Batch) {}
}

/// Enters how a request ended just now, whenever that is.
fn settle(component: &Component, outcome: Outcome, records: u32) {
    settle_at(MonotonicTime(u64::MAX), component, outcome, records);
}

/// Enters how a request ended, and when.
fn settle_at(at: MonotonicTime, component: &Component, outcome: Outcome, records: u32) {
    Tallied::new(Nothing, &component.tally, move || at).settle(outcome, batch(records));
}

fn component(signal: Signal, subject: Subject) -> Component {
    Component::new(signal, subject, &settings("http://collector:4317"), &Arc::new(Queue::new(1 << 20)))
}

/// What there is of an agent with so many hooks that started at 0.
fn sources(ledger: &Arc<Ledger>, attached: u64, components: Vec<Component>) -> Arc<Sources> {
    let limits = Limits { observations: 100, losses: 200, flows: 300, memory: 400 };
    let progress = Arc::new(Progress::new(limits, MonotonicTime(0)));
    let failures = [1, 2, 3, 4, 5, 6];
    let attaching = move || AttachCounters { attached, failures, overruns: 7, lacks_tcx: true };
    let features = Arc::<Features>::default();
    for (feature, is_there) in [(Feature::Tcx, true), (Feature::Drops, true), (Feature::Namespaces, false)] {
        features.set(feature, is_there);
    }
    Arc::new(Sources::new(ledger, &progress, attaching, components, &features))
}
