//! What the stages keep, in one place for whoever asks.

use std::sync::{Arc, Mutex};

use super::component::Component;
use crate::kernel::AttachCounters;
use crate::ledger::{Ledger, Row};
use crate::pipeline::Progress;
use crate::sync::lock;

/// The numbers of a running agent. Reading them holds no lock for longer than it takes to copy some numbers.
pub(crate) struct Sources {
    pub(super) ledger: Arc<Ledger>,
    pub(super) progress: Arc<Progress>,
    attaching: Box<dyn Fn() -> AttachCounters + Send + Sync>,
    pub(super) components: Vec<Component>,
    /// The ledger at the beginning of a collection, so that what is collected balances.
    balance: Mutex<Row>,
}

impl Sources {
    pub(crate) fn new(
        ledger: &Arc<Ledger>,
        progress: &Arc<Progress>,
        attaching: impl Fn() -> AttachCounters + Send + Sync + 'static,
        components: Vec<Component>,
    ) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            progress: Arc::clone(progress),
            attaching: Box::new(attaching),
            components,
            balance: Mutex::default(),
        }
    }

    /// The hooks now.
    pub(super) fn attaching(&self) -> AttachCounters {
        (self.attaching)()
    }

    /// Takes a new look at the ledger.
    pub(super) fn look(&self) -> Row {
        let row = self.ledger.total();
        *lock(&self.balance) = row;
        row
    }

    /// The ledger as of the last look.
    pub(super) fn seen_last(&self) -> Row {
        *lock(&self.balance)
    }
}
