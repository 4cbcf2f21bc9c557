//! The kernel's clock and its timer tick.

use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_ns};

use crate::replay;

/// `CLOCK_MONOTONIC` in nanoseconds, or the capture's time. About 28 ns. For a first packet and the handshake, so that times at two
/// hooks can be compared.
#[inline(always)]
pub(crate) fn precise() -> u64 {
    if replay::is_on() {
        return replay::captured().time_ns;
    }
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// The number of the running timer tick, or of that of the capture's time.
#[inline(always)]
pub(crate) fn ticks() -> u32 {
    if replay::is_on() { replay::ticks() } else { jiffies() }
}

/// The number of the running timer tick: a load.
#[inline(always)]
pub(crate) fn jiffies() -> u32 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_jiffies64() as u32 }
}
