//! What is delivered as one request.

use std::mem::{size_of, size_of_val};

use crate::clock::MonotonicTime;
use crate::export::payload::Payload;
use crate::flow::{Counts, HookId};

/// One encoded request and what is lost if it does not arrive. It refers to nothing outside, so that it can be kept anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The request.
    pub payload: Payload,
    /// Records in the payload.
    pub records: u32,
    /// What the records account for at each hook.
    pub accounted: Vec<(HookId, Counts)>,
    /// When the batch was made; its age is counted from here.
    pub created: MonotonicTime,
}

impl Batch {
    /// Bytes of memory that the batch takes in a queue.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.payload.bytes.len() + size_of_val(self.accounted.as_slice())
    }
}
