//! What the attaching thread counts, for whoever asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::hook::Failure;

/// A moment's state of the hooks of one namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttachCounters {
    /// Hooks that are attached now.
    pub attached: u64,
    /// Attempts that failed since the start, by [`Failure::ALL`].
    pub failures: [u64; Failure::ALL.len()],
    /// Times that interface events were lost, and the interfaces listed anew.
    pub overruns: u64,
}

/// Reads the counters for as long as it is kept, also when the thread has ended.
#[derive(Clone, Debug)]
pub struct AttachView(pub(super) Arc<Shared>);

impl AttachView {
    /// The counters now.
    #[must_use]
    pub fn read(&self) -> AttachCounters {
        self.0.read()
    }
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    attached: AtomicU64,
    failures: [AtomicU64; Failure::ALL.len()],
    overruns: AtomicU64,
}

impl Shared {
    pub(super) fn set_attached(&self, hooks: usize) {
        self.attached.store(hooks as u64, Relaxed);
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.failures[failure as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn overrun(&self) {
        self.overruns.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> AttachCounters {
        AttachCounters {
            attached: self.attached.load(Relaxed),
            failures: std::array::from_fn(|failure| self.failures[failure].load(Relaxed)),
            overruns: self.overruns.load(Relaxed),
        }
    }
}
