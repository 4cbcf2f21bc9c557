//! What the flows of a table have in common.

use crate::clock::MonotonicTime;
use crate::table::accounting::Tally;
use crate::table::uses::Uses;

/// Lists for this many tallies and fewer are used again: a flow that crosses two hooks has four.
const ROOM: usize = 4;

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// How often a record to come may name each hook.
    pub(super) uses: Uses,
    /// When the turn was over that ended the reading before the running one: what was seen later is in none before.
    pub(super) parted: MonotonicTime,
    /// Empty lists with room. A flow has one only from an interval's first packet to its record, and asking the allocator for it each
    /// time costs more than what is written there.
    lists: Vec<Vec<Tally>>,
}

impl Shared {
    /// An empty list, with room if there is one.
    pub(super) fn list(&mut self) -> Vec<Tally> {
        self.lists.pop().unwrap_or_default()
    }

    /// Takes a list whose tallies were told.
    pub(super) fn take_back(&mut self, mut list: Vec<Tally>) {
        if (1..=ROOM).contains(&list.capacity()) {
            list.clear();
            self.lists.push(list);
        }
    }

    /// No more than this many flows have a list at once.
    pub(super) fn shrink(&mut self, flows: usize) {
        self.lists.truncate(flows);
    }
}
