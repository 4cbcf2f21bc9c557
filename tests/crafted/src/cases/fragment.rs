//! Fragments, each of a datagram of its own: the ports are in the first, and nowhere else.

use std::cell::Cell;

use crate::layer::{
    IPV4, IPV6, PAYLOAD, TCP, UDP, authentication, ethernet, extension, icmpv4, icmpv6, ipv4_fragment, ipv6,
    ipv6_fragment, tcp, udp,
};
use crate::{Case, Flow};

const FRAGMENT: u8 = 44;
const AH: u8 = 51;
const DESTINATION: u8 = 60;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

pub(super) fn cases() -> Vec<Case> {
    let datagrams = Cell::new(0xabc0_u16);
    let id = || {
        datagrams.set(datagrams.get() + 1);
        datagrams.get()
    };
    let v4 = |protocol, offset, more, payload: &[u8]| {
        ethernet(IPV4, &ipv4_fragment(protocol, id(), offset, more, payload))
    };
    let v6 = |next_header, offset, more, payload: &[u8]| {
        ethernet(
            IPV6,
            &ipv6(FRAGMENT, &ipv6_fragment(next_header, u32::from(id()) << 16, offset, more, payload)),
        )
    };
    let datagram = udp(&PAYLOAD);
    let segment = tcp(0x18, &PAYLOAD);
    vec![
        Case::flow("first fragment of UDP", v4(UDP, 0, true, &datagram), Flow::v4(UDP, 42).with_ports()),
        Case::flow("later fragment of UDP", v4(UDP, 185, false, &PAYLOAD), Flow::v4(UDP, 34)),
        Case::flow("middle fragment of UDP", v4(UDP, 185, true, &PAYLOAD), Flow::v4(UDP, 34)),
        Case::flow(
            "first fragment of TCP",
            v4(TCP, 0, true, &segment),
            Flow { tcp_flags: 0x18, ..Flow::v4(TCP, 54).with_ports() },
        ),
        Case::flow("later fragment of TCP", v4(TCP, 3, false, &segment), Flow::v4(TCP, 34)),
        Case::flow(
            "first fragment of ICMP",
            v4(ICMP, 0, true, &icmpv4(8, 0, &PAYLOAD)),
            Flow { icmp: Some((8, 0)), ..Flow::v4(ICMP, 38) },
        ),
        Case::flow("later fragment of ICMP", v4(ICMP, 185, false, &PAYLOAD), Flow::v4(ICMP, 34)),
        Case::flow(
            "tiny first fragment of TCP",
            v4(TCP, 0, true, &segment[..16]),
            Flow::v4(TCP, 50).with_ports(),
        ),
        Case::flow(
            "tiny first fragment of UDP",
            v4(UDP, 0, true, &datagram[..4]),
            Flow::v4(UDP, 38).with_ports(),
        ),
        Case::flow("first fragment without ports", v4(UDP, 0, true, &datagram[..3]), Flow::v4(UDP, 34)),
        Case::flow("last possible fragment", v4(UDP, 0x1fff, false, &PAYLOAD), Flow::v4(UDP, 34)),
        Case::flow(
            "first fragment behind AH",
            v4(AH, 0, true, &authentication(UDP, &datagram)),
            Flow::v4(UDP, 66).with_ports(),
        ),
        Case::flow("later fragment of what AH begins", v4(AH, 20, false, &PAYLOAD), Flow::v4(AH, 34)),
        Case::flow("first IPv6 fragment of UDP", v6(UDP, 0, true, &datagram), Flow::v6(UDP, 70).with_ports()),
        Case::flow("later IPv6 fragment of UDP", v6(UDP, 181, false, &PAYLOAD), Flow::v6(UDP, 62)),
        Case::flow("later IPv6 fragment of TCP", v6(TCP, 181, true, &PAYLOAD), Flow::v6(TCP, 62)),
        Case::flow(
            "first fragment of ICMPv6",
            v6(ICMPV6, 0, true, &icmpv6(128, 0, &PAYLOAD)),
            Flow { icmp: Some((128, 0)), ..Flow::v6(ICMPV6, 66) },
        ),
        Case::flow("later fragment of ICMPv6", v6(ICMPV6, 181, false, &PAYLOAD), Flow::v6(ICMPV6, 62)),
        Case::flow(
            "options in the first IPv6 fragment",
            v6(DESTINATION, 0, true, &extension(UDP, 0, &datagram)),
            Flow::v6(UDP, 78).with_ports(),
        ),
        Case::flow(
            "payload of a later IPv6 fragment is no options header",
            v6(DESTINATION, 181, false, &PAYLOAD),
            Flow::v6(DESTINATION, 62),
        ),
        Case::flow(
            "tiny first IPv6 fragment",
            v6(TCP, 0, true, &segment[..8]),
            Flow::v6(TCP, 70).with_ports(),
        ),
        Case::flow(
            "fragment header cut short",
            ethernet(IPV6, &ipv6(FRAGMENT, &[UDP, 0, 0, 1, 0, 0, 0])),
            Flow::v6(FRAGMENT, 54),
        ),
        Case::flow(
            "first IPv6 fragment ends in its options",
            v6(DESTINATION, 0, true, &extension(UDP, 1, &[])[..8]),
            Flow::v6(DESTINATION, 62),
        ),
    ]
}
