//! What an observation says, from its first packet on.

use abi::{Counts, Entry, Facts, Opening, opened_again, protocol, seen, start, tcp_flags};
use aya_ebpf::programs::TcContext;
use packet::{Frame, Header, Link, MAX_OFFSET, Packet, Wire};

use crate::clock;
use crate::frame::DirectFrame;

/// Segments that open or refuse a connection. They are counted by [`search`](crate::account::any) alone: one may be of another connection
/// than the entry, or a second one of its kind, and that is worth a look.
pub(crate) const OPENS: u16 = tcp_flags::SYN | tcp_flags::RST;

#[inline(always)]
pub(crate) fn first(context: &TcContext, packet: &Packet, wire: Wire) -> (Counts, Facts) {
    let now = clock::precise();
    let tick = clock::ticks() as u16;
    let macs = macs(context, packet);
    let counts = Counts {
        bytes: wire.bytes,
        packets: wire.packets,
        last_tick: tick,
        seen: seen::of(packet.tcp_flags, packet.traffic_class),
    };
    // Every field by name: what fills up from a default becomes a call that clears byte by byte.
    let mut facts = Facts {
        bytes_high: 0,
        packets_high: 0,
        first_tick: tick,
        first_ns: now,
        syn_ns: 0,
        syn_ack_ns: 0,
        ack_ns: 0,
        dst_mac: macs[0],
        src_mac: macs[1],
        vlan_outer: packet.vlan_outer,
        vlan_inner: packet.vlan_inner,
        dscp: packet.traffic_class >> 2,
        start: start::OPEN,
        withheld: 0,
        opened_again: 0,
        initial: 0,
    };
    if let Some(time) = handshake_time(&mut facts, packet) {
        *time = now;
    }
    (counts, facts)
}

/// Begins what an entry says, with its first packet.
#[inline(always)]
pub(crate) fn begin(entry: &mut Entry, context: &TcContext, packet: &Packet, wire: Wire, opening: Opening) {
    (entry.counts, entry.facts) = first(context, packet, wire);
    entry.facts.initial = opening.initial;
}

/// Adds a later packet, whatever it is.
#[inline(always)]
pub(crate) fn add(entry: &mut Entry, packet: &Packet, wire: Wire, tick: u16, opening: Opening) -> Shown {
    if entry.facts.initial == 0 {
        entry.facts.initial = opening.initial;
    }
    update::<{ tcp_flags::SYN }>(&mut entry.counts, &mut entry.facts, packet, wire, tick)
}

/// What a packet says of the opening of its connection.
#[inline(always)]
pub(crate) fn opening(context: &TcContext, packet: &Packet) -> Opening {
    let at = packet.transport_at;
    if packet.tcp_flags & OPENS != 0
        && at <= MAX_OFFSET
        && let Some(header) = DirectFrame::of(context).header::<12>(at as usize)
    {
        return Opening::of(packet.tcp_flags, header.be32::<4>(), header.be32::<8>());
    }
    Opening::unknown(packet.tcp_flags)
}

/// Destination and source, in the order of the frame. A device with a link layer has it in the linear part.
#[inline(always)]
fn macs(context: &TcContext, packet: &Packet) -> [[u8; 6]; 2] {
    let words = match packet.link {
        Link::Ethernet => {
            DirectFrame::of(context).header::<12>(0).map(|header| (header.ne64::<0>(), header.ne32::<8>()))
        }
        Link::Ip => None,
    };
    let (first, last) = words.unwrap_or((0, 0));
    let (a, b) = (first.to_ne_bytes(), last.to_ne_bytes());
    [[a[0], a[1], a[2], a[3], a[4], a[5]], [a[6], a[7], b[0], b[1], b[2], b[3]]]
}

/// What a later packet is to its entry.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    /// It is the first of its timer tick.
    pub(crate) is_new_tick: bool,
    /// It shows something that no packet before it did.
    pub(crate) is_notable: bool,
}

/// Adds a later packet, which came in this timer tick. Not atomic: the entry belongs to this CPU. One with these flags is notable each time.
#[inline(always)]
pub(crate) fn update<const NOTABLE: u16>(
    counts: &mut Counts,
    facts: &mut Facts,
    packet: &Packet,
    wire: Wire,
    tick: u16,
) -> Shown {
    let is_new_tick = counts.last_tick != tick;
    counts.last_tick = tick;
    let bytes = u64::from(counts.bytes) + u64::from(wire.bytes);
    let packets = u64::from(counts.packets) + u64::from(wire.packets);
    counts.bytes = bytes as u32;
    counts.packets = packets as u32;
    if (bytes | packets) >> 32 != 0 {
        facts.bytes_high += (bytes >> 32) as u16;
        facts.packets_high += (packets >> 32) as u16;
    }
    let seen = seen::of(packet.tcp_flags, packet.traffic_class);
    let is_notable = seen & (!counts.seen | NOTABLE) != 0;
    if is_notable {
        counts.seen |= seen;
        note_handshake(facts, packet, clock::precise());
    }
    Shown { is_new_tick, is_notable }
}

/// Of these flags, those that a segment of a handshake has. A reset opens and acknowledges nothing.
const OF_HANDSHAKE: u16 = tcp_flags::SYN | tcp_flags::ACK | tcp_flags::RST;
const SYN_ACK: u16 = tcp_flags::SYN | tcp_flags::ACK;

/// The first SYN, SYN-ACK and ACK, and a second SYN or SYN-ACK: what comes after it may answer either. A first ACK always brings a
/// new flag bit, unless a SYN-ACK came before it: then both come from the same end, and the handshake is already told by the
/// SYN-ACK.
#[inline(always)]
fn note_handshake(facts: &mut Facts, packet: &Packet, now: u64) {
    let Some(time) = handshake_time(facts, packet) else { return };
    if *time == 0 {
        *time = now;
    } else {
        note_again(facts, packet.tcp_flags, now);
    }
}

/// Where the time of the first segment of this kind is. A SYN has the first data of its side looked for, also in an entry that has seen
/// a connection's.
#[inline(always)]
fn handshake_time<'facts>(facts: &'facts mut Facts, packet: &Packet) -> Option<&'facts mut u64> {
    if packet.key.unpack().protocol != protocol::TCP {
        return None;
    }
    match packet.tcp_flags & OF_HANDSHAKE {
        tcp_flags::SYN => {
            facts.start = start::OPEN;
            Some(&mut facts.syn_ns)
        }
        tcp_flags::ACK => Some(&mut facts.ack_ns),
        SYN_ACK => {
            facts.start = start::OPEN;
            Some(&mut facts.syn_ack_ns)
        }
        _ => None,
    }
}

/// Not inlined: seldom, and the registers are for other packets.
#[inline(never)]
fn note_again(facts: &mut Facts, flags: u16, now: u64) {
    let first = match flags & SYN_ACK {
        tcp_flags::SYN => facts.syn_ns,
        SYN_ACK => facts.syn_ack_ns,
        _ => return,
    };
    if facts.opened_again == 0 {
        facts.opened_again = opened_again::of(now - first);
    }
}
