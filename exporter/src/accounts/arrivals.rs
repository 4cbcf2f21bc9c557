//! Which collections of metrics a receiver has as a whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::clock::MonotonicTime;
use crate::export::Batch;
use crate::ledger::LossReason;
use crate::sync::lock;

/// Follows the points of each collection from the queue to their end. Who makes requests and who settles them share it.
///
/// A collection is told by the time at which it was made, which is that of its batches. It may be several requests, and a request
/// may go in parts; so what is still on its way is counted in points.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrivals(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Collections with points on their way: no more than the queue holds.
    under_way: HashMap<MonotonicTime, UnderWay>,
    latest: Option<MonotonicTime>,
}

#[derive(Debug, Default)]
struct UnderWay {
    points: u64,
    /// Why the first of those was lost that were.
    lost: Option<LossReason>,
}

/// How a collection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Some points are still on their way, and none is lost.
    UnderWay,
    /// The receiver has all points.
    Whole,
    /// Points were lost, the first ones for this reason.
    Lacking(LossReason),
}

impl Arrivals {
    /// A collection of so many points goes into the queue. One without any is none.
    pub(crate) fn begin(&self, collected: MonotonicTime, points: u64) {
        if points > 0 {
            lock(&self.0).under_way.entry(collected).or_default().points += points;
        }
    }

    /// Points of a batch have come to their end: lost, or with the receiver.
    pub(crate) fn ended(&self, batch: &Batch, lost: Option<LossReason>) -> Arrival {
        let mut state = lock(&self.0);
        let collected = batch.created;
        let Some(under_way) = state.under_way.get_mut(&collected) else { return Arrival::UnderWay };
        under_way.points = under_way.points.saturating_sub(batch.records.into());
        under_way.lost = under_way.lost.or(lost);
        let (is_over, lost) = (under_way.points == 0, under_way.lost);
        if is_over {
            state.under_way.remove(&collected);
        }
        match lost {
            Some(reason) => Arrival::Lacking(reason),
            None if is_over => {
                state.latest = state.latest.max(Some(collected));
                Arrival::Whole
            }
            None => Arrival::UnderWay,
        }
    }

    /// When the latest collection was made that the receiver has as a whole.
    pub(crate) fn latest(&self) -> Option<MonotonicTime> {
        lock(&self.0).latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Payload;
    use crate::flow::RecordCounts;

    const FIRST: MonotonicTime = MonotonicTime(1);
    const SECOND: MonotonicTime = MonotonicTime(2);

    fn batch(created: MonotonicTime, records: u32) -> Batch {
        Batch { payload: Payload::plain(Vec::new()), records, accounted: RecordCounts::default(), created }
    }

    #[test]
    fn a_collection_has_arrived_with_the_last_of_its_points() {
        let arrivals = Arrivals::default();
        arrivals.begin(FIRST, 5);
        arrivals.begin(SECOND, 1);
        assert_eq!(arrivals.ended(&batch(FIRST, 3), None), Arrival::UnderWay);
        assert_eq!(arrivals.latest(), None);
        assert_eq!(arrivals.ended(&batch(FIRST, 2), None), Arrival::Whole);
        assert_eq!(arrivals.latest(), Some(FIRST));
        assert_eq!(arrivals.ended(&batch(SECOND, 1), None), Arrival::Whole);
        assert_eq!(arrivals.latest(), Some(SECOND));
    }

    #[test]
    fn a_collection_that_lost_a_point_lacks_it_whatever_else_arrives() {
        let arrivals = Arrivals::default();
        arrivals.begin(FIRST, 3);
        let lacking = Arrival::Lacking(LossReason::Rejected);
        assert_eq!(arrivals.ended(&batch(FIRST, 1), Some(LossReason::Rejected)), lacking);
        assert_eq!(arrivals.ended(&batch(FIRST, 1), Some(LossReason::Undelivered)), lacking);
        assert_eq!(arrivals.ended(&batch(FIRST, 1), None), lacking);
        assert_eq!(arrivals.latest(), None);
        assert!(lock(&arrivals.0).under_way.is_empty());
    }

    #[test]
    fn what_was_never_begun_arrives_nowhere() {
        let arrivals = Arrivals::default();
        assert_eq!(arrivals.ended(&batch(FIRST, 1), None), Arrival::UnderWay);
        assert_eq!(arrivals.latest(), None);
    }

    #[test]
    fn a_collection_without_points_leaves_nothing() {
        let arrivals = Arrivals::default();
        arrivals.begin(FIRST, 0);
        assert!(lock(&arrivals.0).under_way.is_empty());
    }
}
