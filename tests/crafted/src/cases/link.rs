//! Layer 2.

use crate::layer::{
    CUSTOMER_TAG, IPV4, IPV6, OLD_SERVICE_TAG, PAYLOAD, SERVICE_TAG, TCP, UDP, ethernet, ipv4, ipv6, tag,
    tcp, udp,
};
use crate::{Case, Flow};

const MPLS: u16 = 0x8847;
const ARP: u16 = 0x0806;
const LLDP: u16 = 0x88cc;
const PPPOE: u16 = 0x8864;
/// Below 0x0600 the field is a length, and an LLC header follows.
const LLC: u16 = 52;

pub(super) fn cases() -> Vec<Case> {
    let udp4 = ipv4(UDP, &udp(&PAYLOAD));
    let udp6 = ipv6(UDP, &udp(&PAYLOAD));
    let v4 = |tags: u32| Flow::v4(UDP, 14 + 4 * tags + 28).with_ports();
    let v6 = |tags: u32| Flow::v6(UDP, 14 + 4 * tags + 48).with_ports();
    let mut cases = vec![
        Case::flow("untagged IPv4", ethernet(IPV4, &udp4), v4(0)),
        Case::flow("untagged IPv6", ethernet(IPV6, &udp6), v6(0)),
        Case::flow(
            "customer tag inside a customer tag",
            ethernet(CUSTOMER_TAG, &tag(100, CUSTOMER_TAG, &tag(200, IPV6, &udp6))),
            v6(2).tagged(100, Some(200)),
        ),
        Case::flow(
            "priority tag has identifier 0",
            ethernet(CUSTOMER_TAG, &tag(0, IPV4, &udp4)),
            v4(1).tagged(0, None),
        ),
        Case::not_ip(
            "three tags",
            ethernet(SERVICE_TAG, &tag(1, CUSTOMER_TAG, &tag(2, CUSTOMER_TAG, &tag(3, IPV4, &udp4)))),
        ),
        Case::malformed("frame ends inside a tag", ethernet(CUSTOMER_TAG, &[0, 7])),
        Case::flow("tag in the metadata", ethernet(IPV4, &udp4), v4(1).tagged(77, None)).tag_in_metadata(77),
        Case::flow(
            "tag in the metadata is outside the one in the bytes",
            ethernet(CUSTOMER_TAG, &tag(78, IPV4, &udp4)),
            v4(2).tagged(77, Some(78)),
        )
        .tag_in_metadata(77),
        Case::not_ip(
            "tag in the metadata and two in the bytes",
            ethernet(CUSTOMER_TAG, &tag(78, CUSTOMER_TAG, &tag(79, IPV4, &udp4))),
        )
        .tag_in_metadata(77),
        Case::flow("IPv4 at once", udp4.clone(), Flow::v4(UDP, 28).with_ports()).bare(),
        Case::flow("IPv6 at once", udp6.clone(), Flow::v6(UDP, 48).with_ports()).bare(),
        Case::not_ip("neither version at once", vec![0x55; 40]).bare(),
        Case::malformed("shorter than any IP header", vec![0x45; 19]).bare(),
        Case::not_ip("ARP", ethernet(ARP, &[0; 28])),
        Case::not_ip("LLDP", ethernet(LLDP, &[0; 46])),
        Case::not_ip(
            "MPLS",
            ethernet(MPLS, &[0, 1, 0x41, 64].into_iter().chain(udp4.clone()).collect::<Vec<_>>()),
        ),
        Case::not_ip("PPPoE", ethernet(PPPOE, &udp4)),
        Case::not_ip("LLC", ethernet(LLC, &[0x42, 0x42, 3].into_iter().chain([0; 43]).collect::<Vec<_>>())),
        Case::malformed("EtherType IPv4 with an IPv6 header", ethernet(IPV4, &udp6)),
        Case::malformed("EtherType IPv6 with an IPv4 header", ethernet(IPV6, &ipv4(TCP, &tcp(2, &PAYLOAD)))),
    ];
    for (name, outer) in [
        ("one customer tag", CUSTOMER_TAG),
        ("one service tag", SERVICE_TAG),
        ("one old service tag", OLD_SERVICE_TAG),
    ] {
        cases.push(Case::flow(name, ethernet(outer, &tag(4094, IPV4, &udp4)), v4(1).tagged(4094, None)));
    }
    for (name, outer) in [
        ("customer tag inside a service tag", SERVICE_TAG),
        ("customer tag inside an old service tag", OLD_SERVICE_TAG),
    ] {
        let frame = ethernet(outer, &tag(100, CUSTOMER_TAG, &tag(200, IPV4, &udp4)));
        cases.push(Case::flow(name, frame, v4(2).tagged(100, Some(200))));
    }
    cases
}
