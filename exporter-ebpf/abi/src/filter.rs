//! Which packets are counted: rules in the form in which the programs compare them.
//!
//! The first rule that fits decides. A rule looks at nothing that differs between the two directions of a conversation, so it fits
//! requests and replies alike.

use crate::{PackedKey, key_flags, protocol};

/// A rule. 80 bytes, no padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterRule {
    /// Who talks to whom: one of them the source and the other the destination, whichever.
    pub ends: [FilterEnd; 2],
    /// Protocol, IP version and [`WITH_PORTS`](Self::WITH_PORTS), as in [`FilterSubject::kind`].
    pub kind: u32,
    /// The bits of `kind` that count.
    pub kind_mask: u32,
    /// The lowest port that fits; that of one end is enough.
    pub first_port: u16,
    /// How many more ports fit: all 65536 do where this is the highest number, also for packets without ports.
    pub more_ports: u16,
    /// Not 0: packets that the rule fits are left out. Else they are counted.
    pub rejects: u32,
}

const _: () = assert!(size_of::<FilterRule>() == 80);

/// A range of addresses.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterEnd {
    /// In the form of [`ObservationKey`](crate::ObservationKey), 0 where `mask` is.
    pub address: [u64; 2],
    /// The bits that count.
    pub mask: [u64; 2],
}

/// What rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterSubject {
    source: [u64; 2],
    destination: [u64; 2],
    source_port: u16,
    destination_port: u16,
    /// Protocol in the lowest 8 bits, IP version in the next, and [`FilterRule::WITH_PORTS`].
    pub kind: u32,
}

impl FilterRule {
    /// Most rules of a filter.
    pub const MAX: u32 = 128;

    /// Bit of `kind`: the packet has ports, and they are known.
    pub const WITH_PORTS: u32 = 1 << 31;

    /// Fits every packet and accepts it.
    pub const EVERY: Self = Self {
        ends: [FilterEnd::ANY; 2],
        kind: 0,
        kind_mask: 0,
        first_port: 0,
        more_ports: u16::MAX,
        rejects: 0,
    };

    /// Whether the rule decides about a packet.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn fits(&self, packet: &FilterSubject) -> bool {
        let [one, other] = &self.ends;
        (self.kind ^ packet.kind) & self.kind_mask == 0
            && (self.has_port(packet.source_port) || self.has_port(packet.destination_port))
            && (one.differs(packet.source) | other.differs(packet.destination) == 0
                || one.differs(packet.destination) | other.differs(packet.source) == 0)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    const fn has_port(&self, port: u16) -> bool {
        port.wrapping_sub(self.first_port) <= self.more_ports
    }
}

impl FilterEnd {
    /// Every address.
    pub const ANY: Self = Self { address: [0; 2], mask: [0; 2] };

    /// 0 for an address of the range.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    const fn differs(&self, address: [u64; 2]) -> u64 {
        (self.address[0] ^ address[0]) & self.mask[0] | (self.address[1] ^ address[1]) & self.mask[1]
    }
}

impl FilterSubject {
    /// What rules see of a packet.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    #[expect(clippy::cast_possible_truncation, reason = "takes fields out of words")]
    pub const fn of(key: &PackedKey) -> Self {
        let [src_0, src_1, dst_0, dst_1, ports, _] = key.words;
        let are_known = (key.kind >> 24) as u8 & key_flags::PORTS_UNKNOWN == 0;
        let with_ports = are_known && protocol::has_ports(key.kind as u8);
        Self {
            source: [src_0, src_1],
            destination: [dst_0, dst_1],
            source_port: ports as u16,
            destination_port: (ports >> 16) as u16,
            kind: key.kind & 0xffff | if with_ports { FilterRule::WITH_PORTS } else { 0 },
        }
    }
}
