//! Later fragments have no transport header: they take what the first one said, where it was seen at the same hook.

use abi::{FragmentKey, FragmentPorts, ObservationKey, key_flags};
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
    let ObservationKey { src_port, dst_port, protocol, flags, .. } = packet.key.unpack();
    if flags & key_flags::PORTS_UNKNOWN != 0 {
        return;
    }
    let ports = FragmentPorts { src_port, dst_port, protocol, pad: [0; 3] };
    // A full LRU map makes room; should it fail all the same, the later fragments say that their ports are unknown.
    let _ = FRAGMENTS.insert(key(packet, datagram), ports, 0);
}

#[inline(never)]
fn recall(packet: &mut Packet, datagram: Datagram) {
    // SAFETY: the value is copied out at once; an entry that is replaced meanwhile gives another datagram of the same ends.
    if let Some(ports) = unsafe { FRAGMENTS.get(key(packet, datagram)) } {
        let mut key = packet.key.unpack();
        key.src_port = ports.src_port;
        key.dst_port = ports.dst_port;
        key.protocol = ports.protocol;
        key.flags &= !key_flags::PORTS_UNKNOWN;
        packet.key = key.pack(packet.key.cpu);
    }
}

#[inline(always)]
fn key(packet: &Packet, datagram: Datagram) -> FragmentKey {
    let flow = packet.key.unpack();
    FragmentKey {
        src_addr: flow.src_addr,
        dst_addr: flow.dst_addr,
        id: datagram.id,
        ifindex: flow.ifindex,
        scope: flow.scope,
        protocol: datagram.protocol,
        ip_version: flow.ip_version,
        direction: flow.direction,
        pad: 0,
    }
}
