//! The key of an observation: one 5-tuple at one hook.

/// What tells two observations apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObservationKey {
    /// Source address: the 16 bytes of an IPv6 address as they stand in memory; IPv4 as `::ffff:a.b.c.d`.
    pub src_addr: [u64; 2],
    /// Destination address, in the form of `src_addr`.
    pub dst_addr: [u64; 2],
    /// Source port in host byte order; of an ICMP or ICMPv6 message its type; else 0.
    pub src_port: u16,
    /// Destination port in host byte order; of an ICMP or ICMPv6 message its code; else 0.
    pub dst_port: u16,
    /// Interface index of the hook, unique within its scope.
    pub ifindex: u32,
    /// Network namespace of the hook, as numbered by user space, so that equal interface indexes never merge.
    pub scope: u32,
    /// Virtual network identifier of the tunnel the packet was taken from; 0 for an outer packet.
    pub vni: u32,
    /// IP protocol number after all extension headers ([`protocol`]).
    pub protocol: u8,
    /// IP version: 4 or 6. An IPv6 packet may carry a v4-mapped address, so the addresses do not tell.
    pub ip_version: u8,
    /// Direction of the hook ([`Direction`]).
    pub direction: u8,
    /// Bits of [`key_flags`].
    pub flags: u8,
}

/// A key as the programs keep it: in words, because what was written in small pieces is slow to read back in large ones. 56
/// bytes, no padding.
///
/// The CPU is part of it, so an entry has a single writer: programs of a hook never interrupt each other on one CPU (bottom
/// halves are off), and plain additions are exact where a shared entry would need atomics. User space adds the CPUs' entries up
/// (`docs/adr/0001-kernel-map-layout.md`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedKey {
    /// Source address; destination address; destination port, source port and interface, from the lowest bits on, so that the ports are
    /// what one load of both gives; scope and VNI.
    pub words: [u64; 6],
    /// Protocol, IP version, direction, flags.
    pub kind: u32,
    /// CPU that ran the program.
    pub cpu: u32,
}

const _: () = assert!(size_of::<PackedKey>() == 56);

impl ObservationKey {
    /// The key of an observation on a CPU.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn pack(&self, cpu: u32) -> PackedKey {
        PackedKey {
            words: [
                self.src_addr[0],
                self.src_addr[1],
                self.dst_addr[0],
                self.dst_addr[1],
                self.dst_port as u64 | (self.src_port as u64) << 16 | (self.ifindex as u64) << 32,
                self.scope as u64 | (self.vni as u64) << 32,
            ],
            kind: self.protocol as u32
                | (self.ip_version as u32) << 8
                | (self.direction as u32) << 16
                | (self.flags as u32) << 24,
            cpu,
        }
    }
}

impl PackedKey {
    /// The key, without its CPU.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    #[expect(clippy::cast_possible_truncation, reason = "takes fields out of words")]
    pub const fn unpack(&self) -> ObservationKey {
        let [src_0, src_1, dst_0, dst_1, ports, scope] = self.words;
        ObservationKey {
            src_addr: [src_0, src_1],
            dst_addr: [dst_0, dst_1],
            src_port: (ports >> 16) as u16,
            dst_port: ports as u16,
            ifindex: (ports >> 32) as u32,
            scope: scope as u32,
            vni: (scope >> 32) as u32,
            protocol: self.kind as u8,
            ip_version: (self.kind >> 8) as u8,
            direction: (self.kind >> 16) as u8,
            flags: (self.kind >> 24) as u8,
        }
    }
}

/// Bits of [`ObservationKey::flags`].
pub mod key_flags {
    /// The packet was inside a tunnel.
    pub const INNER: u8 = 1;
    /// A later fragment whose first fragment was not seen at this hook: the ports, or type and code of an ICMP message, are not
    /// known, rather than 0.
    pub const PORTS_UNKNOWN: u8 = 2;
    /// A fragment of a packet: counted apart, so that it is known that there were some.
    pub const FRAGMENT: u8 = 4;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_key_unpacks_to_what_it_was() {
        let key = ObservationKey {
            src_addr: [1, u64::MAX],
            dst_addr: [u64::MAX - 2, 3],
            src_port: 0xabcd,
            dst_port: 0x1234,
            ifindex: 0x89ab_cdef,
            scope: 0xfedc_ba98,
            vni: 0x00ff_1234,
            protocol: 200,
            ip_version: 6,
            direction: 1,
            flags: 3,
        };
        assert_eq!(key.pack(7).unpack(), key);
        assert_ne!(key.pack(7), key.pack(8), "the CPU is part of it");
    }
}
