//! When the attaching thread wakes up, and why.

use rustix::event::Timespec;

/// When what failed is tried again, unless its interface changes before.
const RETRY: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };
/// When events are asked for again after the kernel refused.
const REFUSED: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
/// When the hooks of the other end of a pair are looked for again.
const UNDECIDED: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Why the thread woke up.
pub(super) enum Wake {
    Stop,
    Events,
    /// Interfaces whose other end had no hooks are due.
    Undecided,
    /// What failed is due.
    Retry,
}

/// How long it sleeps at most; `None` is until something happens.
pub(super) fn timeout(refused: bool, undecided: bool, failed: bool) -> Option<&'static Timespec> {
    match (refused, undecided, failed) {
        (true, _, _) => Some(&REFUSED),
        (false, true, _) => Some(&UNDECIDED),
        (false, false, true) => Some(&RETRY),
        (false, false, false) => None,
    }
}
