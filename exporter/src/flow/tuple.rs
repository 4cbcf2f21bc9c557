//! Who talks to whom: the part of a packet's headers that makes a flow.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use abi::protocol;

/// A packet's addresses, protocol and ports, as its sender wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple {
    /// Source address; IPv4 as `::ffff:a.b.c.d`.
    pub source: Ipv6Addr,
    /// Destination address; IPv4 as `::ffff:a.b.c.d`.
    pub destination: Ipv6Addr,
    /// Source port, or `None` where the protocol has none or a fragment did not say.
    pub source_port: Option<u16>,
    /// Destination port, or `None`.
    pub destination_port: Option<u16>,
    /// IP protocol number.
    pub protocol: u8,
    /// IP version of the packet: 4 or 6.
    pub ip_version: u8,
    /// ICMP message, for ICMP over IPv4 and ICMPv6 over IPv6; `None` where a fragment did not say.
    pub icmp: Option<Icmp>,
}

/// Type and code of an ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Icmp {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
}

impl Tuple {
    /// The tuple of the packets that answer these. An ICMP message that nothing answers has no reverse.
    #[must_use]
    pub fn reverse(&self) -> Option<Self> {
        let icmp = match self.icmp {
            Some(message) => Some(message.answer(self.ip_version)?),
            None => None,
        };
        Some(Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            icmp,
            ..*self
        })
    }

    /// The source as the version of the packet writes it.
    #[must_use]
    pub fn source_address(&self) -> IpAddr {
        address(self.source, self.ip_version)
    }

    /// The destination as the version of the packet writes it.
    #[must_use]
    pub fn destination_address(&self) -> IpAddr {
        address(self.destination, self.ip_version)
    }

    /// Whether the protocol is TCP.
    #[must_use]
    pub fn is_tcp(&self) -> bool {
        self.protocol == protocol::TCP
    }
}

impl Icmp {
    /// The message that answers this one: the pairs of Community ID v1 (RFC 792, RFC 4443, RFC 4861, RFC 4620, RFC 3810).
    fn answer(self, ip_version: u8) -> Option<Self> {
        const V4: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
        const V6: [(u8, u8); 6] = [(128, 129), (133, 134), (135, 136), (139, 140), (144, 145), (130, 131)];
        let pairs: &[(u8, u8)] = if ip_version == 4 { &V4 } else { &V6 };
        pairs.iter().find_map(|&(request, reply)| match self.kind {
            kind if kind == request => Some(Self { kind: reply, code: self.code }),
            kind if kind == reply => Some(Self { kind: request, code: self.code }),
            _ => None,
        })
    }
}

pub(super) fn address(address: Ipv6Addr, ip_version: u8) -> IpAddr {
    match address.to_ipv4_mapped() {
        Some(v4) if ip_version == 4 => IpAddr::V4(v4),
        _ => IpAddr::V6(address),
    }
}

/// An Ethernet address. Displayed as OpenTelemetry writes it: upper case, with hyphens (`host.mac`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Whether it stands for several devices, or for all.
    #[must_use]
    pub fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "-" };
            write!(formatter, "{separator}{byte:02X}")?;
        }
        Ok(())
    }
}

/// VLAN identifiers of a frame, where it has tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vlan {
    /// Identifier of the outer tag.
    pub outer: Option<u16>,
    /// Identifier of the inner tag.
    pub inner: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(kind: u8) -> Tuple {
        Tuple {
            source: "::ffff:10.0.0.1".parse().unwrap(),
            destination: "::ffff:10.0.0.2".parse().unwrap(),
            source_port: None,
            destination_port: None,
            protocol: protocol::ICMP,
            ip_version: 4,
            icmp: Some(Icmp { kind, code: 0 }),
        }
    }

    #[test]
    fn an_echo_reply_answers_an_echo_request() {
        let request = echo(8);
        let reply = request.reverse().unwrap();
        assert_eq!(reply.icmp.unwrap().kind, 0);
        assert_eq!(reply.reverse(), Some(request));
    }

    #[test]
    fn destination_unreachable_is_answered_by_nothing() {
        assert_eq!(echo(3).reverse(), None);
    }

    #[test]
    fn a_mapped_address_in_an_ipv6_packet_stays_ipv6() {
        let tuple = Tuple { ip_version: 6, icmp: None, ..echo(8) };
        assert_eq!(tuple.source_address().to_string(), "::ffff:10.0.0.1");
    }
}
