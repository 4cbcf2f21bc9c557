//! What became of requests of metrics, and of packets that are in nothing but these.

use std::collections::HashMap;
use std::sync::Arc;

use super::arrivals::{Arrival, Arrivals};
use super::loss;
use crate::export::{Batch, Outcome, Settle};
use crate::flow::{Counts, HookId, Temporality};
use crate::ledger::{Ledger, LossReason};

/// The link from the metrics' export to the ledger and to the log.
pub(crate) struct MetricsAccounts {
    ledger: Arc<Ledger>,
    temporality: Temporality,
    arrivals: Arrivals,
    /// Packets of cumulative points that did not arrive: the next point has them too.
    waiting: HashMap<HookId, Counts>,
}

impl MetricsAccounts {
    /// Settles what `arrivals` follows.
    pub(crate) fn new(ledger: &Arc<Ledger>, temporality: Temporality, arrivals: Arrivals) -> Self {
        Self { ledger: Arc::clone(ledger), temporality, arrivals, waiting: HashMap::new() }
    }

    fn lost(&self, reason: LossReason, batch: &Batch) {
        for (hook, counts) in batch.accounted.by_hook() {
            self.ledger.lost_after_queue(hook, reason, counts);
        }
    }
}

impl Settle for MetricsAccounts {
    /// Packets are delivered with a collection that arrives as a whole: which of its points they are in, nobody knows.
    fn settle(&mut self, outcome: Outcome, batch: Batch) {
        let lost = loss(outcome);
        let arrival = self.arrivals.ended(&batch, lost);
        if lost.is_some() && self.temporality == Temporality::Delta {
            lost_metrics(&batch);
        }
        match (arrival, self.temporality) {
            (Arrival::Whole, _) => {
                for (hook, counts) in self.waiting.drain().chain(batch.accounted.by_hook()) {
                    self.ledger.delivered(hook, counts);
                }
            }
            (_, Temporality::Cumulative) => {
                for (hook, counts) in batch.accounted.by_hook() {
                    *self.waiting.entry(hook).or_default() += counts;
                }
            }
            (Arrival::Lacking(reason), Temporality::Delta) => self.lost(reason, &batch),
            // The packets are with the last points, so what is still missing here has just made room in the queue.
            (Arrival::UnderWay, Temporality::Delta) => self.lost(LossReason::QueueFull, &batch),
        }
    }
}

impl Drop for MetricsAccounts {
    /// No point comes any more.
    fn drop(&mut self) {
        for (hook, counts) in self.waiting.drain() {
            self.ledger.lost_after_queue(hook, LossReason::Undelivered, counts);
        }
    }
}

