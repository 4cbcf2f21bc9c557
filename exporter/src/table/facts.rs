//! What a flow's first record fixes for its life.

use crate::clock::MonotonicTime;
use crate::flow::Evidence;
use crate::table::conversation::Side;
use crate::table::tally::Lead;
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
    pub(super) fn of(tcp: Tcp, leads: &[Option<Lead>; 2]) -> Self {
        let first = |side: Side| leads[side as usize].map_or(MonotonicTime(u64::MAX), |lead| lead.first);
        let earlier = if first(Side::Against) < first(Side::Along) { Side::Against } else { Side::Along };
        let (source, evidence) = match Side::BOTH.map(|side| tcp.is_opener(side)) {
            [true, false] => (Side::Along, Evidence::Syn),
            [false, true] => (Side::Against, Evidence::Syn),
            [true, true] => (earlier, Evidence::Syn),
            [false, false] => (earlier, Evidence::FirstPacket),
        };
        let shown = if leads[source as usize].is_some() { source } else { source.other() };
        Self { source, evidence, shown }
    }
}
