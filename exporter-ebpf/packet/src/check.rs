//! What holds of every input, for fuzzing and property tests.

use core::mem::MaybeUninit;

use abi::{Direction, key_flags, protocol, vlan};

use crate::{Fragment, Link, Metadata, Packet, Reject, Size, Wire, parse_plain, parse_slice};

/// No interface takes a longer packet, however it is aggregated.
pub const LONGEST: u32 = 8 * 65_536;

/// Parses what a fuzzer gives: 12 bytes choose the device and what the kernel says, the rest is the packet.
///
/// # Panics
/// As [`packet`].
pub fn input(input: &[u8]) {
    let Some((&[choices, tag, size_low, size_high, segments_low, segments_high, len @ ..], bytes)) =
        input.split_first_chunk::<10>()
    else {
        return;
    };
    let in_memory = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let has = |bit: u8| choices & 1 << bit != 0;
    let metadata = Metadata {
        ifindex: 1,
        scope: 0,
        cpu: 0,
        direction: if has(0) { Direction::Ingress } else { Direction::Egress },
        // A capture may have been cut, or else the kernel tells the truth.
        len: if has(1) { u32::from_le_bytes(len) % LONGEST } else { in_memory },
        vlan: if has(2) { u16::from(tag) | vlan::PRESENT } else { 0 },
        offloaded: has(3),
    };
    let size = Size {
        len: metadata.len,
        tag_in_metadata: has(2),
        segments: u16::from_le_bytes([segments_low, segments_high]).into(),
        segment_size: if has(3) { u16::from_le_bytes([size_low, size_high]).into() } else { 0 },
    };
    packet(bytes, if has(4) { Link::Ethernet } else { Link::Ip }, metadata, size);
}

/// Parses a packet and checks what holds of every one.
///
/// # Panics
/// If something does not hold.
pub fn packet(bytes: &[u8], link: Link, metadata: Metadata, size: Size) {
    let parsed = parse_slice(bytes, link, metadata);
    plain(bytes, link, metadata, parsed);
    let Ok(packet) = parsed else { return };
    assert!(packet.header_len <= metadata.len, "headers longer than the packet: {packet:?}");
    assert!(packet.jumbo_len <= packet.header_len, "an option longer than all headers: {packet:?}");
    key(&packet);
    let wire = Wire::of(&packet, size);
    assert!(wire.packets >= 1, "less than one packet: {packet:?}");
    assert!(wire.bytes >= size.len - packet.jumbo_len, "less on the wire than in memory: {packet:?}");
}

/// The short way says nothing else than the long one.
fn plain(bytes: &[u8], link: Link, metadata: Metadata, parsed: Result<Packet, Reject>) {
    let mut places = [MaybeUninit::uninit(); 2];
    let [four, six] = &mut places;
    let four = parse_plain::<_, 4>(bytes, link, metadata, four).copied();
    let six = parse_plain::<_, 6>(bytes, link, metadata, six).copied();
    assert!(four.is_none() || six.is_none(), "two versions of IP: {four:?} {six:?}");
    if let Some(packet) = four.or(six) {
        assert_eq!(Ok(packet), parsed, "the short way says something else");
    }
}

fn key(packet: &Packet) {
    let key = packet.key.unpack();
    let is_known = key.flags & key_flags::PORTS_UNKNOWN == 0;
    let is_later = matches!(packet.fragment, Fragment::Later(_));
    let has_ports = matches!(
        key.protocol,
        protocol::TCP | protocol::UDP | protocol::SCTP | protocol::DCCP | protocol::UDP_LITE
    );
    let has_type = matches!((key.protocol, key.ip_version), (protocol::ICMP, 4) | (protocol::ICMPV6, 6));
    assert!(is_known || has_ports || has_type, "nothing there to be unknown: {packet:?}");
    assert!(!(is_known && is_later && (has_ports || has_type)), "known and unknown: {packet:?}");
    let has_none = (key.src_port, key.dst_port) == (0, 0);
    assert!(((has_ports || has_type) && is_known) || has_none, "no ports: {packet:?}");
    assert!(!has_type || key.src_port.max(key.dst_port) <= 255, "no type: {packet:?}");
    assert!(key.protocol == protocol::TCP || packet.tcp_flags == 0, "no TCP: {packet:?}");
    assert!(matches!(key.ip_version, 4 | 6), "no IP version: {packet:?}");
}
