//! Headers, from the outside in: each function puts its header in front of a payload.
#![expect(
    clippy::missing_panics_doc,
    reason = "a packet that cannot be built is a mistake of the test that asks for it"
)]

use etherparse::{
    EtherType, Ethernet2Header, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpAuthHeader,
    IpFragOffset, IpNumber, Ipv4Header, Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader, SingleVlanHeader,
    TcpHeader, UdpHeader, VlanId,
};

/// Source address of every IPv4 packet.
pub const SOURCE_V4: [u8; 4] = [10, 1, 2, 3];
/// Destination address of every IPv4 packet.
pub const DESTINATION_V4: [u8; 4] = [10, 9, 8, 7];
/// Source address of every IPv6 packet.
pub const SOURCE_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6];
/// Destination address of every IPv6 packet.
pub const DESTINATION_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 9, 8, 7, 6, 5, 4, 3, 2, 1, 2, 3, 4];
/// Source MAC address of every frame.
pub const SOURCE_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Destination MAC address of every frame.
pub const DESTINATION_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// Source port of every packet, unlike any two bytes of another header.
pub const SOURCE_PORT: u16 = 40_001;
/// Destination port of every packet.
pub const DESTINATION_PORT: u16 = 8_443;
/// Payload of most packets. Read as ports it would be 57005 and 48879.
pub const PAYLOAD: [u8; 16] = [0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 5, 6, 7, 8];

/// EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;
/// EtherType of an 802.1Q tag.
pub const CUSTOMER_TAG: u16 = 0x8100;
/// EtherType of an 802.1ad tag.
pub const SERVICE_TAG: u16 = 0x88a8;
/// EtherType of a service tag before 802.1ad.
pub const OLD_SERVICE_TAG: u16 = 0x9100;

/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;

/// An Ethernet frame.
#[must_use]
pub fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let header = Ethernet2Header {
        source: SOURCE_MAC,
        destination: DESTINATION_MAC,
        ether_type: EtherType(ether_type),
    };
    joined(&header.to_bytes(), payload)
}

/// What follows the EtherType of a tag.
#[must_use]
pub fn tag(id: u16, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let header = SingleVlanHeader {
        vlan_id: VlanId::try_new(id).expect("12 bits"),
        pcp: 5.try_into().expect("3 bits"),
        drop_eligible_indicator: true,
        ether_type: EtherType(ether_type),
    };
    joined(&header.to_bytes(), payload)
}

/// The header of an IPv4 packet with a payload of this protocol, to be changed by the caller.
#[must_use]
pub fn ipv4_header(protocol: u8, payload: &[u8]) -> Ipv4Header {
    let len = u16::try_from(payload.len()).expect("fits an IPv4 packet");
    Ipv4Header::new(len, 64, IpNumber(protocol), SOURCE_V4, DESTINATION_V4).expect("fits an IPv4 packet")
}

/// An IPv4 packet.
#[must_use]
pub fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_of(ipv4_header(protocol, payload), payload)
}

/// An IPv4 packet with this header, whose checksum is made right.
#[must_use]
pub fn ipv4_of(mut header: Ipv4Header, payload: &[u8]) -> Vec<u8> {
    header.header_checksum = header.calc_header_checksum();
    joined(&header.to_bytes(), payload)
}

/// A fragment of an IPv4 datagram; `offset` in units of 8 bytes.
#[must_use]
pub fn ipv4_fragment(protocol: u8, id: u16, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut header = ipv4_header(protocol, payload);
    header.dont_fragment = false;
    header.identification = id;
    header.fragment_offset = IpFragOffset::try_new(offset).expect("13 bits");
    header.more_fragments = more;
    ipv4_of(header, payload)
}

/// The header of an IPv6 packet, to be changed by the caller. A payload too long for its field gets length 0.
#[must_use]
pub fn ipv6_header(next_header: u8, payload: &[u8]) -> Ipv6Header {
    Ipv6Header {
        traffic_class: 0,
        payload_length: u16::try_from(payload.len()).unwrap_or(0),
        next_header: IpNumber(next_header),
        hop_limit: 64,
        source: SOURCE_V6,
        destination: DESTINATION_V6,
        ..Ipv6Header::default()
    }
}

