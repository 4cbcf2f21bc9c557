//! The parser on a slice, and its answer in the words of the catalogue.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::allow_attributes, reason = "an expectation fails in the files that use all")]

use std::net::{IpAddr, Ipv6Addr};

use abi::{Direction, key_flags, protocol, vlan};
use crafted::{Case, Device, Flow, Verdict};
use packet::{Link, Metadata, Packet, Reject, Size, Wire, parse_slice};

/// What the kernel would say of a case's packet.
pub(crate) fn metadata(case: &Case) -> Metadata {
    Metadata {
        ifindex: 7,
        scope: 3,
        cpu: 1,
        direction: Direction::Egress,
        len: len(&case.frame),
        vlan: case.tag_in_metadata.map_or(0, |id| id | vlan::PRESENT),
        offloaded: case.offload.is_some(),
    }
}

/// What the kernel would say of its size.
pub(crate) fn size(case: &Case) -> Size {
    Size {
        len: len(&case.frame),
        tag_in_metadata: case.tag_in_metadata.is_some(),
        segments: case.offload.map_or(0, |offload| offload.segments),
        segment_size: case.offload.map_or(0, |offload| offload.segment_size),
    }
}

/// Parses a case's packet.
pub(crate) fn parse(case: &Case) -> Result<Packet, Reject> {
    parse_slice(&case.frame, link(case.device), metadata(case))
}

/// The parser's answer as the catalogue would put it.
pub(crate) fn verdict(parsed: Result<Packet, Reject>, size: Size) -> Verdict {
    match parsed {
        Ok(packet) => Verdict::Flow(flow(&packet, size)),
        Err(Reject::NotIp) => Verdict::NotIp,
        Err(Reject::Malformed | Reject::OutOfReach) => Verdict::Malformed,
    }
}

fn flow(packet: &Packet, size: Size) -> Flow {
    let key = packet.key.unpack();
    let known = key.flags & key_flags::PORTS_UNKNOWN == 0;
    let with_ports = matches!(
        key.protocol,
        protocol::TCP | protocol::UDP | protocol::SCTP | protocol::DCCP | protocol::UDP_LITE
    );
    let with_type = matches!((key.protocol, key.ip_version), (protocol::ICMP, 4) | (protocol::ICMPV6, 6));
    let ports = (key.src_port, key.dst_port);
    let icmp = (ports.0.to_le_bytes()[0], ports.1.to_le_bytes()[0]);
    assert!(known && (with_ports || with_type) || ports == (0, 0), "ports where there are none: {packet:?}");
    assert!(!with_type || ports == (icmp.0.into(), icmp.1.into()), "a large ICMP type: {packet:?}");
    assert!(known || with_ports || with_type, "nothing there to be unknown: {packet:?}");
    let wire = Wire::of(packet, size);
    Flow {
        source: address(key.src_addr, key.ip_version),
        destination: address(key.dst_addr, key.ip_version),
        protocol: key.protocol,
        ports: (known && with_ports).then_some(ports),
        icmp: (known && with_type).then_some(icmp),
        tcp_flags: packet.tcp_flags,
        traffic_class: packet.traffic_class,
        vlan: [packet.vlan_outer, packet.vlan_inner]
            .map(|tag| (tag & vlan::PRESENT != 0).then_some(tag & vlan::ID)),
        header_len: packet.header_len + if size.tag_in_metadata { 4 } else { 0 },
        wire: (wire.packets, wire.bytes),
    }
}

/// The key's address as the packet writes it.
pub(crate) fn address(halves: [u64; 2], ip_version: u8) -> IpAddr {
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&halves[0].to_ne_bytes());
    octets[8..].copy_from_slice(&halves[1].to_ne_bytes());
    let address = Ipv6Addr::from(octets);
    match ip_version {
        4 => IpAddr::V4(address.to_ipv4_mapped().expect("IPv4 addresses are mapped")),
        6 => IpAddr::V6(address),
        other => panic!("IP version {other}"),
    }
}

/// The parser's word for a device.
pub(crate) fn link(device: Device) -> Link {
    match device {
        Device::Ethernet => Link::Ethernet,
        Device::Ip => Link::Ip,
    }
}

/// A length as the kernel has it.
pub(crate) fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("packets are short")
}
