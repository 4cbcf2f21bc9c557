//! Where a generation keeps its observations: entries one after the other, and an index that says where a key's entry is.

use crate::{Counts, Facts, ObservationKey, PackedKey};

/// What one CPU saw of a key at one hook. 128 bytes: what a packet needs is on the first of two cache lines, and no entry
/// shares one with its neighbour.
///
/// Only the CPU that took an entry writes it. It is never moved, and empties only with its whole generation.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Of the key ([`PackedKey`]).
    pub words: [u64; 6],
    /// Of the key.
    pub kind: u32,
    /// What every packet writes.
    pub counts: Counts,
    /// What is seldom written.
    pub facts: Facts,
}

const _: () = assert!(size_of::<Entry>() == 128 && core::mem::offset_of!(Entry, facts) == 64);

impl Entry {
    /// Whose entry it is, but for the CPU.
    #[must_use]
    pub const fn key(&self) -> ObservationKey {
        PackedKey { words: self.words, kind: self.kind, cpu: 0 }.unpack()
    }

    /// Packets on the wire: the segments of a GSO or GRO packet.
    #[must_use]
    pub fn packets(&self) -> u64 {
        u64::from(self.facts.packets_high) << 32 | u64::from(self.counts.packets)
    }

    /// Frame bytes on the wire, without FCS and preamble; each segment of a GSO or GRO packet counts with its own headers.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.facts.bytes_high) << 32 | u64::from(self.counts.bytes)
    }
}

impl PackedKey {
    /// Whether an entry is this key's, but for the CPU.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub fn is_of(&self, entry: &Entry) -> bool {
        let start = u64::from(entry.kind ^ self.kind);
        (0..6).fold(start, |differs, at| differs | entry.words[at] ^ self.words[at]) == 0
    }

    /// As [`is_of`](Self::is_of), of a key of IPv4: the version is in `kind`, and all keys of it have the rest of their address words alike.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub fn is_ipv4_of(&self, entry: &Entry) -> bool {
        let [_, src, _, dst, ports, scope] = entry.words;
        let [_, own_src, _, own_dst, own_ports, own_scope] = self.words;
        let addresses = (src ^ own_src) >> 32 | (dst ^ own_dst) >> 32;
        u64::from(entry.kind ^ self.kind) | addresses | ports ^ own_ports | scope ^ own_scope == 0
    }
}

/// How many entries of a generation were given out. On a cache line of its own: every packet reads its neighbours, and only
/// the first packet of an observation writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Entries, and beyond the number of those that there are: packets that wanted one more.
    pub entries: u64,
    /// Explicit padding.
    pub pad: [u64; 7],
}

const _: () = assert!(size_of::<Taken>() == 64);

/// The [`place`]s of the keys whose hash leads here, on one cache line.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket(pub [u64; Self::PLACES as usize]);

const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    /// Places of a bucket. A power of two.
    pub const PLACES: u32 = 8;
}

/// The words of a [`Bucket`]: where a key's entry is. 0 is a free place.
///
/// A place says which CPU's entry it is, so a program never looks into an entry that another CPU is writing. A key that the
/// index has lost, because a bucket overflowed, gets another entry: what is counted does not depend on the index.
pub mod place {
    /// Bits of an entry's number.
    const NUMBER_BITS: u32 = 28;
    /// Bits of the CPU's number: as many as a kernel can have CPUs.
    const CPU_BITS: u32 = 13;

    /// Set in every place.
    const TAKEN: u64 = 1 << 63;

    /// Entries that a generation can have at most.
    pub const MAX_ENTRIES: u32 = 1 << NUMBER_BITS;

    /// All of a place but the entry's number. Of the hash as many of its lowest bits as there is room for.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn tag(hash: u64, cpu: u32) -> u64 {
        TAKEN | hash << (CPU_BITS + NUMBER_BITS) | (cpu as u64 & ((1 << CPU_BITS) - 1)) << NUMBER_BITS
    }

    /// Whether a place has this tag.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn has_tag(place: u64, tag: u64) -> bool {
        (place ^ tag) >> NUMBER_BITS == 0
    }

    /// The entry's number.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    #[expect(clippy::cast_possible_truncation, reason = "fewer bits than that")]
    pub const fn number(place: u64) -> u32 {
        (place & (MAX_ENTRIES - 1) as u64) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::place::{MAX_ENTRIES, has_tag, number, tag};
    use super::*;

    /// `::ffff:10.0.0.last`, as it stands in memory.
    fn address(last: u8) -> [u64; 2] {
        [0, u64::from_ne_bytes([0, 0, 0xff, 0xff, 10, 0, 0, last])]
    }

    #[test]
    fn an_entry_is_of_its_own_key_alone_also_by_the_short_comparison() {
        let key = ObservationKey {
            src_addr: address(1),
            dst_addr: address(2),
            src_port: 50_000,
            dst_port: 443,
            ifindex: 3,
            scope: 4,
            vni: 0,
            protocol: crate::protocol::TCP,
            ip_version: 4,
            direction: 0,
            flags: 0,
        };
        let PackedKey { words, kind, .. } = key.pack(0);
        let entry = Entry { words, kind, ..Entry::default() };
        assert!(key.pack(1).is_of(&entry) && key.pack(1).is_ipv4_of(&entry));
        for other in [
            ObservationKey { src_addr: address(2), dst_addr: address(1), ..key },
            ObservationKey { src_addr: address(3), ..key },
            ObservationKey { dst_addr: address(3), ..key },
            ObservationKey { src_port: 443, dst_port: 50_000, ..key },
            ObservationKey { src_port: 50_001, ..key },
            ObservationKey { dst_port: 444, ..key },
            ObservationKey { ifindex: 4, ..key },
            ObservationKey { scope: 5, ..key },
            ObservationKey { vni: 1, ..key },
            ObservationKey { protocol: crate::protocol::UDP, ..key },
            ObservationKey { ip_version: 6, ..key },
            ObservationKey { direction: 1, ..key },
            ObservationKey { flags: crate::key_flags::FRAGMENT, ..key },
        ] {
            let other = other.pack(0);
            assert!(!other.is_of(&entry) && !other.is_ipv4_of(&entry), "{other:?}");
        }
    }

    #[test]
    fn a_place_gives_back_its_number_and_no_other_tag() {
        let of = tag(u64::MAX, 8191);
        for entry in [0, 1, MAX_ENTRIES - 1] {
            let place = of | u64::from(entry);
            assert_eq!(number(place), entry);
            assert!(has_tag(place, of));
            for other in [tag(0, 8191), tag(u64::MAX, 8190), tag(u64::MAX - 1, 8191)] {
                assert!(!has_tag(place, other), "{other:x}");
            }
        }
    }

    #[test]
    fn a_free_place_has_nobodys_tag() {
        assert!(!has_tag(0, tag(0, 0)));
    }
}
