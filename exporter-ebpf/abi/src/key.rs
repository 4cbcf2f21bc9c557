//! The key of an observation: one 5-tuple at one hook on one CPU.

/// What tells two observations apart. 56 bytes, no padding.
///
/// The CPU is part of the key, so an entry has a single writer: programs of a hook never interrupt each other on one CPU
/// (bottom halves are off), and plain additions are exact where a shared entry would need atomics. User space adds the CPUs'
/// entries up (`docs/adr/0001-kernel-map-layout.md`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObservationKey {
    /// Source address: the 16 bytes of an IPv6 address as they stand in memory; IPv4 as `::ffff:a.b.c.d`.
    pub src_addr: [u64; 2],
    /// Destination address, in the form of `src_addr`.
    pub dst_addr: [u64; 2],
    /// Source port in host byte order; 0 where the protocol has none.
    pub src_port: u16,
    /// Destination port in host byte order; 0 where the protocol has none.
    pub dst_port: u16,
    /// Interface index of the hook, unique within its scope.
    pub ifindex: u32,
    /// Network namespace of the hook, as numbered by user space, so that equal interface indexes never merge.
    pub scope: u32,
    /// Virtual network identifier of the tunnel the packet was taken from; 0 for an outer packet.
    pub vni: u32,
    /// CPU that ran the program.
    pub cpu: u16,
    /// IP protocol number after all extension headers ([`protocol`]).
    pub protocol: u8,
    /// IP version: 4 or 6. An IPv6 packet may carry a v4-mapped address, so the addresses do not tell.
    pub ip_version: u8,
    /// Direction of the hook ([`Direction`]).
    pub direction: u8,
    /// Type of an ICMP or ICMPv6 message, else 0.
    pub icmp_type: u8,
    /// Code of an ICMP or ICMPv6 message, else 0.
    pub icmp_code: u8,
    /// Bits of [`key_flags`].
    pub flags: u8,
}

const _: () = assert!(size_of::<ObservationKey>() == 56 && align_of::<ObservationKey>() == 8);

impl ObservationKey {
    /// No packet's key: every packet has an IP version.
    pub const EMPTY: Self = Self {
        src_addr: [0; 2],
        dst_addr: [0; 2],
        src_port: 0,
        dst_port: 0,
        ifindex: 0,
        scope: 0,
        vni: 0,
        cpu: 0,
        protocol: 0,
        ip_version: 0,
        direction: 0,
        icmp_type: 0,
        icmp_code: 0,
        flags: 0,
    };
}

/// Bits of [`ObservationKey::flags`].
pub mod key_flags {
    /// The packet was inside a tunnel.
    pub const INNER: u8 = 1;
    /// A later fragment whose first fragment was not seen at this hook: the ports, or type and code of an ICMP message, are not
    /// known, rather than 0.
    pub const PORTS_UNKNOWN: u8 = 2;
}

/// Direction of a hook, from the point of view of its interface.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Frames that the interface received.
    Ingress = 0,
    /// Frames that the interface sends.
    Egress = 1,
}

impl TryFrom<u8> for Direction {
    type Error = u8;

    fn try_from(value: u8) -> Result<Self, u8> {
        match value {
            0 => Ok(Self::Ingress),
            1 => Ok(Self::Egress),
            other => Err(other),
        }
    }
}

/// IP protocol numbers that the programs know (IANA "Assigned Internet Protocol Numbers").
pub mod protocol {
    /// ICMP (RFC 792).
    pub const ICMP: u8 = 1;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// DCCP (RFC 4340).
    pub const DCCP: u8 = 33;
    /// Authentication Header (RFC 4302), walked as an extension header.
    pub const AH: u8 = 51;
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
    /// SCTP (RFC 9260).
    pub const SCTP: u8 = 132;
    /// UDP-Lite (RFC 3828).
    pub const UDP_LITE: u8 = 136;

    /// Whether the header begins with a source and a destination port.
    #[inline]
    #[must_use]
    pub const fn has_ports(number: u8) -> bool {
        matches!(number, TCP | UDP | SCTP | DCCP | UDP_LITE)
    }

    /// Whether the header has a type and a code: ICMP is that of its own version of IP only.
    #[inline]
    #[must_use]
    pub const fn is_icmp(number: u8, ip_version: u8) -> bool {
        matches!((number, ip_version), (ICMP, 4) | (ICMPV6, 6))
    }
}
