//! Where the records of `run` go: to one outlet, into metrics, or both.

use std::io;
use std::sync::Arc;

use super::{Console, Metering};
use crate::clock::Clock;
use crate::flow::{Counts, HookId, Record, RecordSink};
use crate::ledger::Ledger;
use crate::pipeline::Outlet;

/// Gives each record to metrics and to an outlet in one call, so that after a flush both have the same.
pub(crate) struct Outlets {
    pub(crate) records: Option<Box<dyn Outlet + Send>>,
    pub(crate) metrics: Option<MetricsOutlet>,
}

/// Where metrics go.
pub(crate) enum MetricsOutlet {
    /// To a receiver.
    Export(Box<Metering>),
    /// To the standard error.
    Console(Box<Console>),
}

impl MetricsOutlet {
    /// Enters in the ledger what becomes of the records' packets, which is that of the metrics: there is no other outlet.
    pub(crate) fn alone(self, ledger: &Arc<Ledger>) -> Self {
        match self {
            Self::Export(metering) => Self::Export(Box::new(metering.alone(ledger))),
            Self::Console(console) => Self::Console(Box::new(console.alone(ledger))),
        }
    }

    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        match self {
            Self::Export(metering) => metering.record(record, accounted),
            Self::Console(console) => console.record(record, accounted),
        }
    }

    fn flush(&mut self, now: &Clock) {
        match self {
            Self::Export(metering) => metering.flush(now),
            Self::Console(console) => console.flush(now),
        }
    }

    fn finish(&mut self, now: &Clock) {
        match self {
            Self::Export(metering) => metering.finish(now),
            Self::Console(console) => console.finish(now),
        }
    }
}

impl RecordSink for Outlets {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        if let Some(metrics) = &mut self.metrics {
            metrics.record(record, accounted);
        }
        if let Some(records) = &mut self.records {
            records.record(record, accounted);
        }
    }

    fn has_room(&self) -> bool {
        self.records.as_ref().is_none_or(|records| records.has_room())
    }
}

impl Outlet for Outlets {
    fn make_room(&mut self) {
        if let Some(records) = &mut self.records {
            records.make_room();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(metrics) = &mut self.metrics {
            metrics.flush(&Clock::now());
        }
        self.records.as_mut().map_or(Ok(()), |records| records.flush())
    }

    fn finish(&mut self) -> io::Result<()> {
        // First, as the other may wait for a reader.
        if let Some(metrics) = &mut self.metrics {
            metrics.finish(&Clock::now());
        }
        self.records.as_mut().map_or(Ok(()), |records| records.finish())
    }
}
