//! What is delivered as one request.

use std::mem::size_of;

use crate::clock::MonotonicTime;
use crate::export::halve::halve;
use crate::export::payload::Payload;
use crate::flow::RecordCounts;

/// One encoded request and what is lost if it does not arrive. It refers to nothing outside, so that it can be kept anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The request.
    pub payload: Payload,
    /// Records in the payload.
    pub records: u32,
    /// What the records account for at each hook.
    pub accounted: RecordCounts,
    /// When the batch was made; its age is counted from here.
    pub created: MonotonicTime,
}

impl Batch {
    /// Bytes of memory that the batch takes in a queue.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.payload.bytes.len() + self.accounted.size()
    }

    /// Two batches of its records, as old as it is. `None` if there are no two records, or if the payload is no request with so
    /// many of them.
    pub(super) fn halve(&self) -> Option<[Self; 2]> {
        let [first, others] = halve(&self.payload, self.records)?;
        let [of_first, of_others] = self.accounted.split_at(first.1);
        let half =
            |(payload, records), accounted| Self { payload, records, accounted, created: self.created };
        Some([half(first, of_first), half(others, of_others)])
    }
}
