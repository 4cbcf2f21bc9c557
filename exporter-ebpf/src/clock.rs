//! The two clocks, both `CLOCK_MONOTONIC` in nanoseconds.

use aya_ebpf::helpers::{bpf_ktime_get_coarse_ns, bpf_ktime_get_ns};

/// About 28 ns. For a first packet and the handshake, so that times at two hooks can be compared.
#[inline(always)]
pub(crate) fn precise() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// About 4 ns; ticks with the kernel's timer.
#[inline(always)]
pub(crate) fn coarse() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_coarse_ns() }
}
