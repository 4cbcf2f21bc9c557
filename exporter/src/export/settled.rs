//! Keeps what became of batches, for tests to look at.

use std::sync::{Arc, Mutex};

use super::{Batch, Outcome, Settle};
use crate::flow::HookId;

/// Batches and their outcomes, in the order in which they came to an end.
#[derive(Clone, Default)]
pub(super) struct Settled(pub(super) Arc<Mutex<Vec<(Outcome, Batch)>>>);

impl Settle for Settled {
    fn settle(&mut self, outcome: Outcome, batch: Batch) {
        self.0.lock().unwrap().push((outcome, batch));
    }
}

impl Settled {
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        self.0.lock().unwrap().iter().map(|(outcome, _)| *outcome).collect()
    }

    /// Each outcome with the packets of a hook that came to that end.
    pub(super) fn packets(&self, hook: HookId) -> Vec<(Outcome, u64)> {
        let settled = self.0.lock().unwrap();
        let packets = |batch: &Batch| batch.accounted.by_hook()[&hook].packets;
        settled.iter().map(|(outcome, batch)| (*outcome, packets(batch))).collect()
    }
}
