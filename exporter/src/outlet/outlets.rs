//! Where the records of `run` go: to one outlet, into metrics, or both.

use std::io;

use super::Metering;
use crate::clock::Clock;
use crate::flow::{Counts, HookId, Record, RecordSink};
use crate::pipeline::Outlet;

/// Gives each record to metrics and to an outlet in one call, so that after a flush both have the same.
pub(crate) struct Outlets {
    pub(crate) records: Option<Box<dyn Outlet + Send>>,
    pub(crate) metrics: Option<Metering>,
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
