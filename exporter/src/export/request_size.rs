//! How large a request may be, as far as the receiver has told.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of a request before its compression. The delivery task learns them; who makes requests asks.
#[derive(Debug)]
pub struct RequestSize(AtomicUsize);

/// No receiver's limit is above this, or it does not matter: requests are smaller anyway.
const UNKNOWN: usize = usize::MAX;
/// A limit that is raised to this is none: twice what receivers take by default.
const LARGEST: usize = 8 << 20;

impl Default for RequestSize {
    fn default() -> Self {
        Self(AtomicUsize::new(UNKNOWN))
    }
}

impl RequestSize {
    /// The most bytes that a request should have.
    #[must_use]
    pub fn most(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A receiver took no larger ones.
    pub(crate) fn lower(&self, bytes: usize) {
        self.0.fetch_min(bytes, Ordering::Relaxed);
    }

    /// Perhaps it takes larger ones by now.
    pub(super) fn raise(&self) {
        let doubled = self.most().saturating_mul(2);
        self.0.store(if doubled > LARGEST { UNKNOWN } else { doubled }, Ordering::Relaxed);
    }

    pub(super) fn is_known(&self) -> bool {
        self.most() != UNKNOWN
    }
}
