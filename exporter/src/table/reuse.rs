//! When a new connection takes the tuple of an old one.
//!
//! A segment that opens a connection (SYN, with or without ACK) begins a new flow if the tuple's flow was over in an earlier
//! reading, or if the same side sent a segment without SYN in an earlier reading: no TCP goes back to opening. The old flow
//! ends with `end_of_flow`. A SYN that is sent again because nobody answered meets neither condition and stays in its flow.
//!
//! Observations of a reading come in any order, so what may be the new connection's is held until the reading is over:
//! everything of a flow that was over before, and what has an opening segment of flows of which a side is past opening. Then the
//! earliest segment that opens a new connection divides: observations that end before it are the old flow's, all others the new
//! one's. So the SYN-ACK of a new connection follows its SYN, and one that is sent again because the last ACK of the handshake was
//! lost stays.
//!
//! What one reading cannot tell apart is in one flow, and never lost:
//! - An observation with packets from before its opening segment is the new flow's, with the old connection's last packets. Its FIN
//!   and RST are taken for the old connection's: a new one that closed within the same reading ends by its time-out, or with the
//!   next reuse.
//! - If the old connection closed in the reading in which the new one opened, packets that a CPU saw without an opening
//!   segment are the old flow's.
//! - Connections that open, close and open again within one reading are one flow. It is over, but if both ends still talk when
//!   closed connections must end, it goes on.

use crate::clock::MonotonicTime;
use crate::flow::{EndReason, Hooks, Observation, RecordSink};
use crate::table::index::Key;
use crate::table::slab::Slot;
use crate::table::{FlowTable, Output};

/// Observations that are held, at most (below 1 MiB); more are settled early, and are then divided by what is known so far.
pub(super) const MOST_HELD: usize = 4096;

/// The number of a reading, from 0. One a tenth of a second is enough for 13 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reading(u32);

impl Reading {
    pub(super) const FIRST: Self = Self(0);
    /// Later than every reading.
    pub(super) const NEVER: Self = Self(u32::MAX);

    pub(super) fn next(self) -> Self {
        Self(self.0.saturating_add(1).min(u32::MAX - 1))
    }
}

/// When the observation's first segment that opens a connection was sent, if it has one.
pub(super) fn opening(observation: &Observation) -> Option<MonotonicTime> {
    let handshake = observation.handshake;
    [handshake.syn, handshake.syn_ack].into_iter().flatten().min()
}

/// Whether all packets came before a connection was opened, as far as the coarse clock of the last one tells.
pub(super) fn is_before(observation: &Observation, opened: MonotonicTime) -> bool {
    observation.last < opened && opening(observation).is_none_or(|opening| opening < opened)
}

impl FlowTable {
    /// Gives what was held to old flows and new ones.
    pub(super) fn settle_held<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        let mut held = std::mem::take(&mut self.held);
        let hooks = out.hooks;
        let key = |observation: &Observation| Key::of(observation, hooks).0;
        held.sort_unstable_by_key(key);
        let groups = held.chunk_by(|a, b| key(a) == key(b));
        let groups: Vec<_> = groups.map(|group| (group, self.reopened(group, hooks))).collect();
        let parts = groups.iter().flat_map(|&(group, reopened)| {
            let opened = reopened.map(|(_, opened)| opened);
            group.iter().map(move |one| (one, opened.is_some_and(|opened| !is_before(one, opened))))
        });
        for (observation, _) in parts.clone().filter(|&(_, is_new)| !is_new) {
            self.count_held(observation, out);
        }
        // Asked again: a full table may have ended some of them meanwhile. All at once: a search for each would take long.
        let mut old: Vec<Slot> = groups
            .iter()
            .filter_map(|&(group, _)| self.reopened(group, hooks))
            .map(|(slot, _)| slot)
            .collect();
        old.sort_unstable();
        self.closing.retain(|slot| old.binary_search(slot).is_err());
        for slot in old {
            self.end(slot, EndReason::EndOfFlow, out);
        }
        for (observation, _) in parts.filter(|&(_, is_new)| is_new) {
            self.count_held(observation, out);
        }
        // The room for them is used again.
        held.clear();
        self.held = held;
    }

    /// The flow whose tuple a new connection takes in a conversation's observations, and when that was opened.
    fn reopened(&self, group: &[Observation], hooks: &Hooks) -> Option<(Slot, MonotonicTime)> {
        let slot = self.index.find(&Key::of(group.first()?, hooks).0, &self.flows)?;
        let opened = group.iter().filter_map(|observation| {
            let (_, side) = Key::of(observation, hooks);
            self.flows[slot].replaced_at(side, observation, self.reading)
        });
        Some((slot, opened.min()?))
    }

    fn count_held<S: RecordSink>(&mut self, observation: &Observation, out: &mut Output<'_, S>) {
        let (key, side) = Key::of(observation, out.hooks);
        let slot = self.index.find(&key, &self.flows);
        self.count(key, side, slot, observation, out);
    }
}
