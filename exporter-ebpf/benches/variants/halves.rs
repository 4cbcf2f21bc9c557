//! One entry for both directions of a flow: the key has its ends in order, a side bit says which came first in the packet and
//! chooses one of two halves on separate cache lines. Two generations behind a cache of counts, as the exporter's programs.

use abi::maps::SLOTS_PER_GENERATION;
use abi::{Observation, ObservationKey, Slot, tcp_flags};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::maps::{NEW_PAIR, PAIR_0, PAIR_1, PAIR_SLOTS, generation};
use crate::{clock, entry};

/// Both directions of a flow.
#[repr(C)]
pub(crate) struct Pair([Half; 2]);

/// One direction, filled up to whole cache lines.
#[repr(C)]
struct Half {
    observation: Observation,
    pad: [u64; 6],
}

/// In the flags of a slot's key, which is that of a direction.
const SIDE: u8 = 1 << 7;
const NOTABLE: u16 = tcp_flags::SYN | tcp_flags::FIN | tcp_flags::RST;

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    let side = put_in_order(&mut packet.key);
    let generation = generation();
    let key = &packet.key;
    let ports = u32::from(key.src_port ^ key.dst_port);
    let at = (key.ifindex * 2 + u32::from(key.direction) + u32::from(side) + (ports ^ ports >> 6))
        & (SLOTS_PER_GENERATION - 1);
    let Some(slot) = PAIR_SLOTS.get_ptr_mut(generation * SLOTS_PER_GENERATION + at) else { return };
    // SAFETY: the map gave out this CPU's slot, and nothing else on this CPU writes it while the program runs.
    let slot = unsafe { &mut *slot };
    let ecn = 1 << (packet.traffic_class & 3);
    if slot.key == packet.key && packet.tcp_flags & (!slot.tcp_flags | NOTABLE) == 0 && ecn & !slot.ecn == 0 {
        slot.packets += u64::from(wire.packets);
        slot.bytes += u64::from(wire.bytes);
        slot.last_ns = clock::coarse();
    } else if generation == 0 {
        through_0(context, slot, packet, wire);
    } else {
        through_1(context, slot, packet, wire);
    }
}

/// Afterwards the lower end is the source, and direction means "of the hook, for a packet from the lower end".
#[inline(always)]
fn put_in_order(key: &mut ObservationKey) -> u8 {
    let ordered =
        (key.src_addr[1], key.src_addr[0], key.src_port) <= (key.dst_addr[1], key.dst_addr[0], key.dst_port);
    if ordered {
        return 0;
    }
    core::mem::swap(&mut key.src_addr, &mut key.dst_addr);
    core::mem::swap(&mut key.src_port, &mut key.dst_port);
    key.direction ^= 1;
    key.flags |= SIDE;
    1
}

#[inline(never)]
fn through_0(context: &TcContext, slot: &mut Slot, packet: &mut Packet, wire: Wire) {
    through(&PAIR_0, context, slot, packet, wire);
}

#[inline(never)]
fn through_1(context: &TcContext, slot: &mut Slot, packet: &mut Packet, wire: Wire) {
    through(&PAIR_1, context, slot, packet, wire);
}

#[inline(always)]
fn through(
    pairs: &HashMap<ObservationKey, Pair>,
    context: &TcContext,
    slot: &mut Slot,
    packet: &mut Packet,
    wire: Wire,
) {
    let owner = packet.key;
    packet.key.flags &= !SIDE;
    let (seen_flags, seen_ecn) = if let Some(half) = half(pairs, &owner, &packet.key) {
        // SAFETY: this CPU's entry: its number is in the key.
        let half = unsafe { &mut *half };
        if half.packets == 0 {
            *half = entry::first(context, packet, wire);
        } else {
            entry::update(half, packet, wire);
        }
        (half.tcp_flags, half.ecn)
    } else {
        let Some(pair) = NEW_PAIR.get_ptr_mut(0) else { return };
        // SAFETY: this CPU's scratch value.
        let pair = unsafe { &mut *pair };
        let side = side(&owner);
        pair.0[side].observation = entry::first(context, packet, wire);
        pair.0[1 - side].observation.packets = 0; // Without packets, the rest does not count.
        let flags = (packet.tcp_flags, 1 << (packet.traffic_class & 3));
        if pairs.insert(&packet.key, &*pair, u64::from(BPF_NOEXIST)).is_err() {
            return;
        }
        flags
    };
    if slot.packets != 0 {
        let mut key = slot.key;
        key.flags &= !SIDE;
        if let Some(half) = half(pairs, &slot.key, &key) {
            // SAFETY: as above.
            let half = unsafe { &mut *half };
            half.packets += slot.packets;
            half.bytes += slot.bytes;
            half.last_ns = slot.last_ns;
        }
    }
    slot.key = owner;
    slot.packets = 0;
    slot.bytes = 0;
    (slot.tcp_flags, slot.ecn) = (seen_flags, seen_ecn);
}

/// The half of a direction, by the key of the direction and that of the pair.
#[inline(always)]
fn half(
    pairs: &HashMap<ObservationKey, Pair>,
    owner: &ObservationKey,
    key: &ObservationKey,
) -> Option<*mut Observation> {
    let pair = pairs.get_ptr_mut(key)?;
    // SAFETY: inside the value that the map gave out.
    Some(unsafe { &raw mut (*pair).0[side(owner)].observation })
}

#[inline(always)]
fn side(owner: &ObservationKey) -> usize {
    usize::from(owner.flags & SIDE != 0)
}
