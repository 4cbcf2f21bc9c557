//! One hook at a time, and a moment for others between two.
//!
//! The kernel holds its one lock of all network configuration (RTNL) while it attaches or detaches by TCX, and waits for a grace period
//! meanwhile (kernel/bpf/tcx.c, `tcx_link_attach`; include/net/tcx.h, `tcx_entry_sync`). So several threads are no faster than one, and
//! whoever configures a network, such as a CNI plugin that adds a pod, would stand in line behind all of them. And a lock that is asked
//! for again as soon as it is free may be had again before who waits for it has woken up.

use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::sync::lock;

/// Long enough for a thread that waits for a lock to wake up and take it.
const PAUSE: Duration = Duration::from_millis(1);

/// When the last hook of this process was done. Whoever has it is the only one that attaches or detaches.
static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// Attaches or detaches one hook when it is its turn.
pub(super) fn paced<T>(work: impl FnOnce() -> T) -> T {
    let mut last = lock(&LAST);
    if let Some(last) = *last {
        sleep(PAUSE.saturating_sub(last.elapsed()));
    }
    let done = work();
    *last = Some(Instant::now());
    drop(last);
    // Without the turn, which another thread that waits gets: the same as with the kernel's lock.
    sleep(PAUSE);
    done
}