/// An IPv6 packet.
#[must_use]
pub fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    joined(&ipv6_header(next_header, payload).to_bytes(), payload)
}

/// An IPv6 extension header of `8 + 8 * units` bytes.
#[must_use]
pub fn extension(next_header: u8, units: u8, payload: &[u8]) -> Vec<u8> {
    let body = vec![0; 6 + 8 * usize::from(units)];
    let header = Ipv6RawExtHeader::new_raw(IpNumber(next_header), &body).expect("fits its length field");
    joined(&header.to_bytes(), payload)
}

/// An IPv6 fragment header; `offset` in units of 8 bytes.
#[must_use]
pub fn ipv6_fragment(next_header: u8, id: u32, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let offset = IpFragOffset::try_new(offset).expect("13 bits");
    joined(&Ipv6FragmentHeader::new(IpNumber(next_header), offset, more, id).to_bytes(), payload)
}

/// An authentication header with an integrity check value of 12 bytes: 24 bytes.
#[must_use]
pub fn authentication(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let header = IpAuthHeader::new(IpNumber(next_header), 0x1234, 7, &[0xaa; 12]).expect("a multiple of 4");
    joined(&header.to_bytes(), payload)
}

/// A hop-by-hop header with nothing but the jumbo payload option (RFC 2675).
#[must_use]
pub fn jumbo_option(next_header: u8, jumbo_len: u32, payload: &[u8]) -> Vec<u8> {
    joined(&[&[next_header, 0, 0xc2, 4][..], &jumbo_len.to_be_bytes()].concat(), payload)
}

/// A TCP segment with bits 4 to 15 of its 13th and 14th byte as given.
#[must_use]
pub fn tcp(flags: u16, payload: &[u8]) -> Vec<u8> {
    let header = TcpHeader::new(SOURCE_PORT, DESTINATION_PORT, 1, 1024);
    let mut segment = joined(&header.to_bytes(), payload);
    segment[12] |= (flags >> 8) as u8;
    segment[13] = (flags & 0xff) as u8;
    segment
}

/// A UDP datagram.
#[must_use]
pub fn udp(payload: &[u8]) -> Vec<u8> {
    udp_between(SOURCE_PORT, DESTINATION_PORT, payload)
}

/// A UDP datagram between these ports.
#[must_use]
pub fn udp_between(source_port: u16, destination_port: u16, payload: &[u8]) -> Vec<u8> {
    let header = UdpHeader {
        source_port,
        destination_port,
        length: u16::try_from(8 + payload.len()).unwrap_or(0),
        checksum: 0,
    };
    joined(&header.to_bytes(), payload)
}

/// An ICMP message.
#[must_use]
pub fn icmpv4(kind: u8, code: u8, payload: &[u8]) -> Vec<u8> {
    let message = Icmpv4Type::Unknown { type_u8: kind, code_u8: code, bytes5to8: [0; 4] };
    joined(&Icmpv4Header::new(message).to_bytes(), payload)
}

/// An ICMPv6 message.
#[must_use]
pub fn icmpv6(kind: u8, code: u8, payload: &[u8]) -> Vec<u8> {
    let message = Icmpv6Type::Unknown { type_u8: kind, code_u8: code, bytes5to8: [0; 4] };
    joined(&Icmpv6Header::new(message).to_bytes(), payload)
}

/// A header that begins with the two ports and has `len` bytes: SCTP, DCCP, UDP-Lite.
#[must_use]
pub fn ports_then(len: usize, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x11; len];
    header[..2].copy_from_slice(&SOURCE_PORT.to_be_bytes());
    header[2..4].copy_from_slice(&DESTINATION_PORT.to_be_bytes());
    joined(&header, payload)
}

/// With `bytes` written over what is at `at`: for what no library builds.
#[must_use]
pub fn patched(mut packet: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    packet[at..at + bytes.len()].copy_from_slice(bytes);
    packet
}

/// With these bytes after the end: padding of the frame.
#[must_use]
pub fn padded(mut packet: Vec<u8>, padding: &[u8]) -> Vec<u8> {
    packet.extend_from_slice(padding);
    packet
}

fn joined(header: &[u8], payload: &[u8]) -> Vec<u8> {
    [header, payload].concat()
}
