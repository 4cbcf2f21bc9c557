//! Transport headers.

use crate::layer::{
    DESTINATION_PORT, IPV4, IPV6, PAYLOAD, SOURCE_PORT, TCP, UDP, ethernet, icmpv4, icmpv6, ipv4, ipv6,
    patched, ports_then, tcp, udp, udp_between,
};
use crate::{Case, Flow};

const ICMP: u8 = 1;
const IGMP: u8 = 2;
const DCCP: u8 = 33;
const GRE: u8 = 47;
const ESP: u8 = 50;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;
const UDP_LITE: u8 = 136;

pub(super) fn cases() -> Vec<Case> {
    [tcp_cases(), udp_cases(), other_cases()].concat()
}

fn tcp_cases() -> Vec<Case> {
    let frame = |segment: &[u8]| ethernet(IPV4, &ipv4(TCP, segment));
    let flow = |tcp_flags| Flow { tcp_flags, ..Flow::v4(TCP, 54).with_ports() };
    let mut cases = vec![
        Case::flow("all flag bits and the reserved ones at once", frame(&tcp(0xfff, &[])), flow(0xfff)),
        Case::flow("no flag at all", frame(&tcp(0, &PAYLOAD)), flow(0)),
        Case::flow(
            "TCP options up to the end of the packet",
            frame(&patched(tcp(0x10, &[0; 40]), 12, &[0xf0])),
            Flow { header_len: 94, ..flow(0x10) },
        ),
        // Ports are where they always are; nobody acts on the rest.
        Case::flow("data offset below 5", frame(&patched(tcp(0x10, &PAYLOAD), 12, &[0x40])), flow(0)),
        Case::flow("data offset 0", frame(&patched(tcp(0x10, &PAYLOAD), 12, &[0])), flow(0)),
        Case::flow(
            "data offset beyond the packet",
            frame(&patched(tcp(0x10, &[0; 39]), 12, &[0xf0])),
            flow(0),
        ),
        Case::flow("TCP header cut short", frame(&tcp(0x10, &[])[..19]), Flow { header_len: 53, ..flow(0) }),
        Case::flow("TCP ports cut short", frame(&tcp(0x10, &[])[..3]), Flow::v4(TCP, 34)),
        Case::flow(
            "TCP over IPv6",
            ethernet(IPV6, &ipv6(TCP, &tcp(0x012, &PAYLOAD))),
            Flow { tcp_flags: 0x012, ..Flow::v6(TCP, 74).with_ports() },
        ),
    ];
    for bit in 0..12 {
        let flags = 1 << bit;
        cases.push(Case::flow("each flag bit alone", frame(&tcp(flags, &[])), flow(flags)));
    }
    cases
}

fn udp_cases() -> Vec<Case> {
    let frame = |datagram: &[u8]| ethernet(IPV4, &ipv4(UDP, datagram));
    let flow = Flow::v4(UDP, 42).with_ports();
    let with_length = |length: u16| frame(&patched(udp(&PAYLOAD), 4, &length.to_be_bytes()));
    let mut cases = vec![
        Case::flow("UDP length 0", with_length(0), flow),
        Case::flow("UDP length shorter than its header", with_length(7), flow),
        Case::flow("UDP length shorter than the packet", with_length(10), flow),
        Case::flow("UDP length longer than the packet", with_length(9000), flow),
        Case::flow("UDP payload of more than 255 bytes", frame(&udp(&[7; 700])), flow),
        Case::flow("UDP header cut short", frame(&udp(&[])[..7]), Flow { header_len: 41, ..flow }),
        Case::flow("UDP ports cut short", frame(&udp(&[])[..3]), Flow::v4(UDP, 34)),
        Case::flow("port 0", frame(&udp_between(0, 0, &PAYLOAD)), Flow { ports: Some((0, 0)), ..flow }),
    ];
    for port in [4789, 6081, 51820] {
        let reply = Flow { ports: Some((port, SOURCE_PORT)), ..flow };
        let request = Flow { ports: Some((DESTINATION_PORT, port)), ..flow };
        cases.push(Case::flow(
            "from a tunnel's port",
            frame(&udp_between(port, SOURCE_PORT, &PAYLOAD)),
            reply,
        ));
        cases.push(Case::flow(
            "to a tunnel's port",
            frame(&udp_between(DESTINATION_PORT, port, &[8; 60])),
            request,
        ));
    }
    cases
}

