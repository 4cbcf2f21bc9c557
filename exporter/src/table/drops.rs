//! What the kernel dropped of flows, on its way to them.
//!
//! A packet may be dropped before a hook sees its flow: then what is known of it waits until the reading is over, and one more, or has a flow
//! of its own made, as the user wants it. Dropped packets are in no hook's balance: a hook has counted them before, or never saw them.

use crate::clock::MonotonicTime;
use crate::flow::{Counts, DropCount, DropReason, Dropped, NetworkId, RecordSink};
use crate::table::conversation::Side;
use crate::table::index::Key;
use crate::table::reuse::Reading;
use crate::table::{FlowTable, Output, conversation};

/// Sides and reasons that a record tells apart: a flow with more has something else than losses.
const MOST: usize = 16;

/// What waits, and what became of the rest, in packets.
#[derive(Debug, Default)]
pub(super) struct DropNotes {
    waiting: Vec<(Reading, Dropped)>,
    fates: DropFates,
}

/// What became of dropped packets of which the headers are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropFates {
    /// They are in a record, or will be.
    pub placed: u64,
    /// No hook has seen their flow, or it is not reported.
    pub unplaced: u64,
    /// Their flow has too many reasons already.
    pub refused: u64,
}

/// What was dropped of a flow since its last record.
#[derive(Debug, Default)]
pub(super) struct Drops {
    counts: Vec<(Side, DropReason, Counts)>,
    /// The first dropped packet of each side in the interval.
    first: [Option<MonotonicTime>; 2],
}

impl Drops {
    /// Says whether there was room.
    pub(super) fn absorb(&mut self, side: Side, dropped: &Dropped) -> bool {
        let is_same = |(of, reason, _): &&mut (Side, DropReason, _)| *of == side && *reason == dropped.reason;
        let is_full = self.counts.len() >= MOST;
        match self.counts.iter_mut().find(is_same) {
            Some((_, _, counts)) => *counts += dropped.counts,
            None if is_full => return false,
            None => {
                // One at a time: most flows have one reason, and all of them may have one at once.
                self.counts.reserve_exact(1);
                self.counts.push((side, dropped.reason.clone(), dropped.counts));
            }
        }
        let first = &mut self.first[side as usize];
        *first = Some(first.map_or(dropped.first, |first| first.min(dropped.first)));
        true
    }

    /// The first dropped packet of the interval that `side` sent.
    pub(super) fn first_of(&self, side: Side) -> Option<MonotonicTime> {
        self.first[side as usize]
    }

    /// The first dropped packet of the interval.
    pub(super) fn first(&self) -> Option<MonotonicTime> {
        self.first.into_iter().flatten().min()
    }

    /// What the record says, the source's packets first.
    pub(super) fn settle(self, source: Side) -> Vec<DropCount> {
        let mut counts: Vec<_> = self
            .counts
            .into_iter()
            .map(|(side, reason, counts)| DropCount {
                is_reverse: side != source,
                reason,
                packets: counts.packets,
                bytes: counts.bytes,
            })
            .collect();
        counts.sort_unstable();
        counts
    }
}

impl FlowTable {
    /// Takes packets that the kernel dropped, for the flow that they belong to.
    pub fn note_dropped(&mut self, dropped: &Dropped) {
        self.drops.waiting.push((self.reading, dropped.clone()));
    }

    /// What became of dropped packets, since the start.
    #[must_use]
    pub fn drop_fates(&self) -> DropFates {
        self.drops.fates
    }

    /// Gives flows what was dropped of them. To be called when the reading's observations are counted.
    pub(super) fn place_dropped<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        for (reading, dropped) in std::mem::take(&mut self.drops.waiting) {
            let packets = dropped.counts.packets;
            let (conversation, side) = conversation::of(&dropped.tuple);
            let slot = match self.flow_of_drops(dropped.scope, &conversation, out.hooks) {
                Some(slot) => slot,
                None if self.settings.flows_of_drops => {
                    let network = dropped.scope.map_or(NetworkId::NODE, |scope| out.hooks.network_of(scope));
                    let slot = self.admit(Key { network, conversation }, None, dropped.first, out);
                    self.look_at(slot);
                    slot
                }
                None if reading == self.reading => {
                    self.drops.waiting.push((reading, dropped));
                    continue;
                }
                None => {
                    self.drops.fates.unplaced += packets;
                    continue;
                }
            };
            let is_reported = !self.flows[slot].is_excluded();
            let fate = if is_reported && self.tell(slot, |flow| flow.lose(side, &dropped)) {
                &mut self.drops.fates.placed
            } else if is_reported {
                &mut self.drops.fates.refused
            } else {
                &mut self.drops.fates.unplaced
            };
            *fate += packets;
        }
    }
}
