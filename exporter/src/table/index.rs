//! Where each conversation's flow is.

use std::hash::BuildHasher;

use hashbrown::HashTable;

use crate::flow::Tuple;
use crate::table::flow::Flow;
use crate::table::slab::{Slab, Slot};

/// Leads from a conversation's tuple to the slot of its flow. It has no tuples itself: the one to compare with is in the flow,
/// which whoever asks wants to see anyway. So it is small enough for the processor's caches.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: HashTable<Slot>,
    hasher: foldhash::fast::RandomState,
}

impl Index {
    pub(super) fn find(&self, conversation: &Tuple, flows: &Slab<Flow>) -> Option<Slot> {
        let is_flow = |slot: &Slot| flows[*slot].conversation() == conversation;
        self.slots.find(self.hasher.hash_one(conversation), is_flow).copied()
    }

    /// A flow is at this slot from now on. Its conversation had none.
    pub(super) fn insert(&mut self, slot: Slot, flows: &Slab<Flow>) {
        let hash = |slot: &Slot| self.hasher.hash_one(flows[*slot].conversation());
        self.slots.insert_unique(hash(&slot), slot, hash);
    }

    /// The conversation's flow, which was at this slot, is no more.
    pub(super) fn remove(&mut self, conversation: &Tuple, slot: Slot) {
        if let Ok(entry) = self.slots.find_entry(self.hasher.hash_one(conversation), |known| *known == slot) {
            entry.remove();
        }
    }
}
