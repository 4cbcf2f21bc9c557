//! IPv4 headers.

use etherparse::IpNumber;

use crate::layer::{
    IPV4, PAYLOAD, TCP, UDP, authentication, ethernet, extension, ipv4, ipv4_header, ipv4_of, padded,
    patched, ports_then, tcp, udp,
};
use crate::{Case, Flow};

const DESTINATION_OPTIONS: u8 = 60;
const FRAGMENT_HEADER: u8 = 44;
const HIP: u8 = 139;
const AH: u8 = 51;

pub(super) fn cases() -> Vec<Case> {
    let datagram = udp(&PAYLOAD);
    let packet = ipv4(UDP, &datagram);
    let frame = |packet: &[u8]| ethernet(IPV4, packet);
    let plain = Flow::v4(UDP, 42).with_ports();
    let options = |len: usize| {
        let mut header = ipv4_header(UDP, &datagram);
        header.options = vec![1; len].as_slice().try_into().expect("a multiple of 4, at most 40");
        header.set_payload_len(datagram.len()).expect("fits");
        ipv4_of(header, &datagram)
    };
    let mut marked = ipv4_header(UDP, &datagram);
    marked.dscp = 46.try_into().expect("6 bits");
    marked.ecn = 3.try_into().expect("2 bits");
    // 8 bytes of UDP without a payload in a frame of 60 bytes; the padding would be ports of a longer header.
    let short = padded(frame(&ipv4(UDP, &udp(&[]))), &[0xbe; 18]);
    // 20 bytes of IP alone: nothing is left for a transport, the padding looks like one.
    let empty = padded(frame(&ipv4(TCP, &[])), &tcp(0x12, &PAYLOAD));
    let cut = padded(frame(&ipv4(UDP, &datagram[..6])), &datagram[6..]);
    vec![
        Case::flow("IPv4 options of 4 bytes", frame(&options(4)), Flow { header_len: 46, ..plain }),
        Case::flow("IPv4 options of 40 bytes", frame(&options(40)), Flow { header_len: 82, ..plain }),
        Case::flow(
            "DSCP and ECN of IPv4",
            frame(&ipv4_of(marked, &datagram)),
            Flow { traffic_class: 46 << 2 | 3, ..plain },
        ),
        Case::flow("padding after a short datagram", short, plain),
        Case::flow("total length shorter than the frame", padded(frame(&packet), &[0xee; 30]), plain),
        Case::flow("padding is no TCP header", empty, Flow::v4(TCP, 34)),
        Case::flow("padding does not complete a UDP header", cut, Flow { header_len: 40, ..plain }),
        Case::flow("total length longer than the frame", patched(frame(&packet), 16, &[0x10, 0]), plain),
        Case::flow("total length one more than the frame", patched(frame(&packet), 17, &[45]), plain),
        Case::malformed("total length shorter than the header", patched(frame(&packet), 17, &[19])),
        Case::malformed("total length shorter than the options", patched(frame(&options(8)), 17, &[27])),
        Case::malformed("total length 0 without offload", patched(frame(&packet), 16, &[0, 0])),
        Case::malformed("header length below 5", patched(frame(&packet), 14, &[0x44])),
        Case::malformed("header length 0", patched(frame(&packet), 14, &[0x40])),
        Case::malformed("header length beyond the packet", patched(frame(&packet), 14, &[0x4f])),
        Case::malformed("version 5", patched(frame(&packet), 14, &[0x55])),
        Case::malformed("frame ends inside an IPv4 header", frame(&packet[..19])),
        Case::flow(
            "AH before UDP",
            frame(&ipv4(AH, &authentication(UDP, &datagram))),
            Flow { header_len: 66, ..plain },
        ),
        Case::flow(
            "AH before AH",
            frame(&ipv4(AH, &authentication(AH, &authentication(UDP, &datagram)))),
            Flow { header_len: 90, ..plain },
        ),
        Case::flow(
            "AH longer than the packet",
            frame(&patched(ipv4(AH, &authentication(UDP, &datagram)), 21, &[200])),
            Flow::v4(AH, 34),
        ),
        Case::flow("AH cut short", frame(&ipv4(AH, &authentication(UDP, &[])[..20])), Flow::v4(AH, 34)),
        Case::flow(
            "an IPv6 extension header behind AH is a protocol of its own in IPv4",
            frame(&ipv4(AH, &authentication(DESTINATION_OPTIONS, &extension(UDP, 0, &datagram)))),
            Flow::v4(DESTINATION_OPTIONS, 58),
        ),
        Case::flow(
            "an IPv6 extension header is a protocol of its own in IPv4",
            frame(&ipv4(FRAGMENT_HEADER, &extension(UDP, 0, &datagram))),
            Flow::v4(FRAGMENT_HEADER, 34),
        ),
        Case::flow("HIP over IPv4", frame(&ipv4(HIP, &ports_then(40, &[]))), Flow::v4(HIP, 34)),
        Case::flow("protocol 0 over IPv4", frame(&ipv4(0, &datagram)), Flow::v4(0, 34)),
        Case::flow("protocol 255 over IPv4", frame(&ipv4(IpNumber(255).0, &datagram)), Flow::v4(255, 34)),
    ]
}
