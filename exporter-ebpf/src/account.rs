//! Adds a packet to its observation.
//!
//! In front of the map stands a small cache per CPU: the next packet of the flow that owns a slot is three additions. A packet
//! takes the long way, through the map, when its flow does not own the slot or when it brings something new (a TCP flag, an
//! ECN codepoint). A flow whose packets find the slot taken twice in a row takes it over, once what the slot still holds is
//! added to the entry of its old owner. So flows that come one packet at a time do not empty the slot at each.
//!
//! No addition is atomic: an entry belongs to one CPU (the CPU is in its key), and programs of a hook do not interrupt each
//! other there.

#![expect(
    clippy::needless_borrows_for_generic_args,
    reason = "without the borrow, keys and values are copied once more on a stack of 512 bytes"
)]

use abi::maps::SLOTS_PER_GENERATION;
use abi::{Observation, ObservationKey, Slot, tcp_flags};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::maps::{CONTROL, INSERTED, OBSERVATIONS_0, OBSERVATIONS_1, SLOTS};
use crate::{clock, entry, losses};

/// Segments that open or close a connection always take the long way, which notes the time of a handshake.
const NOTABLE: u16 = tcp_flags::SYN | tcp_flags::FIN | tcp_flags::RST;

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &Packet, wire: Wire) {
    let generation = CONTROL.get(0).copied().unwrap_or(0) & 1;
    let Some(slot) = SLOTS.get_ptr_mut(generation * SLOTS_PER_GENERATION + Slot::index(&packet.key)) else {
        return; // Cannot be: the index is below the map's size.
    };
    // SAFETY: the map gave out this CPU's slot, and nothing else on this CPU writes it while the program runs.
    let slot = unsafe { &mut *slot };
    let ecn = 1 << (packet.traffic_class & 3);
    if slot.key == packet.key && packet.tcp_flags & (!slot.tcp_flags | NOTABLE) == 0 && ecn & !slot.ecn == 0 {
        slot.packets += u64::from(wire.packets);
        slot.bytes += u64::from(wire.bytes);
        let tick = clock::tick();
        if slot.tick != tick {
            slot.tick = tick;
            slot.last_ns = clock::coarse();
        }
        return;
    }
    // Two ways, not one with a chosen map: the verifier inlines the lookup of a map that it knows.
    if generation == 0 {
        through_0(context, slot, packet, wire);
    } else {
        through_1(context, slot, packet, wire);
    }
}

#[inline(never)]
fn through_0(context: &TcContext, slot: &mut Slot, packet: &Packet, wire: Wire) {
    through_map(&OBSERVATIONS_0, 0, context, slot, packet, wire);
}

#[inline(never)]
fn through_1(context: &TcContext, slot: &mut Slot, packet: &Packet, wire: Wire) {
    through_map(&OBSERVATIONS_1, 1, context, slot, packet, wire);
}

#[inline(always)]
fn through_map(
    observations: &HashMap<ObservationKey, Observation>,
    generation: u32,
    context: &TcContext,
    slot: &mut Slot,
    packet: &Packet,
    wire: Wire,
) {
    let entry_flags = if let Some(entry) = observations.get_ptr_mut(&packet.key) {
        // SAFETY: this CPU's entry, see the module's comment.
        let entry = unsafe { &mut *entry };
        entry::update(entry, packet, wire);
        (entry.tcp_flags, entry.ecn)
    } else {
        let entry = entry::first(context, packet, wire);
        if observations.insert(&packet.key, &entry, u64::from(BPF_NOEXIST)).is_err() {
            return losses::overflow(&packet.key, u64::from(wire.packets), u64::from(wire.bytes));
        }
        count_insert(generation);
        (entry.tcp_flags, entry.ecn)
    };
    let contender = packet.key.src_port ^ packet.key.dst_port;
    if slot.contender != contender {
        slot.contender = contender;
        return;
    }
    if slot.packets != 0 {
        settle(observations, slot);
    }
    slot.key = packet.key;
    slot.packets = 0;
    slot.bytes = 0;
    (slot.tcp_flags, slot.ecn) = entry_flags;
}

#[inline(always)]
fn count_insert(generation: u32) {
    if let Some(inserted) = INSERTED.get_ptr_mut(generation) {
        // SAFETY: this CPU's value, and programs of a hook do not interrupt each other on a CPU.
        unsafe { *inserted += 1 };
    }
}

/// Adds what the slot holds to its flow's entry.
#[inline(always)]
fn settle(observations: &HashMap<ObservationKey, Observation>, slot: &Slot) {
    if let Some(entry) = observations.get_ptr_mut(&slot.key) {
        // SAFETY: this CPU's entry, see the module's comment.
        let entry = unsafe { &mut *entry };
        entry.packets += slot.packets;
        entry.bytes += slot.bytes;
        // The flow's own entry may have had a later packet by now.
        entry.last_ns = entry.last_ns.max(slot.last_ns);
    } else {
        // Cannot be: a slot's flow has an entry in its generation, and nothing removes it. Were it so, it would be seen.
        losses::overflow(&slot.key, slot.packets, slot.bytes);
    }
}
