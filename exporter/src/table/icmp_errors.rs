//! ICMP errors on their way to the flow whose packet they quote.
//!
//! An error is a stranger's word: it counts for a flow that there is, and never makes one. As a payload's, what it says waits until the
//! reading is over, and one more.

use crate::clock::MonotonicTime;
use crate::flow::{FlowError, Hooks, IcmpError, Sighting, Tuple};
use crate::table::FlowTable;
use crate::table::conversation::{self, Side};
use crate::table::flow::Flow;
use crate::table::reuse::Reading;

/// Errors that a record tells.
const MOST: usize = 8;
/// Errors that wait between two readings (about 300 kB).
const MOST_WAITING: usize = 4096;

/// What waits, and what was for nothing.
#[derive(Debug, Default)]
pub(super) struct IcmpNotes {
    waiting: Vec<Note>,
    losses: super::Losses,
}

#[derive(Debug)]
struct Note {
    quoted: Tuple,
    /// The error itself.
    seen: Sighting,
    reading: Reading,
    error: IcmpError,
}

/// What was said of a flow.
#[derive(Debug, Default)]
pub(super) struct IcmpErrors {
    /// Since the last record, each once.
    said: Vec<(Side, IcmpError)>,
    /// When the first of these was seen.
    first: Option<MonotonicTime>,
    /// Somebody has said that there is no way to an end.
    pub(super) is_unreachable: bool,
}

impl IcmpErrors {
    /// Says whether there was room.
    pub(super) fn absorb(&mut self, side: Side, error: IcmpError, time: MonotonicTime) -> bool {
        self.is_unreachable |= error.is_host_unreachable();
        if self.said.contains(&(side, error)) {
            return true;
        }
        let has_room = self.said.len() < MOST;
        if has_room {
            self.said.push((side, error));
            self.first.get_or_insert(time);
        }
        has_room
    }

    /// What the record says, in an order of its own.
    pub(super) fn settle(&mut self, source: Side) -> Vec<FlowError> {
        self.first = None;
        let of = |(side, error)| FlowError { is_reverse: side != source, error };
        let mut errors: Vec<_> = self.said.drain(..).map(of).collect();
        errors.sort_unstable();
        errors
    }

    /// When the first error was seen that the next record tells.
    pub(super) fn first(&self) -> Option<MonotonicTime> {
        self.first
    }
}

impl FlowTable {
    /// Takes an error that quotes a packet, and when and where it was seen.
    pub fn note_icmp_error(&mut self, quoted: &Tuple, seen: Sighting, error: IcmpError) {
        if self.icmp_errors.waiting.len() >= MOST_WAITING {
            self.icmp_errors.losses.refused += 1;
            return;
        }
        self.icmp_errors.waiting.push(Note { quoted: *quoted, seen, reading: self.reading, error });
    }

    /// Errors that were read for nothing, since the start.
    #[must_use]
    pub fn lost_icmp_errors(&self) -> super::Losses {
        self.icmp_errors.losses
    }

    /// Gives flows the errors that are about them.
    pub(super) fn place_icmp_errors(&mut self, hooks: &Hooks) {
        let mut waiting = std::mem::take(&mut self.icmp_errors.waiting);
        waiting.retain(|note| !self.place_icmp_error(note, hooks));
        self.icmp_errors.waiting = waiting;
    }

    /// Whether nothing more is to be done.
    fn place_icmp_error(&mut self, note: &Note, hooks: &Hooks) -> bool {
        let (conversation, side) = conversation::of(&note.quoted);
        let time = note.seen.time;
        let slot = self.flow_of_error(note.seen, &conversation, hooks);
        let Some(slot) = slot.filter(|slot| self.flows[*slot].had_begun(time)) else {
            let is_late = note.reading < self.reading;
            self.icmp_errors.losses.unplaced += u64::from(is_late);
            return is_late;
        };
        let is_told = |flow: &mut Flow| flow.mishaps().is_told(side, note.error, time);
        if !self.flows[slot].is_excluded() && !self.tell(slot, is_told) {
            self.icmp_errors.losses.refused += 1;
        }
        true
    }
}
