//! Where each conversation's flow is.

use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;

use crate::flow::{Hooks, NetworkId, Observation, Tuple};
use crate::table::conversation::{self, Side};
use crate::table::flow::Flow;
use crate::table::slab::{Slab, Slot};

/// What a flow is found by: a conversation, and where its addresses mean what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) network: NetworkId,
    pub(super) conversation: Tuple,
}

impl Key {
    /// Of the flow that an observation belongs to, and who sent what was observed.
    pub(super) fn of(observation: &Observation, hooks: &Hooks) -> (Self, Side) {
        let (conversation, side) = conversation::of(&observation.tuple);
        (Self { network: hooks.network(observation.hook), conversation }, side)
    }
}

/// Leads from a key to the slot of its flow. It has no keys itself: the one to compare with is in the flow, which whoever asks wants
/// to see anyway. So it is small enough for the processor's caches.
///
/// The hash is that of the conversation alone. So a flow stays where it is when its network joins another, and who does not know
/// the network finds all flows that it may be. Equal addresses and ports in many networks, such as those of DHCP, are looked at
/// one after the other.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: HashTable<Slot>,
    hasher: foldhash::fast::RandomState,
}

impl Index {
    pub(super) fn find(&self, key: &Key, flows: &Slab<Flow>) -> Option<Slot> {
        let is_flow = |slot: &Slot| flows[*slot].key() == *key;
        self.slots.find(hash(&self.hasher, &key.conversation), is_flow).copied()
    }

    /// The conversation's flows in all networks.
    pub(super) fn find_all(&self, conversation: &Tuple, flows: &Slab<Flow>) -> impl Iterator<Item = Slot> {
        let is_flow = move |slot: &Slot| flows[*slot].conversation() == conversation;
        self.slots.iter_hash(hash(&self.hasher, conversation)).copied().filter(is_flow)
    }

    /// A flow is at this slot from now on. Its key had none.
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
