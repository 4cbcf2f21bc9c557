//! What other tools call the same flow: the Community ID, version 1 (<https://github.com/corelight/community-id-spec>).

use std::net::{IpAddr, Ipv6Addr};

use abi::protocol;
use sha1_smol::Sha1;

use crate::flow::Tuple;

/// The hash of a flow's addresses, protocol and ports. The text is `1:` and the hash in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommunityId(pub(super) [u8; 20]);

/// What takes the place of ports in the hash.
#[derive(Clone, Copy, Debug)]
enum Ports {
    /// Protocols that have none.
    None,
    /// Of the packet's source and its destination. Those of the answer are the same the other way round.
    Both(u16, u16),
    /// Type and code of a message that nothing answers.
    OneWay(u16, u16),
}

impl CommunityId {
    /// The same for the packets of a tuple and for their answers. `None` where a fragment did not say the ports.
    #[must_use]
    pub fn of(tuple: &Tuple, seed: u16) -> Option<Self> {
        let (mut ends, mut ports) = ((tuple.source, tuple.destination), ports(tuple)?);
        ports = match ports {
            Ports::Both(source, destination) if (ends.1, destination) < (ends.0, source) => {
                ends = (ends.1, ends.0);
                Ports::Both(destination, source)
            }
            Ports::None if ends.1 < ends.0 => {
                ends = (ends.1, ends.0);
                Ports::None
            }
            ordered => ordered,
        };
        let mut hash = Sha1::new();
        hash.update(&seed.to_be_bytes());
        for end in [ends.0, ends.1] {
            update(&mut hash, end, tuple.ip_version);
        }
        hash.update(&[tuple.protocol, 0]);
        if let Ports::Both(first, second) | Ports::OneWay(first, second) = ports {
            hash.update(&first.to_be_bytes());
            hash.update(&second.to_be_bytes());
        }
        Some(Self(hash.digest().bytes()))
    }
}

/// `None` where they are not known.
fn ports(tuple: &Tuple) -> Option<Ports> {
    match tuple.protocol {
        protocol::TCP | protocol::UDP | protocol::SCTP => {
            Some(Ports::Both(tuple.source_port?, tuple.destination_port?))
        }
        number if protocol::is_icmp(number, tuple.ip_version) => {
            let message = tuple.icmp?;
            Some(match tuple.reverse().and_then(|answer| answer.icmp) {
                Some(answer) => Ports::Both(message.kind.into(), answer.kind.into()),
                None => Ports::OneWay(message.kind.into(), message.code.into()),
            })
        }
        // That of the other IP version: it has a type, which nobody read.
        protocol::ICMP | protocol::ICMPV6 => None,
        _ => Some(Ports::None),
    }
}

