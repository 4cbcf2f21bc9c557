//! How large the kernel's maps are.

use abi::maps::{LOSS_ENTRIES, TIMING_ENTRIES};
use abi::{Bucket, Entry, TcpQuality, Timings, place};

const GENERATIONS: u32 = 2;
/// An index that is half full finds most keys at the first place that it looks at.
const PLACES_PER_ENTRY: u32 = 2;

/// 256 KiB: in the processor's cache, and room for 16 000 keys.
const FEW_BUCKETS: u32 = 4096;

/// Sides of connections that were seen to open and have sent no data yet: 16 000 within a round trip.
const AWAITED_ENTRIES: u32 = 16_384;
/// Key, value and the kernel's own part of such an entry, rounded up.
const AWAITED_BYTES: u64 = 128;

/// Tuples times reasons of dropped packets that each generation tells apart.
pub(super) const DROP_ENTRIES: u32 = 2048;
/// Key, value and the kernel's own part of such an entry.
const DROP_BYTES: u64 = 128;

/// Sizes that user space gives the maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Observations that each generation holds; at most [`MAX_OBSERVATIONS`](Self::MAX_OBSERVATIONS).
    pub observations: u32,
    /// Hooks times reasons that losses are told apart for.
    pub losses: u32,
    /// Bytes of the ring of payloads, a power of two and at least a page; 0 if none are shipped.
    pub payload_bytes: u32,
    /// Whether the programs note how well TCP connections do, beside each observation.
    pub tcp_quality: bool,
    /// Whether a program counts packets that the kernel drops.
    pub drops: bool,
}

impl Sizes {
    /// What a place in the index can say. The entries of both generations are then 64 GiB.
    pub const MAX_OBSERVATIONS: u32 = place::MAX_ENTRIES;

    /// With the usual room for losses, and TCP quality.
    #[must_use]
    pub const fn of_observations(observations: u32) -> Self {
        Self { observations, losses: LOSS_ENTRIES, payload_bytes: 0, tcp_quality: true, drops: false }
    }

    /// These, with a ring of payloads: room for what comes between two looks, which is a tenth of a second.
    #[must_use]
    pub const fn with_payloads(self, bytes: u32) -> Self {
        Self { payload_bytes: bytes, ..self }
    }

    /// Connections' sides whose first data is waited for.
    pub(super) const fn awaited(self) -> u32 {
        if self.payload_bytes == 0 { 1 } else { AWAITED_ENTRIES }
    }

    /// Of each generation. A map has one value at least.
    pub(super) const fn drops_in_map(self) -> u32 {
        if self.drops { DROP_ENTRIES } else { 1 }
    }

    /// Buckets of each generation.
    pub(super) const fn buckets(self) -> u32 {
        (self.observations * PLACES_PER_ENTRY).div_ceil(Bucket::PLACES)
    }

    /// As many buckets as a generation is given that may get this many entries: with room to double, and for a rush after
    /// silence.
    pub(super) fn buckets_for(self, entries: u32) -> u32 {
        (entries.saturating_mul(2 * PLACES_PER_ENTRY) / Bucket::PLACES).max(FEW_BUCKETS).min(self.buckets())
    }

    /// Observations that a generation with this many buckets has room for.
    pub(super) fn room(self, buckets: u32) -> u32 {
        self.observations.min(buckets.saturating_mul(Bucket::PLACES))
    }

    pub(super) const fn entries_in_map(self) -> u32 {
        GENERATIONS * self.observations
    }

    /// A map has one value at least.
    pub(super) const fn tcp_quality_in_map(self) -> u32 {
        if self.tcp_quality { self.entries_in_map() } else { 1 }
    }

    /// A map has one value at least.
    pub(super) const fn timings(self) -> u32 {
        if self.tcp_quality { TIMING_ENTRIES } else { 1 }
    }

    pub(super) const fn buckets_in_map(self) -> u32 {
        GENERATIONS * self.buckets()
    }

    /// What the entries, what is beside them, the index and payloads take, in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.payload_bytes as u64
            + self.awaited() as u64 * AWAITED_BYTES
            + (GENERATIONS * self.drops_in_map()) as u64 * DROP_BYTES
            + self.entries_in_map() as u64 * size_of::<Entry>() as u64
            + self.tcp_quality_in_map() as u64 * size_of::<TcpQuality>() as u64
            + self.timings() as u64 * size_of::<Timings>() as u64
            + self.buckets_in_map() as u64 * size_of::<Bucket>() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_room_for_every_entry() {
        for observations in [1, 3, 4, 5, 1000, Sizes::MAX_OBSERVATIONS] {
            let sizes = Sizes::of_observations(observations);
            assert!(sizes.buckets() * Bucket::PLACES >= PLACES_PER_ENTRY * observations, "{sizes:?}");
        }
    }

    #[test]
    fn a_generation_gets_buckets_for_twice_what_was_there_and_never_more_than_there_are() {
        let sizes = Sizes::of_observations(100_000);
        assert_eq!(sizes.buckets_for(0), FEW_BUCKETS);
        assert_eq!(sizes.buckets_for(40_000) * Bucket::PLACES, 2 * 2 * 40_000);
        assert_eq!(sizes.buckets_for(u32::MAX), sizes.buckets());
        assert_eq!(Sizes::of_observations(4).buckets_for(0), 1);
    }

    #[test]
    fn there_is_room_for_what_both_the_entries_and_the_index_hold() {
        let sizes = Sizes::of_observations(100_000);
        assert_eq!(sizes.room(FEW_BUCKETS), FEW_BUCKETS * Bucket::PLACES);
        assert_eq!(sizes.room(sizes.buckets()), 100_000);
        assert_eq!(Sizes::of_observations(Sizes::MAX_OBSERVATIONS).room(u32::MAX), Sizes::MAX_OBSERVATIONS);
    }
}
