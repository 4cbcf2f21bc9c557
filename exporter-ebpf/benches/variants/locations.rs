//! Two generations behind a cache of locations: a slot says where its flow's entry is, so that nothing waits in a cache.
//!
//! A program cannot keep a pointer into a map. So entries are in an array, the hash map gives their index, and a slot keeps it.

use abi::ObservationKey;
use abi::maps::SLOTS_PER_GENERATION;
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::entry;
use crate::maps::{ENTRIES, LOCATION_0, LOCATION_1, LOCATION_SLOTS, TAKEN, generation};

/// Entries of each CPU and generation.
const SHARE: u32 = 1 << 18;

/// A slot: the flow that owns it and the index of its entry.
#[repr(C)]
pub(crate) struct Location {
    key: ObservationKey,
    index: u32,
    pad: u32,
}

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    let generation = generation();
    let key = &packet.key;
    let ports = u32::from(key.src_port ^ key.dst_port);
    let at = (key.ifindex * 2 + u32::from(key.direction) + (ports ^ ports >> 6)) & (SLOTS_PER_GENERATION - 1);
    let Some(slot) = LOCATION_SLOTS.get_ptr_mut(generation * SLOTS_PER_GENERATION + at) else { return };
    // SAFETY: the map gave out this CPU's slot, and nothing else on this CPU writes it while the program runs.
    let slot = unsafe { &mut *slot };
    if slot.key != packet.key {
        let index = if generation == 0 {
            find(&LOCATION_0, 0, context, packet, wire)
        } else {
            find(&LOCATION_1, 1, context, packet, wire)
        };
        match index {
            Place::Known(index) => (slot.key, slot.index) = (packet.key, index),
            Place::Counted => return,
        }
    }
    if let Some(observation) = ENTRIES.get_ptr_mut(slot.index) {
        // SAFETY: this CPU's entry: its number is in the key.
        entry::update(unsafe { &mut *observation }, packet, wire);
    }
}

enum Place {
    Known(u32),
    /// The entry is new and has the packet already.
    Counted,
}

#[inline(always)]
fn find(
    locations: &HashMap<ObservationKey, u32>,
    generation: u32,
    context: &TcContext,
    packet: &Packet,
    wire: Wire,
) -> Place {
    if let Some(index) = locations.get_ptr_mut(&packet.key) {
        // SAFETY: the map gave out the value.
        return Place::Known(unsafe { *index });
    }
    let Some(taken) = TAKEN.get_ptr_mut(generation) else { return Place::Counted };
    // SAFETY: this CPU's counter.
    let taken = unsafe { &mut *taken };
    let index = (u32::from(packet.key.cpu) * 2 + generation) * SHARE + (*taken & (SHARE - 1));
    if let Some(observation) = ENTRIES.get_ptr_mut(index)
        && locations.insert(&packet.key, &index, 0).is_ok()
    {
        *taken += 1;
        // SAFETY: the entry at this CPU's new index.
        unsafe { *observation = entry::first(context, packet, wire) };
    }
    Place::Counted
}