/// The address as the packet has it: 4 or 16 bytes.
fn update(hash: &mut Sha1, end: Ipv6Addr, ip_version: u8) {
    match crate::flow::tuple::address(end, ip_version) {
        IpAddr::V4(address) => hash.update(&address.octets()),
        IpAddr::V6(address) => hash.update(&address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Icmp, text};

    fn tuple(protocol: u8, source: (&str, u16), destination: (&str, u16)) -> Tuple {
        let ip_version = if source.0.contains(':') { 6 } else { 4 };
        let address = |text: &str| match text.parse().unwrap() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let has_ports = protocol::has_ports(protocol);
        let icmp = |port: u16| u8::try_from(port).unwrap();
        Tuple {
            source: address(source.0),
            destination: address(destination.0),
            source_port: has_ports.then_some(source.1),
            destination_port: has_ports.then_some(destination.1),
            protocol,
            ip_version,
            icmp: protocol::is_icmp(protocol, ip_version)
                .then(|| Icmp { kind: icmp(source.1), code: icmp(destination.1) }),
        }
    }

    fn id(tuple: &Tuple, seed: u16) -> String {
        text::community_id(CommunityId::of(tuple, seed).unwrap()).to_string()
    }

    #[test]
    fn published_vectors() {
        for (protocol, source, destination, seed_0, seed_1) in VECTORS {
            let packets = tuple(protocol, source, destination);
            assert_eq!((&*id(&packets, 0), &*id(&packets, 1)), (seed_0, seed_1), "{packets:?}");
            if let Some(answers) = packets.reverse() {
                assert_eq!(id(&answers, 0), seed_0, "{answers:?}");
            }
        }
    }

    /// Protocol, source, destination, and the identifier with the seeds 0 and 1. In the place of ports, ICMP has type and code.
    type Vector = (u8, (&'static str, u16), (&'static str, u16), &'static str, &'static str);

    /// The baseline in the specification's repository: `baseline/baseline_deflt.json` and `baseline/baseline_seed1.json`. Of a
    /// packet and its answer the first.
    const VECTORS: [Vector; 15] = [
        (
            58,
            ("fe80::200:86ff:fe05:80da", 135),
            ("fe80::260:97ff:fe07:69ea", 0),
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
            "1:kHa1FhMYIT6Ym2Vm2AOtoOARDzY=",
        ),
        (
            58,
            ("fe80::260:97ff:fe07:69ea", 135),
            ("fe80::200:86ff:fe05:80da", 0),
            "1:zavyT/cezQr1fmImYCwYnMXbgck=",
            "1:2hSqmsDZ2kdcY9kbiUzOEBic0iM=",
        ),
        (
            58,
            ("3ffe:501:1800:2345::2", 3),
            ("3ffe:507:0:1:200:86ff:fe05:80da", 0),
            "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=",
            "1:lVEtCZpYu84Xqaa++3lXFyuu2n4=",
        ),
        (
            58,
            ("3ffe:501:410:0:2c0:dfff:fe47:33e", 1),
            ("3ffe:507:0:1:200:86ff:fe05:80da", 4),
            "1:hLZd0XGWojozrvxqE0dWB1iM6R0=",
            "1:W8MHwXpWzpoSTD+cGcaJr4u0ys8=",
        ),
        (
            58,
            ("3ffe:507:0:1:200:86ff:fe05:80da", 128),
            ("3ffe:501:0:1001::2", 0),
            "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg=",
            "1:GfZxjAkDk2MkegpBYHV6tadtFXQ=",
        ),
        (
            58,
            ("fe80::200:86ff:fe05:80da", 133),
            ("ff02::2", 0),
            "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=",
            "1:L7Ka0ZMYu+J3bL4ulW2PrqyXNo8=",
        ),
        (
            58,
            ("fe80::260:97ff:fe07:69ea", 134),
            ("ff02::1", 0),
            "1:pkvHqCL88/tg1k4cPigmZXUtL00=",
            "1:K/ee5UCqAMAQXDorP5nSa2CGLjc=",
        ),
        (
            1,
            ("192.168.0.89", 8),
            ("192.168.0.1", 0),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=",
            "1:03g6IloqVBdcZlPyX8r0hgoE7kA=",
        ),
        (
            1,
            ("10.0.0.1", 11),
            ("10.0.0.2", 0),
            "1:YHxtAirCG//0OzkcVAukqKQN9xM=",
            "1:XjUibYHaafLQ3pxQeiMI8g25q20=",
        ),
        (
            6,
            ("2001:470:e5bf:dead:4957:2174:e82c:4887", 63943),
            ("2607:f8b0:400c:c03::1a", 25),
            "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            "1:eJYTW6AOzFLlSUoESovMjnu7rMw=",
        ),
        (
            132,
            ("192.168.170.8", 7),
            ("192.168.170.56", 7),
            "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=",
            "1:5w3ZRjeKBzqT3zsaEECDGjUbYeg=",
        ),
        (
            6,
            ("128.232.110.120", 34855),
            ("66.35.250.204", 80),
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
            "1:3V71V58M3Ksw/yuFALMcW0LAHvc=",
        ),
        (
            17,
            ("192.168.1.52", 54585),
            ("8.8.8.8", 53),
            "1:d/FP5EW3wiY1vCndhwleRRKHowQ=",
            "1:Q9We8WO3piVF8yEQBNJF4uiSVrI=",
        ),
        (
            46,
            ("10.1.12.1", 0),
            ("10.1.12.2", 0),
            "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=",
            "1:rYir8gphR31noO9iDRQmF/BteEI=",
        ),
        (
            46,
            ("10.1.12.2", 0),
            ("10.1.12.1", 0),
            "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=",
            "1:rYir8gphR31noO9iDRQmF/BteEI=",
        ),
    ];

    #[test]
    fn a_fragment_without_ports_has_none() {
        let tcp = tuple(protocol::TCP, ("10.0.0.1", 1), ("10.0.0.2", 2));
        assert_eq!(CommunityId::of(&Tuple { source_port: None, destination_port: None, ..tcp }, 0), None);
        let echo = tuple(protocol::ICMP, ("10.0.0.1", 8), ("10.0.0.2", 0));
        assert_eq!(CommunityId::of(&Tuple { icmp: None, ..echo }, 0), None);
    }

    #[test]
    fn icmp_of_the_other_ip_version_has_none() {
        assert_eq!(CommunityId::of(&tuple(protocol::ICMP, ("2001:db8::1", 0), ("2001:db8::2", 0)), 0), None);
    }
}
