//! The two clocks, both `CLOCK_MONOTONIC` in nanoseconds.

use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_coarse_ns, bpf_ktime_get_ns};

use crate::maps::TICK;

/// The coarse clock as it was read in a tick.
#[repr(C)]
pub(crate) struct Tick {
    jiffies: u64,
    now: u64,
}

/// About 28 ns. For a first packet and the handshake, so that times at two hooks can be compared.
#[inline(always)]
pub(crate) fn precise() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// Low bits of the number of the running timer tick: a load.
#[inline(always)]
pub(crate) fn tick() -> u16 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_jiffies64() as u16 }
}

/// Ticks with the kernel's timer. It is read once a tick and CPU: a call costs 4 ns, and 17 where returns are mitigated (SRSO),
/// while the number of the tick is a load. A reading in the moment of the tick may still give the time of the one before.
#[inline(always)]
pub(crate) fn coarse() -> u64 {
    // SAFETY: the helpers have no preconditions.
    let (read, jiffies) = unsafe { (|| bpf_ktime_get_coarse_ns(), bpf_jiffies64()) };
    let Some(tick) = TICK.get_ptr_mut(0) else {
        return 0; // Cannot be: the map has this index.
    };
    // SAFETY: this CPU's value, and programs of a hook do not interrupt each other on a CPU.
    let tick = unsafe { &mut *tick };
    if tick.jiffies != jiffies {
        *tick = Tick { jiffies, now: read() };
    }
    tick.now
}
