//! Records into metrics, and these into their own export queue.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::accounts::{Arrivals, lost_metrics};
use crate::aggregate::Aggregator;
use crate::clock::{Clock, MonotonicTime};
use crate::export::{Batch, Compressor, Queue};
use crate::flow::{Counts, HookId, Record, RecordCounts, Temporality};
use crate::ledger::{Ledger, LossReason};
use crate::otlp::{MetricsRequest, MetricsWriter};

/// Counts records, and queues the series' points from time to time.
pub(crate) struct Metering {
    aggregator: Aggregator,
    writer: MetricsWriter,
    compressor: Compressor,
    queue: Arc<Queue>,
    arrivals: Arrivals,
    temporality: Temporality,
    interval: Duration,
    due: MonotonicTime,
    packets: Option<Packets>,
}

/// The packets of records that nothing but metrics takes.
struct Packets {
    ledger: Arc<Ledger>,
    /// Those that no queued request stands for.
    counted: HashMap<HookId, Counts, FixedState>,
}

impl Metering {
    /// Points are given every `interval`, from `now` on.
    pub(crate) fn new(
        aggregator: Aggregator,
        writer: MetricsWriter,
        compressor: Compressor,
        queue: Arc<Queue>,
        temporality: Temporality,
        interval: Duration,
        now: &Clock,
    ) -> Self {
        let due = after(now.monotonic(), interval);
        let arrivals = Arrivals::default();
        Self { aggregator, writer, compressor, queue, arrivals, temporality, interval, due, packets: None }
    }

    /// What becomes of the queued points, for who settles them.
    pub(crate) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Enters in the ledger what becomes of the records' packets, which is that of the metrics: there is no other outlet.
    pub(crate) fn alone(self, ledger: &Arc<Ledger>) -> Self {
        Self { packets: Some(Packets { ledger: Arc::clone(ledger), counted: HashMap::default() }), ..self }
    }

    pub(super) fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        self.aggregator.record(record);
        if let Some(packets) = &mut self.packets {
            for &(hook, counts) in accounted {
                packets.ledger.queued(hook, counts);
                *packets.counted.entry(hook).or_default() += counts;
            }
        }
    }

    /// Queues the points, if it is time.
    pub(super) fn flush(&mut self, now: &Clock) {
        if now.monotonic() >= self.due {
            // What comes late because records were waited for does not move all later ones.
            self.due = after(self.due, self.interval).max(now.monotonic());
            self.export(now);
        }
    }

    /// Queues the last points.
    pub(super) fn finish(&mut self, now: &Clock) {
        self.export(now);
        if let Some(Packets { ledger, counted }) = &mut self.packets {
            for (hook, counts) in counted.drain() {
                ledger.lost_after_queue(hook, LossReason::QueueFull, counts);
            }
        }
    }

    fn export(&mut self, now: &Clock) {
        let Self { aggregator, writer, .. } = self;
        aggregator.collect(now, self.arrivals.latest(), |point| writer.point(point));
        let requests: Vec<MetricsRequest> = self.writer.finish().collect();
        let created = now.monotonic();
        // Before the first of them can arrive.
        self.arrivals.begin(created, requests.iter().map(|request| u64::from(request.points)).sum());
        let mut requests = requests.into_iter().peekable();
        while let Some(MetricsRequest { payload, points }) = requests.next() {
            let mut accounted = RecordCounts::default();
            // Packets are in all points of one time, and arrive with the last.
            if let (None, Some(packets)) = (requests.peek(), &mut self.packets) {
                let last = points.saturating_sub(1);
                accounted = packets.counted.drain().map(|(hook, counts)| (last, hook, counts)).collect();
            }
            let payload = self.compressor.compress(payload);
            let batch = Batch { payload, records: points, accounted, created };
            for lost in self.queue.push(batch) {
                self.lost(&lost);
            }
        }
    }

    /// A request found no room.
    fn lost(&mut self, batch: &Batch) {
        self.arrivals.ended(batch, Some(LossReason::QueueFull));
        if self.temporality == Temporality::Delta {
            lost_metrics(batch);
        }
        let Some(Packets { ledger, counted }) = &mut self.packets else { return };
        for (hook, counts) in batch.accounted.by_hook() {
            match self.temporality {
                // The next request has them too.
                Temporality::Cumulative => *counted.entry(hook).or_default() += counts,
                Temporality::Delta => ledger.lost_after_queue(hook, LossReason::QueueFull, counts),
            }
        }
    }
}

fn after(moment: MonotonicTime, interval: Duration) -> MonotonicTime {
    moment.after(u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
