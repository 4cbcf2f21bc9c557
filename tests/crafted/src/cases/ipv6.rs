//! IPv6 headers and what stands between them and a transport.

use crate::layer::{
    IPV6, PAYLOAD, TCP, UDP, authentication, ethernet, extension, ipv6, ipv6_fragment, ipv6_header,
    jumbo_option, padded, patched, tcp, udp,
};
use crate::{Case, Flow};

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AH: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
const UNASSIGNED: u8 = 200;

pub(super) fn cases() -> Vec<Case> {
    let datagram = udp(&PAYLOAD);
    let frame = |packet: &[u8]| ethernet(IPV6, packet);
    let packet = |next_header, payload: &[u8]| frame(&ipv6(next_header, payload));
    // 62 bytes without extension headers.
    let plain = |more: u32| Flow::v6(UDP, 62 + more).with_ports();
    let mut marked = ipv6_header(UDP, &datagram);
    marked.traffic_class = 10 << 2 | 1;
    let marked = [&marked.to_bytes()[..], &datagram].concat();
    let chain =
        extension(ROUTING, 0, &extension(DESTINATION, 1, &extension(AH, 2, &authentication(UDP, &datagram))));
    let eight = (0..7).fold(extension(UDP, 0, &datagram), |inner, _| extension(DESTINATION, 0, &inner));
    let nine = extension(DESTINATION, 0, &eight);
    let mut cases = broken();
    cases.extend([
        Case::flow("DSCP and ECN of IPv6", frame(&marked), Flow { traffic_class: 10 << 2 | 1, ..plain(0) }),
        Case::flow("AH over IPv6", packet(AH, &authentication(UDP, &datagram)), plain(24)),
        Case::flow(
            "hop-by-hop, routing, destination and AH in a row",
            packet(HOP_BY_HOP, &chain),
            plain(8 + 16 + 24 + 24),
        ),
        Case::flow("eight extension headers", packet(DESTINATION, &eight), plain(64)),
        Case::flow(
            "the ninth extension header is the packet's protocol",
            packet(DESTINATION, &nine),
            Flow::v6(DESTINATION, 54 + 64),
        ),
        Case::flow(
            "an extension header of 264 bytes",
            packet(DESTINATION, &extension(UDP, 32, &datagram)),
            plain(264),
        ),
        Case::flow("no next header", packet(NO_NEXT_HEADER, &datagram), Flow::v6(NO_NEXT_HEADER, 54)),
        Case::flow(
            "no next header behind an extension",
            packet(DESTINATION, &extension(NO_NEXT_HEADER, 0, &datagram)),
            Flow::v6(NO_NEXT_HEADER, 62),
        ),
        Case::flow(
            "no next header and no payload",
            packet(NO_NEXT_HEADER, &[]),
            Flow::v6(NO_NEXT_HEADER, 54),
        ),
        Case::flow("an unknown next header", packet(UNASSIGNED, &datagram), Flow::v6(UNASSIGNED, 54)),
        Case::flow(
            "an unknown next header behind an extension",
            packet(HOP_BY_HOP, &extension(UNASSIGNED, 0, &datagram)),
            Flow::v6(UNASSIGNED, 62),
        ),
        Case::flow(
            "an atomic fragment",
            packet(FRAGMENT, &ipv6_fragment(UDP, 9, 0, false, &datagram)),
            plain(8),
        ),
        Case::flow(
            "two atomic fragments",
            packet(
                FRAGMENT,
                &ipv6_fragment(FRAGMENT, 9, 0, false, &ipv6_fragment(UDP, 9, 0, false, &datagram)),
            ),
            plain(16),
        ),
        Case::flow("padding after a short IPv6 packet", padded(packet(UDP, &udp(&[])), &[0xbe; 8]), plain(0)),
        Case::flow(
            "a hop-by-hop header with the jumbo option and a payload length",
            packet(HOP_BY_HOP, &jumbo_option(UDP, 32, &datagram)),
            plain(8),
        ),
    ]);
    for (name, number) in [
        ("hop-by-hop options", HOP_BY_HOP),
        ("a routing header", ROUTING),
        ("destination options", DESTINATION),
        ("a mobility header", MOBILITY),
        ("a host identity header", HIP),
        ("a shim6 header", SHIM6),
    ] {
        cases.push(Case::flow(name, packet(number, &extension(UDP, 1, &datagram)), plain(16)));
    }
    cases
}

/// Headers that lie or end too early.
fn broken() -> Vec<Case> {
    let datagram = udp(&PAYLOAD);
    let packet = |next_header, payload: &[u8]| ethernet(IPV6, &ipv6(next_header, payload));
    let with_ports = |header_len| Flow::v6(UDP, header_len).with_ports();
    vec![
        Case::flow(
            "padding does not complete a TCP header",
            padded(packet(TCP, &tcp(2, &[])[..19]), &[0; 9]),
            Flow::v6(TCP, 73).with_ports(),
        ),
        Case::flow(
            "payload length longer than the frame",
            patched(packet(UDP, &datagram), 19, &[25]),
            with_ports(62),
        ),
        Case::flow(
            "payload length 0 without offload",
            patched(packet(UDP, &datagram), 18, &[0, 0]),
            Flow::v6(UDP, 54),
        ),
        Case::flow(
            "an extension header longer than the packet",
            patched(packet(DESTINATION, &extension(UDP, 0, &datagram)), 55, &[9]),
            Flow::v6(DESTINATION, 54),
        ),
        Case::flow(
            "an extension header that ends where the packet ends",
            packet(DESTINATION, &extension(UDP, 0, &[])),
            Flow::v6(UDP, 62),
        ),
        Case::flow(
            "an extension header cut short",
            packet(DESTINATION, &extension(UDP, 0, &[])[..7]),
            Flow::v6(DESTINATION, 54),
        ),
        Case::flow(
            "an extension header in the padding",
            padded(packet(DESTINATION, &[]), &extension(UDP, 0, &datagram)),
            Flow::v6(DESTINATION, 54),
        ),
        Case::malformed("frame ends inside an IPv6 header", ethernet(IPV6, &ipv6(UDP, &datagram)[..39])),
        Case::malformed("version 4 behind EtherType IPv6", patched(packet(UDP, &datagram), 14, &[0x45])),
        Case::flow(
            "a jumbo payload option that lies",
            patched(packet(HOP_BY_HOP, &jumbo_option(UDP, 5000, &datagram)), 18, &[0, 0]),
            with_ports(70),
        ),
    ]
}
