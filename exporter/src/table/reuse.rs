//! When a new connection takes the tuple of an old one.
//!
//! A SYN tells the initial sequence number of the end that opens the connection, and what answers it, a SYN-ACK or the reset that refuses
//! it, acknowledges that number. Connections of a tuple with different numbers are different flows, also within one reading: the
//! kernel never counts two of them in one observation. The old flow ends with `end_of_flow`.
//!
//! Numbers may be unknown, because a connection is older than the hooks, or the same. So a segment that opens a connection (SYN, with or
//! without ACK) also begins a new flow if the tuple's flow was over in an earlier reading, or if the same side sent a segment without
//! SYN in an earlier reading: no TCP goes back to opening. A SYN that is sent again because nobody answered meets none of these
//! conditions and stays in its flow.
//!
//! Observations of a reading come in any order, so what may be a new connection's is held until the reading is over: what has
//! another number than the flow, everything of a flow that was over before, and what has an opening segment of flows of which a side
//! is past opening. Then the earliest opening segment of each new connection divides: observations without a
//! number that end before it are an older flow's, others are those of the last connection that opened before they ended.
//!
//! What one reading cannot tell apart is in one flow, and never lost:
//! - Packets that a CPU saw without an opening segment, while connections opened and closed.
//! - Connections without numbers that open, close and open again. Their flow is over, but if both ends still talk when
//!   closed connections must end, it goes on.

use std::num::NonZeroU32;

use crate::clock::MonotonicTime;
use crate::flow::{EndReason, Handshake, Hooks, Observation, RecordSink};
use crate::table::conversation::Side;
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

/// What tells a connection from others of its tuple: who opens it, with which initial sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Initial {
    pub(super) number: NonZeroU32,
    pub(super) opener: Side,
}

impl Initial {
    /// Of packets that `side` sent, where they say it.
    pub(super) fn of(side: Side, observation: &Observation) -> Option<Self> {
        let Handshake { syn, syn_ack, .. } = observation.handshake;
        // One that opens a connection while the other end does has both.
        let opens = syn.is_some_and(|syn| syn_ack.is_none_or(|syn_ack| syn <= syn_ack));
        let opener = if opens { side } else { side.other() };
        observation.initial.map(|number| Self { number, opener })
    }

    /// Not where each end opens one: it may be one connection that both open at once.
    pub(super) fn is_another(self, other: Self) -> bool {
        self.opener == other.opener && self.number != other.number
    }
}

/// Where a new connection begins among the observations of a conversation.
#[derive(Clone, Copy, Debug)]
struct Cut {
    /// Which one it is; `None` if that is not known.
    initial: Option<Initial>,
    /// Its first opening segment.
    opened: MonotonicTime,
}

/// A conversation's observations, and the connections that begin with them, in their order.
struct Group<'a> {
    observations: &'a [Observation],
    cuts: Vec<Cut>,
}

impl Group<'_> {
    /// How many of the connections begin before an observation or with it.
    fn place(&self, observation: &Observation, hooks: &Hooks) -> usize {
        let initial = Initial::of(Key::of(observation, hooks).1, observation);
        let own = self.cuts.iter().position(|cut| cut.initial.is_some() && cut.initial == initial);
        own.map_or_else(|| self.cuts.partition_point(|cut| !is_before(observation, cut.opened)), |at| at + 1)
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
        let groups: Vec<_> =
            groups.map(|observations| Group { observations, cuts: self.cuts(observations, hooks) }).collect();
        let rounds = groups.iter().map(|group| group.cuts.len()).max().unwrap_or_default();
        for round in 0..=rounds {
            if let Some(before) = round.checked_sub(1) {
                self.end_replaced(groups.iter().filter(|group| group.cuts.len() > before), before, out);
            }
            for group in groups.iter().filter(|group| group.cuts.len() >= round) {
                for observation in group.observations {
                    if group.place(observation, hooks) == round {
                        self.count_held(observation, out);
                    }
                }
            }
        }
        // The room for them is used again.
        held.clear();
        self.held = held;
    }

    /// The flow that a conversation's observations have now.
    fn slot_of(&self, group: &[Observation], hooks: &Hooks) -> Option<Slot> {
        self.index.find(&Key::of(group.first()?, hooks).0, &self.flows)
    }

    /// The connections that begin with a conversation's observations.
    fn cuts(&self, group: &[Observation], hooks: &Hooks) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = Vec::new();
        let Some(slot) = self.slot_of(group, hooks) else { return cuts };
        let flow = &self.flows[slot];
        for observation in group {
            let (_, side) = Key::of(observation, hooks);
            let Some(opened) = flow.replaced_at(side, observation, self.reading) else { continue };
            let initial = Initial::of(side, observation);
            match cuts.iter_mut().find(|cut| cut.initial == initial) {
                Some(cut) => cut.opened = opened.min(cut.opened),
                None => cuts.push(Cut { initial, opened }),
            }
        }
        // What opens one that is not known is one of those that are, if there are.
        if cuts.iter().any(|cut| cut.initial.is_some()) {
            cuts.retain(|cut| cut.initial.is_some());
        }
        cuts.sort_unstable_by_key(|cut| cut.opened);
        cuts
    }

    /// Ends the flows that give way to the connections of this number in their groups. All at once: a search for each would take
    /// long.
    fn end_replaced<'a, S: RecordSink>(
        &mut self,
        groups: impl Iterator<Item = &'a Group<'a>>,
        number: usize,
        out: &mut Output<'_, S>,
    ) {
        let mut replaced: Vec<Slot> = groups
            .filter_map(|group| {
                // Asked again: a full table may have ended some of them meanwhile.
                let next = group.cuts.get(number)?.initial;
                let cuts = self.cuts(group.observations, out.hooks);
                cuts.iter().find(|cut| cut.initial == next)?;
                self.slot_of(group.observations, out.hooks)
            })
            .collect();
        replaced.sort_unstable();
        self.closing.retain(|slot| replaced.binary_search(slot).is_err());
        for slot in replaced {
            self.end(slot, EndReason::EndOfFlow, out);
        }
    }

    fn count_held<S: RecordSink>(&mut self, observation: &Observation, out: &mut Output<'_, S>) {
        let (key, side) = Key::of(observation, out.hooks);
        let slot = self.index.find(&key, &self.flows);
        self.count(key, side, slot, observation, out);
    }
}
