//! What the attaching thread counts, for whoever asks.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::hook::Failure;
use crate::sync::lock;

/// A moment's state of the hooks of one namespace, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttachCounters {
    /// Hooks that are attached now.
    pub attached: u64,
    /// Attempts that failed since the start, by [`Failure::ALL`].
    pub failures: [u64; Failure::ALL.len()],
    /// Times that interface events were lost, and the interfaces listed anew.
    pub overruns: u64,
    /// Whether hooks are attached by clsact for want of TCX.
    pub lacks_tcx: bool,
}

/// Reads the counters for as long as it is kept, also when the thread has ended.
#[derive(Clone, Debug, Default)]
pub struct AttachView(pub(super) Arc<Shared>);

impl AttachView {
    /// The counters now.
    #[must_use]
    pub fn read(&self) -> AttachCounters {
        self.0.read()
    }

    /// Whether an interface of the namespace has both hooks.
    pub(super) fn is_hooked(&self, ifindex: u32) -> bool {
        lock(&self.0.hooked).contains(&ifindex)
    }
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    attached: AtomicU64,
    failures: [AtomicU64; Failure::ALL.len()],
    overruns: AtomicU64,
    lacks_tcx: AtomicBool,
    /// Interfaces with both hooks.
    hooked: Mutex<BTreeSet<u32>>,
    /// Counts this namespace together with others.
    total: Option<Arc<Shared>>,
}

impl Shared {
    pub(super) fn part_of(total: Option<AttachView>) -> Self {
        Self { total: total.map(|AttachView(total)| total), ..Self::default() }
    }

    pub(super) fn set_attached(&self, hooks: usize) {
        let before = self.attached.swap(hooks as u64, Relaxed);
        if let Some(total) = &self.total {
            // Modulo 2^64, so a decrease is a sum too.
            total.attached.fetch_add((hooks as u64).wrapping_sub(before), Relaxed);
        }
    }

    pub(super) fn set_hooked(&self, ifindex: u32, is_hooked: bool) {
        let mut hooked = lock(&self.hooked);
        if is_hooked {
            hooked.insert(ifindex);
        } else {
            hooked.remove(&ifindex);
        }
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.failures[failure as usize].fetch_add(1, Relaxed);
        if let Some(total) = &self.total {
            total.failed(failure);
        }
    }

    pub(super) fn overrun(&self) {
        self.overruns.fetch_add(1, Relaxed);
        if let Some(total) = &self.total {
            total.overrun();
        }
    }

    pub(super) fn lacks_tcx(&self) {
        self.lacks_tcx.store(true, Relaxed);
        if let Some(total) = &self.total {
            total.lacks_tcx();
        }
    }

    pub(super) fn read(&self) -> AttachCounters {
        AttachCounters {
            attached: self.attached.load(Relaxed),
            failures: std::array::from_fn(|failure| self.failures[failure].load(Relaxed)),
            overruns: self.overruns.load(Relaxed),
            lacks_tcx: self.lacks_tcx.load(Relaxed),
        }
    }
}
