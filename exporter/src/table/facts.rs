//! What a flow's first record fixes for its life.

use crate::clock::MonotonicTime;
use crate::flow::Evidence;
use crate::table::accounting::Accounting;
use crate::table::conversation::Side;
use crate::table::tcp::Tcp;

/// What the first record said and the others repeat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) source: Side,
    pub(super) evidence: Evidence,
    /// The side whose lead gives the hook and the VLAN: the source's if it was seen then.
    pub(super) shown: Side,
}

impl Facts {
    pub(super) fn of(tcp: Tcp, accounting: &Accounting) -> Self {
        let first = |side| accounting.first_of(side).unwrap_or(MonotonicTime(u64::MAX));
        let earlier = if first(Side::Against) < first(Side::Along) { Side::Against } else { Side::Along };
        let (source, evidence) = match Side::BOTH.map(|side| tcp.is_opener(side)) {
            [true, false] => (Side::Along, Evidence::Syn),
            [false, true] => (Side::Against, Evidence::Syn),
            [true, true] => (earlier, Evidence::Syn),
            [false, false] => (earlier, Evidence::FirstPacket),
        };
        let shown = if accounting.lead(source).is_some() { source } else { source.other() };
        Self { source, evidence, shown }
    }
}
