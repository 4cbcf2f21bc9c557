//! What the verifier is to know of a value, where the compiler knows it and leaves it out.

use core::arch::asm;

/// A length that is at least 1 and at most `MOST`, a power of two. For helpers that take no empty memory: to some verifiers (Linux 6.1), what was
/// compared with 0 may still be 0.
#[inline(always)]
pub(crate) fn length<const MOST: u32>(length: u32) -> u32 {
    const { assert!(MOST.is_power_of_two(), "the mask is one less") };
    let mut value = u64::from(length);
    // SAFETY: arithmetic, which leaves such a value as it is.
    unsafe {
        asm!(
            "{value} += -1",
            "{value} &= {mask}",
            "{value} += 1",
            value = inout(reg) value,
            mask = const MOST - 1,
            options(pure, nomem, nostack, preserves_flags)
        );
    };
    value as u32
}

/// An offset that is below `END`, a power of two. What is compared may be a sum that the offset is part of, of which some verifiers do not
/// conclude anything for the offset.
#[inline(always)]
pub(crate) fn below<const END: u32>(offset: usize) -> usize {
    const { assert!(END.is_power_of_two(), "the mask is one less") };
    let mut value = offset;
    // SAFETY: arithmetic, which leaves such a value as it is.
    unsafe {
        asm!(
            "{value} &= {mask}",
            value = inout(reg) value,
            mask = const END - 1,
            options(pure, nomem, nostack, preserves_flags)
        );
    };
    value
}
