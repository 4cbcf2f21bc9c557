//! Two generations of a hash map behind a cache of counts: a few slots per CPU hold what is not yet in the entry, so the next
//! packet of the flow that owns a slot is three additions. A flow whose packets find the slot taken twice in a row takes it over,
//! once what the slot still holds is added to the entry of its old owner.

use abi::{PackedKey, seen, tcp_flags};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::clock;
use crate::maps::{COUNTS_0, COUNTS_1, Observation, SLOTS, generation};
use crate::slot::{SLOTS_PER_GENERATION, Slot};

/// Segments that open or close a connection always take the long way, which notes the time of a handshake.
const NOTABLE: u16 = tcp_flags::SYN | tcp_flags::FIN | tcp_flags::RST;

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    let generation = generation();
    let Some(slot) = SLOTS.get_ptr_mut(generation * SLOTS_PER_GENERATION + Slot::index(&packet.key)) else {
        return;
    };
    // SAFETY: the map gave out this CPU's slot, and nothing else on this CPU writes it while the program runs.
    let slot = unsafe { &mut *slot };
    let seen = seen::of(packet.tcp_flags, packet.traffic_class);
    if same(&slot.key, &packet.key) && seen & (!slot.seen | NOTABLE) == 0 {
        slot.packets += u64::from(wire.packets);
        slot.bytes += u64::from(wire.bytes);
        slot.last_tick = clock::jiffies() as u16;
        return;
    }
    // Two ways, not one with a chosen map: the verifier inlines the lookup of a map that it knows.
    if generation == 0 {
        through_0(context, slot, packet, wire);
    } else {
        through_1(context, slot, packet, wire);
    }
}

/// Word by word, because the compiler would call a function that compares byte by byte.
#[inline(always)]
fn same(a: &PackedKey, b: &PackedKey) -> bool {
    let start = u64::from(a.kind ^ b.kind | a.cpu ^ b.cpu);
    (0..6).fold(start, |differs, at| differs | a.words[at] ^ b.words[at]) == 0
}

#[inline(never)]
fn through_0(context: &TcContext, slot: &mut Slot, packet: &Packet, wire: Wire) {
    through_map(&COUNTS_0, context, slot, packet, wire);
}

#[inline(never)]
fn through_1(context: &TcContext, slot: &mut Slot, packet: &Packet, wire: Wire) {
    through_map(&COUNTS_1, context, slot, packet, wire);
}

#[inline(always)]
fn through_map(
    observations: &HashMap<PackedKey, Observation>,
    context: &TcContext,
    slot: &mut Slot,
    packet: &Packet,
    wire: Wire,
) {
    let seen = if let Some(entry) = observations.get_ptr_mut(&packet.key) {
        // SAFETY: this CPU's entry, its number is in the key.
        let entry = unsafe { &mut *entry };
        entry.update(packet, wire);
        entry.counts.seen
    } else {
        let entry = Observation::first(context, packet, wire);
        if observations.insert(&packet.key, &entry, u64::from(BPF_NOEXIST)).is_err() {
            return;
        }
        entry.counts.seen
    };
    let contender = (packet.key.words[4] ^ packet.key.words[4] >> 16) as u16;
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
    slot.seen = seen;
}

/// Adds what the slot holds to its flow's entry.
#[inline(always)]
fn settle(observations: &HashMap<PackedKey, Observation>, slot: &Slot) {
    if let Some(entry) = observations.get_ptr_mut(&slot.key) {
        // SAFETY: this CPU's entry, its number is in the key.
        let entry = unsafe { &mut *entry };
        entry.counts.packets += slot.packets as u32;
        entry.counts.bytes += slot.bytes as u32;
        entry.counts.last_tick = slot.last_tick;
    }
}
