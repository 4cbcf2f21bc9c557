//! What ICMP and ICMPv6 errors quote: the beginning of the packet that they are about (RFC 792, RFC 4443).

use std::net::{Ipv4Addr, Ipv6Addr};

use abi::protocol;

use crate::flow::{Icmp, Tuple};

/// More extension headers than a sender has use for.
const MOST_HEADERS: usize = 8;

/// Who sent the quoted packet to whom. `None` if its ports, where its protocol has some, or its addresses are not there.
#[must_use]
pub fn read_quoted(bytes: &[u8], ip_version: u8) -> Option<Tuple> {
    match (bytes.first()? >> 4, ip_version) {
        (4, 4) => ipv4(bytes),
        (6, 6) => ipv6(bytes),
        _ => None,
    }
}

fn ipv4(bytes: &[u8]) -> Option<Tuple> {
    let header: &[u8; 20] = bytes.first_chunk()?;
    let len = usize::from(header[0] & 15) * 4;
    let is_later = (u16::from_be_bytes([header[6], header[7]]) & 0x1fff) != 0;
    if len < header.len() || is_later {
        return None;
    }
    let address = |at: usize| {
        let octets: [u8; 4] = *header.get(at..)?.first_chunk()?;
        Some(Ipv4Addr::from(octets).to_ipv6_mapped())
    };
    tuple(4, header[9], [address(12)?, address(16)?], bytes.get(len..)?)
}

fn ipv6(bytes: &[u8]) -> Option<Tuple> {
    const HEADER: usize = 40;
    const FRAGMENT: u8 = 44;
    /// Hop-by-hop options, routing, destination options, mobility, host identity, Shim6.
    const EXTENSIONS: [u8; 6] = [0, 43, 60, 135, 139, 140];
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    let address = |at: usize| {
        let octets: [u8; 16] = *header.get(at..)?.first_chunk()?;
        Some(Ipv6Addr::from(octets))
    };
    let addresses = [address(8)?, address(24)?];
    let (mut next, mut rest) = (header[6], &bytes[HEADER..]);
    for _ in 0..MOST_HEADERS {
        let len = match next {
            FRAGMENT if u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]) & 0xfff8 != 0 => return None,
            FRAGMENT => 8,
            protocol::AH => (usize::from(*rest.get(1)?) + 2) * 4,
            extension if EXTENSIONS.contains(&extension) => (usize::from(*rest.get(1)?) + 1) * 8,
            transport => return tuple(6, transport, addresses, rest),
        };
        (next, rest) = (*rest.first()?, rest.get(len..)?);
    }
    None
}

fn tuple(ip_version: u8, number: u8, [source, destination]: [Ipv6Addr; 2], rest: &[u8]) -> Option<Tuple> {
    let port = |at: usize| Some(u16::from_be_bytes(*rest.get(at..)?.first_chunk()?));
    let (mut ports, mut icmp) = ([None; 2], None);
    if protocol::has_ports(number) {
        ports = [Some(port(0)?), Some(port(2)?)];
    } else if protocol::is_icmp(number, ip_version) {
        icmp = Some(Icmp { kind: *rest.first()?, code: *rest.get(1)? });
    }
    let [source_port, destination_port] = ports;
    Some(Tuple { source, destination, source_port, destination_port, protocol: number, ip_version, icmp })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An IPv4 header with options of 4 bytes, and what follows.
    fn v4(number: u8, fragment: u8, rest: &[u8]) -> Vec<u8> {
        let header =
            [0x46, 0, 0, 99, 0, 1, 0, fragment, 1, number, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1];
        [&header[..], rest].concat()
    }

    /// An IPv6 header with hop-by-hop options, and what follows.
    fn v6(number: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = [0; 48];
        (header[0], header[6], header[23], header[39], header[40]) = (0x60, 0, 1, 2, number);
        [&header[..], rest].concat()
    }

    const PORTS: [u8; 4] = [0x9c, 0x40, 0, 80];

    #[test]
    fn eight_bytes_behind_the_ip_header_are_enough() {
        for (bytes, ip_version, addresses) in [
            (v4(6, 0, &[&PORTS[..], &[0; 4]].concat()), 4, ["::ffff:10.0.0.1", "::ffff:10.0.0.2"]),
            (v6(6, &[&PORTS[..], &[0; 4]].concat()), 6, ["::1", "::2"]),
        ] {
            let tuple = read_quoted(&bytes, ip_version).unwrap();
            assert_eq!(
                [tuple.source, tuple.destination],
                addresses.map(|address| address.parse::<Ipv6Addr>().unwrap())
            );
            assert_eq!((tuple.source_port, tuple.destination_port), (Some(40_000), Some(80)));
            assert_eq!((tuple.protocol, tuple.ip_version, tuple.icmp), (6, ip_version, None));
        }
    }

    #[test]
    fn an_echo_request_has_its_type() {
        let tuple = read_quoted(&v4(1, 0, &[8, 0]), 4).unwrap();
        assert_eq!((tuple.icmp, tuple.source_port), (Some(Icmp { kind: 8, code: 0 }), None));
    }

    #[test]
    fn what_does_not_say_whose_it_is_is_nothing() {
        assert_eq!(read_quoted(&v4(17, 0, &PORTS[..3]), 4), None, "cut");
        assert_eq!(read_quoted(&v4(17, 1, &PORTS), 4), None, "a later fragment");
        assert_eq!(read_quoted(&v4(17, 0, &PORTS), 6), None, "another version");
        assert_eq!(read_quoted(&[], 4), None);
    }

    #[test]
    fn an_ipv4_header_has_options_or_none() {
        let mut plain = v4(17, 0, &PORTS);
        plain.drain(20..24);
        for (length, ports) in [(5, Some(40_000)), (4, None), (0, None), (15, None)] {
            plain[0] = 0x40 | length;
            let port = read_quoted(&plain, 4).map(|tuple| tuple.source_port.unwrap());
            assert_eq!(port, ports, "of {length} words");
        }
    }

    /// Extension headers behind each other, each with the type of the next one.
    #[test]
    fn ports_are_found_behind_extension_headers() {
        const FIRST: [u8; 8] = [17, 0, 0, 1, 0, 0, 0, 7];
        const LATER: [u8; 8] = [17, 0, 0, 8, 0, 0, 0, 7];
        const OPTIONS: [u8; 16] = [17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let authentication = [&[17, 4, 0, 0][..], &[0xaa; 20]].concat();
        let options = |count: usize| {
            let mut rest = [60, 0, 0, 0, 0, 0, 0, 0].repeat(count);
            rest[8 * (count - 1)] = 17;
            rest
        };
        for (number, rest, is_found) in [
            (44, FIRST.to_vec(), true),
            (44, LATER.to_vec(), false),
            (60, OPTIONS.to_vec(), true),
            (51, authentication, true),
            (60, options(6), true),
            (60, options(8), false),
        ] {
            let quoted = v6(number, &[&rest[..], &PORTS].concat());
            let tuple = read_quoted(&quoted, 6);
            let ports = tuple.map(|tuple| (tuple.protocol, tuple.source_port, tuple.destination_port));
            let expected = is_found.then_some((17, Some(40_000), Some(80)));
            assert_eq!(ports, expected, "{number}, {} bytes", rest.len());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_left(bytes: Vec<u8>, ip_version in prop_oneof![Just(4_u8), Just(6)]) {
            let _ = read_quoted(&bytes, ip_version);
        }
    }
}
