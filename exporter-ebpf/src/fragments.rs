//! Later fragments have no transport header: they take what the first one said, where it was seen at the same hook.

use abi::{FragmentKey, FragmentPorts, key_flags};
use packet::{Datagram, Fragment, Packet};

use crate::maps::FRAGMENTS;

#[inline(always)]
pub(crate) fn follow(packet: &mut Packet) {
    match packet.fragment {
        Fragment::None => {}
        Fragment::First(datagram) => remember(packet, datagram),
        Fragment::Later(datagram) => recall(packet, datagram),
    }
}

#[inline(never)]
fn remember(packet: &mut Packet, datagram: Datagram) {
    let ports = FragmentPorts {
        src_port: packet.key.src_port,
        dst_port: packet.key.dst_port,
        icmp_type: packet.key.icmp_type,
        icmp_code: packet.key.icmp_code,
        protocol: packet.key.protocol,
        pad: 0,
    };
    // A full LRU map makes room; should it fail all the same, the later fragments say that their ports are unknown.
    let _ = FRAGMENTS.insert(key(packet, datagram), ports, 0);
}

#[inline(never)]
fn recall(packet: &mut Packet, datagram: Datagram) {
    // SAFETY: the value is copied out at once; an entry that is replaced meanwhile gives another datagram of the same ends.
    if let Some(ports) = unsafe { FRAGMENTS.get(key(packet, datagram)) } {
        packet.key.src_port = ports.src_port;
        packet.key.dst_port = ports.dst_port;
        packet.key.icmp_type = ports.icmp_type;
        packet.key.icmp_code = ports.icmp_code;
        packet.key.protocol = ports.protocol;
        packet.key.flags &= !key_flags::PORTS_UNKNOWN;
    }
}

#[inline(always)]
fn key(packet: &Packet, datagram: Datagram) -> FragmentKey {
    FragmentKey {
        src_addr: packet.key.src_addr,
        dst_addr: packet.key.dst_addr,
        id: datagram.id,
        ifindex: packet.key.ifindex,
        scope: packet.key.scope,
        protocol: datagram.protocol,
        ip_version: packet.key.ip_version,
        direction: packet.key.direction,
        pad: 0,
    }
}
