//! What an observation says, from its first packet on.

use abi::{Observation, protocol, tcp_flags};
use aya_ebpf::programs::TcContext;
use packet::{Frame, Header, Link, Packet, Wire};

use crate::clock;
use crate::frame::DirectFrame;

#[inline(always)]
pub(crate) fn first(context: &TcContext, packet: &Packet, wire: Wire) -> Observation {
    let now = clock::precise();
    let macs = macs(context, packet);
    // Every field by name: what fills up from a default becomes a call that clears byte by byte.
    let mut entry = Observation {
        bytes: u64::from(wire.bytes),
        packets: u64::from(wire.packets),
        last_ns: now,
        tcp_flags: packet.tcp_flags,
        ecn: 1 << (packet.traffic_class & 3),
        dscp: packet.traffic_class >> 2,
        pad: 0,
        first_ns: now,
        syn_ns: 0,
        syn_ack_ns: 0,
        ack_ns: 0,
        dst_mac: macs[0],
        src_mac: macs[1],
        vlan_outer: packet.vlan_outer,
        vlan_inner: packet.vlan_inner,
    };
    note_handshake(&mut entry, packet, now);
    entry
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

/// Adds a later packet. Not atomic: the entry belongs to this CPU.
#[inline(always)]
pub(crate) fn update(entry: &mut Observation, packet: &Packet, wire: Wire) {
    entry.packets += u64::from(wire.packets);
    entry.bytes += u64::from(wire.bytes);
    entry.last_ns = clock::coarse();
    note(entry, packet);
}

/// What a later packet brings beside its counts.
#[inline(always)]
pub(crate) fn note(entry: &mut Observation, packet: &Packet) {
    entry.ecn |= 1 << (packet.traffic_class & 3);
    if packet.key.protocol == protocol::TCP {
        let new_flags = packet.tcp_flags & !entry.tcp_flags;
        if new_flags != 0 || packet.tcp_flags & tcp_flags::SYN != 0 {
            note_handshake(entry, packet, clock::precise());
            entry.tcp_flags |= packet.tcp_flags;
        }
    }
}

/// The first SYN, SYN-ACK and ACK. A first ACK always brings a new flag bit, unless a SYN-ACK came before it: then both come
/// from the same end, and the handshake is already told by the SYN-ACK.
#[inline(always)]
fn note_handshake(entry: &mut Observation, packet: &Packet, now: u64) {
    if packet.key.protocol != protocol::TCP {
        return;
    }
    let time = match packet.tcp_flags & (tcp_flags::SYN | tcp_flags::ACK) {
        tcp_flags::SYN => &mut entry.syn_ns,
        tcp_flags::ACK => &mut entry.ack_ns,
        0 => return,
        _ => &mut entry.syn_ack_ns,
    };
    if *time == 0 {
        *time = now;
    }
}
