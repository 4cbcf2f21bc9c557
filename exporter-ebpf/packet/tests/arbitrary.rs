//! What nobody thought of: arbitrary bytes, and packets in arbitrary combinations beside another parser.

mod support;

use std::net::IpAddr;

use abi::{Direction, key_flags, protocol, vlan};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use packet::check::LONGEST;
use packet::{Link, Metadata, Reject, Size, parse_slice};
use proptest::prelude::*;
use support::{address, len};

fn metadata() -> impl Strategy<Value = Metadata> {
    (0..=LONGEST, any::<Option<u16>>(), any::<bool>()).prop_map(|(len, tag, offloaded)| Metadata {
        ifindex: 1,
        scope: 0,
        cpu: 0,
        direction: Direction::Ingress,
        len,
        vlan: tag.map_or(0, |tag| tag & vlan::ID | vlan::PRESENT),
        offloaded,
    })
}

fn link() -> impl Strategy<Value = Link> {
    prop_oneof![Just(Link::Ethernet), Just(Link::Ip)]
}

/// Random bytes are hardly ever IP: bytes of a crafted packet with some of them changed get further.
fn nearly_a_packet() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (any::<prop::sample::Index>(), changes, any::<prop::sample::Index>()).prop_map(|(which, changes, cut)| {
        let mut cases = crafted::all();
        let mut bytes = cases.swap_remove(which.index(cases.len())).frame;
        bytes.truncate(bytes.len() - cut.index(bytes.len()) / 4);
        for (at, value) in changes {
            let at = at.index(bytes.len().min(120));
            bytes[at] = value;
        }
        bytes
    })
}

fn check(bytes: &[u8], link: Link, metadata: Metadata, segments: u16, segment_size: u16) {
    let size = Size {
        len: metadata.len,
        tag_in_metadata: metadata.vlan != 0,
        segments: segments.into(),
        segment_size: segment_size.into(),
    };
    packet::check::packet(bytes, link, metadata, size);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        link in link(),
        metadata in metadata(),
        segments in any::<u16>(),
        segment_size in any::<u16>(),
    ) {
        check(&bytes, link, metadata, segments, segment_size);
    }

    #[test]
    fn nearly_valid_packets_never_panic(
        bytes in nearly_a_packet(),
        link in link(),
        mut metadata in metadata(),
        own_len in any::<bool>(),
        segments in any::<u16>(),
        segment_size in any::<u16>(),
    ) {
        if own_len {
            metadata.len = len(&bytes);
        }
        check(&bytes, link, metadata, segments, segment_size);
    }

    #[test]
    fn a_valid_packet_is_what_etherparse_says(frame in valid_frame()) {
        compare(&frame)?;
    }

    /// Whatever etherparse takes for a packet with ports, of the protocols that it knows, has these ports or none.
    #[test]
    fn ports_are_never_others_than_those_of_etherparse(frame in nearly_a_packet()) {
        let metadata = Metadata { vlan: 0, offloaded: false, len: len(&frame), ..plain() };
        if let (Ok(packet), Ok(sliced)) =
            (parse_slice(&frame, Link::Ethernet, metadata), SlicedPacket::from_ethernet(&frame))
            && let Some(ports) = ports(&sliced)
        {
            let key = packet.key.unpack();
            let has_ports = protocol::has_ports(key.protocol) && key.flags & key_flags::PORTS_UNKNOWN == 0;
            prop_assert_eq!((key.src_port, key.dst_port), if has_ports { ports } else { (0, 0) });
        }
    }
}

fn plain() -> Metadata {
    Metadata {
        ifindex: 1,
        scope: 0,
        cpu: 0,
        direction: Direction::Ingress,
        len: 0,
        vlan: 0,
        offloaded: false,
    }
}

fn ports(sliced: &SlicedPacket<'_>) -> Option<(u16, u16)> {
    match sliced.transport.as_ref()? {
        TransportSlice::Tcp(tcp) => Some((tcp.source_port(), tcp.destination_port())),
        TransportSlice::Udp(udp) => Some((udp.source_port(), udp.destination_port())),
        _ => None,
    }
}

/// A frame with up to two tags, either IP, and TCP, UDP or ICMP.
fn valid_frame() -> impl Strategy<Value = Vec<u8>> {
    let addresses = (any::<bool>(), any::<[u8; 16]>(), any::<[u8; 16]>());
    let transport = (0..3_u8, any::<u16>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..100));
    (0..3_u8, 0..4096_u16, addresses, transport, 0..20_usize).prop_map(
        |(tags, id, (is_v4, source, destination), (kind, from, to, payload), padding)| {
            let link = PacketBuilder::ethernet2([2; 6], [4; 6]);
            let id = etherparse::VlanId::try_new(id).expect("12 bits");
            let network = match (tags, is_v4) {
                (0, true) => link.ipv4(first(source), first(destination), 9),
                (1, true) => link.single_vlan(id).ipv4(first(source), first(destination), 9),
                (_, true) => link.double_vlan(id, id).ipv4(first(source), first(destination), 9),
                (0, false) => link.ipv6(source, destination, 9),
                (1, false) => link.single_vlan(id).ipv6(source, destination, 9),
                (_, false) => link.double_vlan(id, id).ipv6(source, destination, 9),
            };
            let mut frame = Vec::new();
            match (kind, is_v4) {
                (0, _) => network.tcp(from, to, 1, 1).write(&mut frame, &payload),
                (1, _) => network.udp(from, to).write(&mut frame, &payload),
                (_, true) => network.icmpv4_echo_request(from, to).write(&mut frame, &payload),
                (_, false) => network.icmpv6_echo_request(from, to).write(&mut frame, &payload),
            }
            .expect("a vector takes all bytes");
            frame.resize(frame.len() + padding, 0xa5);
            frame
        },
    )
}

fn first(address: [u8; 16]) -> [u8; 4] {
    *address.first_chunk().expect("16 bytes are at least 4")
}

fn compare(frame: &[u8]) -> Result<(), TestCaseError> {
    let sliced = SlicedPacket::from_ethernet(frame).expect("etherparse built it");
    let metadata = Metadata { len: len(frame), ..plain() };
    let packet = parse_slice(frame, Link::Ethernet, metadata)
        .map_err(|reject: Reject| TestCaseError::fail(format!("{reject:?}")))?;
    let (source, destination, protocol) = match sliced.net.as_ref().expect("there is IP") {
        NetSlice::Ipv4(ip) => (
            IpAddr::V4(ip.header().source_addr()),
            IpAddr::V4(ip.header().destination_addr()),
            ip.payload_ip_number().0,
        ),
        NetSlice::Ipv6(ip) => (
            IpAddr::V6(ip.header().source_addr()),
            IpAddr::V6(ip.header().destination_addr()),
            ip.payload().ip_number.0,
        ),
        NetSlice::Arp(_) => unreachable!("nothing here builds ARP"),
    };
    let key = packet.key.unpack();
    prop_assert_eq!(address(key.src_addr, key.ip_version), source);
    prop_assert_eq!(address(key.dst_addr, key.ip_version), destination);
    prop_assert_eq!(key.protocol, protocol);
    let expected: (u16, u16) = match sliced.transport.as_ref().expect("there is a transport") {
        TransportSlice::Icmpv4(icmp) => (icmp.type_u8().into(), icmp.code_u8().into()),
        TransportSlice::Icmpv6(icmp) => (icmp.type_u8().into(), icmp.code_u8().into()),
        _ => ports(&sliced).unwrap_or((0, 0)),
    };
    prop_assert_eq!((key.src_port, key.dst_port), expected);
    Ok(())
}
