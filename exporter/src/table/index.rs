//! Where each conversation's flow is.

use std::hash::{BuildHasher, Hasher};

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
        self.slots.find(hash(&self.hasher, conversation), is_flow).copied()
    }

    /// A flow is at this slot from now on. Its conversation had none.
    pub(super) fn insert(&mut self, slot: Slot, flows: &Slab<Flow>) {
        let Self { slots, hasher } = self;
        let hash = |slot: &Slot| hash(hasher, flows[*slot].conversation());
        slots.insert_unique(hash(&slot), slot, hash);
    }

    /// The conversation's flow, which was at this slot, is no more.
    pub(super) fn remove(&mut self, conversation: &Tuple, slot: Slot) {
        if let Ok(entry) = self.slots.find_entry(hash(&self.hasher, conversation), |known| *known == slot) {
            entry.remove();
        }
    }
}

/// In three steps: field by field it would be a dozen. What is not told of a tuple counts as 0, which the comparison tells apart.
fn hash(hasher: &impl BuildHasher, conversation: &Tuple) -> u64 {
    let Tuple { source, destination, source_port, destination_port, protocol, ip_version, icmp } =
        *conversation;
    let ports = u32::from(source_port.unwrap_or(0)) << 16 | u32::from(destination_port.unwrap_or(0));
    let message = icmp.map_or([0; 2], |icmp| [icmp.kind, icmp.code]);
    let rest = u32::from_ne_bytes([protocol, ip_version, message[0], message[1]]);
    let mut hasher = hasher.build_hasher();
    hasher.write_u128(source.to_bits());
    hasher.write_u128(destination.to_bits());
    hasher.write_u64(u64::from(ports) << 32 | u64::from(rest));
    hasher.finish()
}
