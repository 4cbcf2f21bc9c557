//! GSO and GRO packets: one packet in memory, many frames on the wire, each with its own headers.

use crate::layer::{
    CUSTOMER_TAG, IPV4, IPV6, TCP, UDP, ethernet, ipv4, ipv6, ipv6_header, jumbo_option, patched, tag, tcp,
    udp,
};
use crate::{Case, Flow};

const HOP_BY_HOP: u8 = 0;
const ACK: u16 = 0x10;

pub(super) fn cases() -> Vec<Case> {
    let tcp4 = ethernet(IPV4, &ipv4(TCP, &tcp(ACK, &[7; 3000])));
    let tcp6 = ethernet(IPV6, &ipv6(TCP, &tcp(ACK, &[7; 3000])));
    let udp4 = ethernet(IPV4, &ipv4(UDP, &udp(&[7; 3000])));
    let ack = |flow: Flow| Flow { tcp_flags: ACK, ..flow.with_ports() };
    let (flow4, flow6) = (ack(Flow::v4(TCP, 54)), ack(Flow::v6(TCP, 74)));
    let tagged = ethernet(CUSTOMER_TAG, &tag(5, IPV4, &ipv4(TCP, &tcp(ACK, &[7; 3000]))));
    vec![
        Case::flow("segments as the kernel counts them", tcp4.clone(), flow4).offloaded(3, 1400, 3, 2 * 54),
        Case::flow("segments over IPv6", tcp6, flow6).offloaded(3, 1400, 3, 2 * 74),
        Case::flow("UDP segments", udp4, Flow::v4(UDP, 42).with_ports()).offloaded(3, 1400, 3, 2 * 42),
        Case::flow("segments left to count", tcp4.clone(), flow4).offloaded(0, 1400, 3, 2 * 54),
        Case::flow("segments left to count without a rest", tcp4.clone(), flow4).offloaded(
            0,
            1000,
            3,
            2 * 54,
        ),
        Case::flow("one segment left to count", tcp4.clone(), flow4).offloaded(0, 3000, 1, 0),
        Case::flow("a segment size larger than the payload", tcp4.clone(), flow4).offloaded(0, 65_535, 1, 0),
        Case::flow(
            "an offload without payload is one frame",
            ethernet(IPV4, &ipv4(TCP, &tcp(ACK, &[]))),
            flow4,
        )
        .offloaded(0, 1000, 1, 0),
        Case::flow("each segment repeats its tag", tagged, Flow { header_len: 58, ..flow4 }.tagged(5, None))
            .offloaded(3, 1400, 3, 2 * 58),
        Case::flow("BIG TCP over IPv4 has total length 0", patched(tcp4, 16, &[0, 0]), flow4).offloaded(
            3,
            1400,
            3,
            2 * 54,
        ),
        Case::flow("BIG TCP over IPv6 without the jumbo option", big(TCP, &tcp(ACK, &[7; 3000])), flow6)
            .offloaded(3, 1400, 3, 2 * 74),
        // The kernel cuts the segments without the option: 8 bytes in memory are not on the wire.
        Case::flow(
            "BIG TCP over IPv6 with the jumbo option",
            big(HOP_BY_HOP, &jumbo_option(TCP, 3028, &tcp(ACK, &[7; 3000]))),
            Flow { header_len: 82, ..flow6 },
        )
        .offloaded(3, 1400, 3, 2 * 74 - 8),
        Case::flow(
            "BIG TCP with the jumbo option and segments left to count",
            big(HOP_BY_HOP, &jumbo_option(TCP, 3028, &tcp(ACK, &[7; 3000]))),
            Flow { header_len: 82, ..flow6 },
        )
        .offloaded(0, 1000, 3, 2 * 74 - 8),
        Case::flow(
            "total length longer than an offloaded frame",
            patched(ethernet(IPV4, &ipv4(TCP, &tcp(ACK, &[7; 3000]))), 16, &[0x20, 0]),
            flow4,
        )
        .offloaded(3, 1400, 3, 2 * 54),
    ]
}

/// An IPv6 packet that gives its payload's length as 0.
fn big(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = ipv6_header(next_header, payload);
    header.payload_length = 0;
    ethernet(IPV6, &[&header.to_bytes()[..], payload].concat())
}
