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

    /// All of a place but the entry's number.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn tag(hash: u64, cpu: u32) -> u64 {
        let hash = hash & ((1 << (63 - CPU_BITS - NUMBER_BITS)) - 1);
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
