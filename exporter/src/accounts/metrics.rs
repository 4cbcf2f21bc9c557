//! What became of requests of metrics, and of packets that are in nothing but these.

use std::collections::HashMap;
use std::sync::Arc;

use super::loss;
use crate::export::{Batch, Outcome, Settle};
use crate::flow::{Counts, HookId, Temporality};
use crate::ledger::{Ledger, LossReason};

/// The link from the metrics' export to the ledger and to the log.
pub(crate) struct MetricsAccounts {
    ledger: Arc<Ledger>,
    temporality: Temporality,
    /// Packets of cumulative points that did not arrive: the next point has them too.
    waiting: HashMap<HookId, Counts>,
}

impl MetricsAccounts {
    pub(crate) fn new(ledger: &Arc<Ledger>, temporality: Temporality) -> Self {
        Self { ledger: Arc::clone(ledger), temporality, waiting: HashMap::new() }
    }
}

impl Settle for MetricsAccounts {
    fn settle(&mut self, outcome: Outcome, batch: Batch) {
        match (loss(outcome), self.temporality) {
            (None, _) => {
                for (hook, counts) in self.waiting.drain().chain(batch.accounted) {
                    self.ledger.delivered(hook, counts);
                }
            }
            (Some(_), Temporality::Cumulative) => {
                for (hook, counts) in batch.accounted {
                    *self.waiting.entry(hook).or_default() += counts;
                }
            }
            (Some(reason), Temporality::Delta) => {
                lost_metrics(&batch);
                for (hook, counts) in batch.accounted {
                    self.ledger.lost_after_queue(hook, reason, counts);
                }
            }
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

    /// The ledger's row after batches of one packet each ended like this.
    fn settle(temporality: Temporality, outcomes: &[Outcome]) -> Row {
        let ledger = Arc::new(Ledger::default());
        let mut accounts = MetricsAccounts::new(&ledger, temporality);
        for outcome in outcomes {
            ledger.observed(HOOK, ONE);
            ledger.queued(HOOK, ONE);
            let batch = Batch {
                payload: Payload::plain(Vec::new()),
                records: 2,
                accounted: vec![(HOOK, ONE)],
                created: MonotonicTime(0),
            };
            accounts.settle(*outcome, batch);
        }
        drop(accounts);
        let row = ledger.snapshot()[0].1;
        assert!(row.balances() && row.queued.is_zero(), "{row:?}");
        row
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