fn other_cases() -> Vec<Case> {
    let v4 = |protocol, payload: &[u8]| ethernet(IPV4, &ipv4(protocol, payload));
    let v6 = |protocol, payload: &[u8]| ethernet(IPV6, &ipv6(protocol, payload));
    let message = |kind, code| Flow { icmp: Some((kind, code)), ..Flow::v4(ICMP, 38) };
    let message6 = |kind, code| Flow { icmp: Some((kind, code)), ..Flow::v6(ICMPV6, 58) };
    vec![
        Case::flow("ICMP echo request", v4(ICMP, &icmpv4(8, 0, &PAYLOAD)), message(8, 0)),
        Case::flow("ICMP destination unreachable", v4(ICMP, &icmpv4(3, 13, &PAYLOAD)), message(3, 13)),
        Case::flow("ICMP of an unassigned type", v4(ICMP, &icmpv4(255, 254, &[])), message(255, 254)),
        Case::flow("ICMP cut short", v4(ICMP, &[8, 0, 0]), Flow { header_len: 37, ..message(8, 0) }),
        Case::flow("ICMP without a code", v4(ICMP, &[8]), Flow::v4(ICMP, 34)),
        Case::flow("ICMPv6 neighbour solicitation", v6(ICMPV6, &icmpv6(135, 0, &PAYLOAD)), message6(135, 0)),
        Case::flow("ICMPv6 packet too big", v6(ICMPV6, &icmpv6(2, 7, &PAYLOAD)), message6(2, 7)),
        Case::flow("ICMPv6 cut short", v6(ICMPV6, &[128, 0, 0]), Flow { header_len: 57, ..message6(128, 0) }),
        Case::flow("ICMPv6 without a code", v6(ICMPV6, &[128]), Flow::v6(ICMPV6, 54)),
        Case::flow("ICMP over IPv6 has no type", v6(ICMP, &icmpv4(8, 0, &PAYLOAD)), Flow::v6(ICMP, 54)),
        Case::flow(
            "ICMPv6 over IPv4 has no type",
            v4(ICMPV6, &icmpv6(128, 0, &PAYLOAD)),
            Flow::v4(ICMPV6, 34),
        ),
        Case::flow("SCTP", v4(SCTP, &ports_then(12, &PAYLOAD)), Flow::v4(SCTP, 46).with_ports()),
        Case::flow("SCTP over IPv6", v6(SCTP, &ports_then(12, &PAYLOAD)), Flow::v6(SCTP, 66).with_ports()),
        Case::flow("SCTP cut short", v4(SCTP, &ports_then(11, &[])), Flow::v4(SCTP, 45).with_ports()),
        Case::flow("DCCP", v4(DCCP, &ports_then(12, &PAYLOAD)), Flow::v4(DCCP, 46).with_ports()),
        Case::flow("DCCP cut short", v4(DCCP, &ports_then(11, &[])), Flow::v4(DCCP, 45).with_ports()),
        Case::flow("UDP-Lite", v4(UDP_LITE, &ports_then(8, &PAYLOAD)), Flow::v4(UDP_LITE, 42).with_ports()),
        Case::flow(
            "UDP-Lite cut short",
            v4(UDP_LITE, &ports_then(7, &[])),
            Flow::v4(UDP_LITE, 41).with_ports(),
        ),
        Case::flow("GRE", v4(GRE, &PAYLOAD), Flow::v4(GRE, 34)),
        Case::flow("GRE over IPv6", v6(GRE, &PAYLOAD), Flow::v6(GRE, 54)),
        Case::flow("ESP", v4(ESP, &PAYLOAD), Flow::v4(ESP, 34)),
        Case::flow("ESP over IPv6 is no extension header", v6(ESP, &PAYLOAD), Flow::v6(ESP, 54)),
        Case::flow("IGMP", v4(IGMP, &PAYLOAD[..8]), Flow::v4(IGMP, 34)),
        Case::flow("IPv6 in IPv4", v4(41, &ipv6(UDP, &udp(&PAYLOAD))), Flow::v4(41, 34)),
        Case::flow("IPv4 in IPv4", v4(4, &ipv4(UDP, &udp(&PAYLOAD))), Flow::v4(4, 34)),
        Case::flow("a protocol without any payload", v4(ESP, &[]), Flow::v4(ESP, 34)),
    ]
}
