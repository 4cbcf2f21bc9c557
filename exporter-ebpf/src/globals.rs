//! What user space says once and for all, before a program is loaded: read-only globals, whose values the verifier knows.

/// The value of a global, or of an element of one.
#[inline(always)]
pub(crate) fn constant(global: &u32) -> u32 {
    // SAFETY: a reference; the volatile read keeps the compiler from folding the value that user space replaces.
    unsafe { core::ptr::from_ref(global).read_volatile() }
}
