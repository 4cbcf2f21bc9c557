//! Enters in the ledger what became of each batch.

mod arrivals;
mod metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::export::{Batch, Outcome, Settle};
use crate::ledger::{Ledger, LossReason};

pub(crate) use self::arrivals::Arrivals;
pub(crate) use self::metrics::{MetricsAccounts, lost_metrics};

/// The link from the export stage to the ledger.
pub(crate) struct Accounts {
    ledger: Arc<Ledger>,
    rejected: Rejected,
}

/// Records that receivers rejected out of batches that they took. A receiver does not say which, so the packets of these
/// records are among those delivered in the ledger; this number is what can be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rejected(Arc<AtomicU64>);

impl Accounts {
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Self {
        Self { ledger: Arc::clone(ledger), rejected: Rejected::default() }
    }

    /// A view of the number, for another task.
    pub(crate) fn rejected(&self) -> Rejected {
        self.rejected.clone()
    }
}

impl Settle for Accounts {
    fn settle(&mut self, outcome: Outcome, batch: Batch) {
        if let Outcome::Delivered { rejected_records } = outcome {
            self.rejected.0.fetch_add(rejected_records.into(), Ordering::Relaxed);
        }
        let lost = loss(outcome);
        for (hook, counts) in batch.accounted.by_hook() {
            match lost {
                None => self.ledger.delivered(hook, counts),
                Some(reason) => self.ledger.lost_after_queue(hook, reason, counts),
            }
        }
    }
}

/// What the ledger calls an outcome, if the batch is lost.
fn loss(outcome: Outcome) -> Option<LossReason> {
    match outcome {
        Outcome::Delivered { .. } => None,
        Outcome::Refused => Some(LossReason::Rejected),
        Outcome::Undelivered => Some(LossReason::Undelivered),
    }
}

impl Rejected {
    pub(crate) fn records(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What to say about them at the end, if there are any.
    pub(crate) fn sentence(&self) -> Option<String> {
        let records = self.records();
        (records > 0).then(|| {
            format!(
                "of the records counted as delivered, the receiver rejected {records}; \
                 it did not say which, so their packets cannot be told apart"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MonotonicTime;
    use crate::export::Payload;
    use crate::flow::{Counts, HookId};
    use crate::ledger::Row;

    const HOOK: HookId = HookId(0);
    const COUNTS: Counts = Counts { packets: 7, bytes: 700 };

    /// The ledger's row and the sentence after one batch of 10 records.
    fn settle(outcome: Outcome) -> (Row, Option<String>) {
        let ledger = Arc::new(Ledger::default());
        ledger.observed(HOOK, COUNTS);
        ledger.queued(HOOK, COUNTS);
        let mut accounts = Accounts::new(&ledger);
        let rejected = accounts.rejected();
        let batch = Batch {
            payload: Payload::plain(Vec::new()),
            records: 10,
            accounted: [(0, HOOK, COUNTS)].into_iter().collect(),
            created: MonotonicTime(0),
        };
        accounts.settle(outcome, batch);
        let row = ledger.snapshot()[0].1;
        assert!(row.balances(), "{row:?}");
        (row, rejected.sentence())
    }

    fn lost(reason: LossReason) -> Row {
        let mut row = Row { seen: COUNTS, ..Row::default() };
        row.lost[reason as usize] = COUNTS;
        row
    }

    #[test]
    fn each_outcome_has_its_column() {
        let delivered = Row { seen: COUNTS, delivered: COUNTS, ..Row::default() };
        assert_eq!(settle(Outcome::Delivered { rejected_records: 0 }), (delivered, None));
        assert_eq!(settle(Outcome::Refused), (lost(LossReason::Rejected), None));
        assert_eq!(settle(Outcome::Undelivered), (lost(LossReason::Undelivered), None));
    }

    #[test]
    fn records_rejected_out_of_a_batch_are_told_by_their_number() {
        let (row, sentence) = settle(Outcome::Delivered { rejected_records: 3 });
        assert_eq!((row.delivered, row.all_lost()), (COUNTS, Counts::default()));
        assert!(sentence.unwrap().contains("rejected 3;"));
    }
}