/// Says that deltas are lost, which no later point makes good.
pub(crate) fn lost_metrics(batch: &Batch) {
    tracing::warn!(
        points = batch.records,
        remedy = "see why the receiver does not take them, or use cumulative temporality",
        "points of metrics with delta temporality are lost: sums over time are too small"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captured::Captured;
    use crate::clock::MonotonicTime;
    use crate::export::Payload;
    use crate::ledger::Row;

    const HOOK: HookId = HookId(0);
    const ONE: Counts = Counts { packets: 1, bytes: 100 };
    const ALL: Outcome = Outcome::Delivered { rejected_records: 0 };

    const FIRST: MonotonicTime = MonotonicTime(1);

    fn batch(created: MonotonicTime, packets: &[Counts]) -> Batch {
        let accounted = packets.iter().map(|&packets| (1, HOOK, packets)).collect();
        Batch { payload: Payload::plain(Vec::new()), records: 2, accounted, created }
    }

    /// The ledger's row after batches ended like this, the last of each collection with one packet.
    fn settle_collections(temporality: Temporality, collections: &[&[Outcome]]) -> Row {
        let ledger = Arc::new(Ledger::default());
        let arrivals = Arrivals::default();
        let mut accounts = MetricsAccounts::new(&ledger, temporality, arrivals.clone());
        for (time, outcomes) in (0..).map(MonotonicTime).zip(collections) {
            ledger.observed(HOOK, ONE);
            ledger.queued(HOOK, ONE);
            let (last, others) = outcomes.split_last().unwrap();
            arrivals.begin(time, 2 * outcomes.len() as u64);
            for outcome in others {
                accounts.settle(*outcome, batch(time, &[]));
            }
            accounts.settle(*last, batch(time, &[ONE]));
        }
        drop(accounts);
        let row = ledger.snapshot()[0].1;
        assert!(row.balances() && row.queued.is_zero(), "{row:?}");
        row
    }

    /// The same with collections of one batch each.
    fn settle(temporality: Temporality, outcomes: &[Outcome]) -> Row {
        let collections: Vec<&[Outcome]> = outcomes.chunks(1).collect();
        settle_collections(temporality, &collections)
    }

    #[test]
    fn packets_are_delivered_with_a_whole_collection_alone() {
        let half: &[Outcome] = &[Outcome::Refused, ALL];
        let row = settle_collections(Temporality::Cumulative, &[half, &[ALL, Outcome::Undelivered]]);
        assert_eq!(
            (row.delivered, row.lost[LossReason::Undelivered as usize]),
            (Counts::default(), ONE + ONE)
        );
        let row = settle_collections(Temporality::Cumulative, &[half, &[ALL, ALL], half]);
        assert_eq!((row.delivered, row.all_lost()), (ONE + ONE, ONE));
        let row = settle_collections(Temporality::Delta, &[half, &[ALL, ALL]]);
        assert_eq!((row.delivered, row.lost[LossReason::Rejected as usize]), (ONE, ONE));
    }

    #[test]
    fn packets_of_a_collection_that_is_displaced_in_part_are_not_delivered() {
        for (temporality, reason) in
            [(Temporality::Cumulative, LossReason::Undelivered), (Temporality::Delta, LossReason::QueueFull)]
        {
            // What made room may be told of before the rest arrives, or afterwards.
            for is_told in [true, false] {
                let ledger = Arc::new(Ledger::default());
                ledger.observed(HOOK, ONE);
                ledger.queued(HOOK, ONE);
                let arrivals = Arrivals::default();
                arrivals.begin(FIRST, 4);
                if is_told {
                    arrivals.ended(&batch(FIRST, &[]), Some(LossReason::QueueFull));
                }
                let mut accounts = MetricsAccounts::new(&ledger, temporality, arrivals.clone());
                accounts.settle(ALL, batch(FIRST, &[ONE]));
                drop(accounts);
                let row = ledger.snapshot()[0].1;
                assert_eq!((row.delivered, row.lost[reason as usize]), (Counts::default(), ONE));
                assert_eq!(arrivals.latest(), None);
            }
        }
    }

    #[test]
    fn a_later_cumulative_point_makes_up_for_one_that_was_lost() {
        let row = settle(Temporality::Cumulative, &[Outcome::Undelivered, Outcome::Refused, ALL]);
        assert_eq!(row.delivered, ONE + ONE + ONE);
    }

    #[test]
    fn the_last_cumulative_points_can_be_lost() {
        let row = settle(Temporality::Cumulative, &[ALL, Outcome::Undelivered]);
        assert_eq!((row.delivered, row.lost[LossReason::Undelivered as usize]), (ONE, ONE));
    }

    /// What is logged meanwhile.
    fn log(work: impl FnOnce()) -> String {
        let log = Captured::default();
        tracing::subscriber::with_default(log.subscriber(), work);
        log.text()
    }

    #[test]
    fn only_deltas_that_are_lost_are_told() {
        let losing = |temporality| {
            log(|| {
                settle(temporality, &[Outcome::Undelivered, ALL]);
            })
        };
        assert_eq!(losing(Temporality::Cumulative), "");
        let told = losing(Temporality::Delta);
        assert!(told.lines().count() == 1 && told.contains("WARN") && told.contains("points=2"), "{told}");
    }

    #[test]
    fn a_delta_that_was_lost_is_lost() {
        let row = settle(Temporality::Delta, &[Outcome::Undelivered, Outcome::Refused, ALL]);
        assert_eq!((row.delivered, row.all_lost()), (ONE, ONE + ONE));
    }
}
