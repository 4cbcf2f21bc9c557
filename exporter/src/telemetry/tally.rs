//! What became of the records and the data points that an exporter took.

use std::sync::{Arc, Mutex};

use crate::clock::MonotonicTime;
use crate::export::{Batch, Outcome, Settle};
use crate::sync::lock;

/// Counts outcomes; every handle counts and reads the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<Settled>>);

/// Records, or data points of metrics, whose export is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Those that the receiver took.
    pub(crate) exported: u64,
    /// Those that it refused.
    pub(crate) rejected: u64,
    /// Those that were given up.
    pub(crate) undelivered: u64,
    /// How the last request ended, and when.
    pub(crate) last: Option<(Outcome, MonotonicTime)>,
}

impl Settled {
    pub(crate) fn total(&self) -> u64 {
        self.exported + self.rejected + self.undelivered
    }
}

impl Tally {
    pub(crate) fn settled(&self) -> Settled {
        *lock(&self.0)
    }

    fn count(&self, outcome: Outcome, records: u32, now: MonotonicTime) {
        let mut settled = lock(&self.0);
        settled.last = Some((outcome, now));
        match outcome {
            Outcome::Delivered { rejected_records } => {
                settled.exported += u64::from(records.saturating_sub(rejected_records));
                settled.rejected += u64::from(rejected_records);
            }
            Outcome::Refused => settled.rejected += u64::from(records),
            Outcome::Undelivered => settled.undelivered += u64::from(records),
        }
    }
}

/// Counts what another settles.
pub(crate) struct Tallied<S, N> {
    settle: S,
    tally: Tally,
    now: N,
}

impl<S, N> Tallied<S, N> {
    /// `now` reads the clock by which the last outcome's age is told.
    pub(crate) fn new(settle: S, tally: &Tally, now: N) -> Self {
        Self { settle, tally: tally.clone(), now }
    }
}

impl<S: Settle, N: Fn() -> MonotonicTime + Send> Settle for Tallied<S, N> {
    fn settle(&mut self, outcome: Outcome, batch: Batch) {
        let records = batch.records;
        self.settle.settle(outcome, batch);
        // After the ledger has it: who reads this number first finds no packet missing there.
        self.tally.count(outcome, records, (self.now)());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Payload;
    use crate::flow::RecordCounts;

    /// Takes batches and keeps their outcomes.
    struct Kept(Arc<Mutex<Vec<Outcome>>>);

    impl Settle for Kept {
        fn settle(&mut self, outcome: Outcome, _: Batch) {
            self.0.lock().unwrap().push(outcome);
        }
    }

    #[test]
    fn every_record_is_counted_once_and_handed_on() {
        let (tally, kept) = (Tally::default(), Arc::default());
        let mut tallied = Tallied::new(Kept(Arc::clone(&kept)), &tally, || MonotonicTime(7));
        assert_eq!(tally.settled(), Settled::default());
        let outcomes = [Outcome::Delivered { rejected_records: 3 }, Outcome::Refused, Outcome::Undelivered];
        for (outcome, records) in outcomes.into_iter().zip([10, 20, 40]) {
            let payload = Payload::plain(Vec::new());
            let batch =
                Batch { payload, records, accounted: RecordCounts::default(), created: MonotonicTime(0) };
            tallied.settle(outcome, batch);
        }
        let last = Some((Outcome::Undelivered, MonotonicTime(7)));
        assert_eq!(tally.settled(), Settled { exported: 7, rejected: 23, undelivered: 40, last });
        assert_eq!(tally.settled().total(), 70);
        assert_eq!(*kept.lock().unwrap(), outcomes);
    }
}
