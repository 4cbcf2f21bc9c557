//! What a router or a host says of a packet that it did not pass on.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use crate::flow::tuple::{self, Icmp};

/// An ICMP or ICMPv6 error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IcmpError {
    /// Version of IP, which has its own types and codes: 4 or 6.
    pub ip_version: u8,
    /// Type and code.
    pub icmp: Icmp,
    /// Who sent it; IPv4 as `::ffff:a.b.c.d`.
    pub sender: Ipv6Addr,
}

/// An error of a flow in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowError {
    /// It is about a packet that the destination sent.
    pub is_reverse: bool,
    /// The error.
    pub error: IcmpError,
}

impl IcmpError {
    /// The attribute's value: the same name in both versions of IP, or the numbers of type and code.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        let Icmp { kind, code } = self.icmp;
        let known = match (self.ip_version, kind, code) {
            (4, 3, 0) | (6, 1, 0) => "net_unreachable",
            (4, 3, 1) | (6, 1, 3) => "host_unreachable",
            (4, 3, 2) => "protocol_unreachable",
            (4, 3, 3) | (6, 1, 4) => "port_unreachable",
            (4, 3, 4) | (6, 2, _) => "packet_too_big",
            (4, 3, 9) => "net_prohibited",
            (4, 3, 10) => "host_prohibited",
            (4, 3, 13) | (6, 1, 1) => "admin_prohibited",
            (4, 11, 0) | (6, 3, 0) => "hop_limit_exceeded",
            (4, 11, 1) | (6, 3, 1) => "reassembly_time_exceeded",
            (4, 12, _) | (6, 4, _) => "parameter_problem",
            _ => return format!("{kind}:{code}").into(),
        };
        known.into()
    }

    /// Who sent it, as the version of IP writes it.
    #[must_use]
    pub fn sender(&self) -> IpAddr {
        tuple::address(self.sender, self.ip_version)
    }

    /// Whether it says that there is no way to the destination, which ends the opening of a connection (RFC 1122 section 4.2.3.9, where
    /// it is a hint; Linux gives up).
    #[must_use]
    pub fn is_host_unreachable(&self) -> bool {
        /// Network and host: unreachable, unknown, for the type of service.
        const V4: [u8; 6] = [0, 1, 6, 7, 11, 12];
        /// No route; address unreachable.
        const V6: [u8; 2] = [0, 3];
        match (self.ip_version, self.icmp.kind) {
            (4, 3) => V4.contains(&self.icmp.code),
            (6, 1) => V6.contains(&self.icmp.code),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(ip_version: u8, kind: u8, code: u8) -> IcmpError {
        IcmpError { ip_version, icmp: Icmp { kind, code }, sender: "::ffff:10.0.0.1".parse().unwrap() }
    }

    #[test]
    fn both_versions_have_one_name_and_what_has_none_its_numbers() {
        assert_eq!(error(4, 3, 1).name(), error(6, 1, 3).name());
        assert_eq!(error(4, 11, 0).name(), error(6, 3, 0).name());
        assert_ne!(error(4, 3, 1).name(), error(6, 3, 1).name());
        assert_eq!(error(4, 3, 15).name(), "3:15");
    }

    #[test]
    fn a_port_is_no_host_and_a_packet_that_is_too_big_goes_nowhere_else() {
        for (ip_version, kind, code, expected) in [
            (4, 3, 1, true),
            (4, 3, 3, false),
            (4, 3, 4, false),
            (4, 11, 0, false),
            (6, 1, 0, true),
            (6, 1, 4, false),
            (6, 3, 0, false),
        ] {
            assert_eq!(error(ip_version, kind, code).is_host_unreachable(), expected, "{kind} {code}");
        }
    }

    #[test]
    fn the_sender_is_written_as_its_version_does() {
        assert_eq!(error(4, 3, 1).sender().to_string(), "10.0.0.1");
        assert_eq!(error(6, 1, 0).sender().to_string(), "::ffff:10.0.0.1");
    }
}
