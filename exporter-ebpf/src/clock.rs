//! The kernel's clock and its timer tick.

use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_ns};

/// `CLOCK_MONOTONIC` in nanoseconds. About 28 ns. For a first packet and the handshake, so that times at two hooks can be
/// compared.
#[inline(always)]
pub(crate) fn precise() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// Low bits of the number of the running timer tick: a load.
#[inline(always)]
pub(crate) fn tick() -> u16 {
    ticks() as u16
}

/// More of them.
#[inline(always)]
pub(crate) fn ticks() -> u32 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_jiffies64() as u32 }
}
