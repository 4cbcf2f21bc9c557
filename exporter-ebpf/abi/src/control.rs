//! The word that tells the programs where to write.

/// The word: the generation that the programs write, 0 or 1, and how many buckets of its index they use. Of fewer buckets, fewer
/// cache lines and pages are touched; user space chooses as many as the last generations needed.
#[must_use]
pub const fn word(generation: u32, buckets: u32) -> u64 {
    generation as u64 | (buckets as u64) << 32
}

/// The generation.
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
pub const fn generation(word: u64) -> u32 {
    (word & 1) as u32
}

/// The buckets.
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
pub const fn buckets(word: u64) -> u32 {
    (word >> 32) as u32
}
