//! Packets that the kernel dropped.

use std::sync::Arc;

use crate::clock::MonotonicTime;
use crate::flow::{Counts, Tuple};

/// Why, as the kernel calls it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DropReason(pub Arc<str>);

impl DropReason {
    /// The attribute's value.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Packets of one tuple that were dropped for one reason between two readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Who, from the sender's view.
    pub tuple: Tuple,
    /// Network namespace of the device or the socket that had them, if it is known and followed.
    pub scope: Option<u32>,
    /// Why.
    pub reason: DropReason,
    /// How much, on the wire; bytes from the IP header on. Never zero.
    pub counts: Counts,
    /// The first of them.
    pub first: MonotonicTime,
    /// The last of them.
    pub last: MonotonicTime,
}

/// What a record says of dropped packets of one side and reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DropCount {
    /// The destination sent them.
    pub is_reverse: bool,
    /// Why they were dropped.
    pub reason: DropReason,
    /// Packets of the interval.
    pub packets: u64,
    /// Their bytes, from the IP header on.
    pub bytes: u64,
}
