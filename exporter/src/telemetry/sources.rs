//! What the stages keep, in one place for whoever asks.

use std::sync::{Arc, Mutex};

use super::component::Component;
use crate::features::{Feature, Features};
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
    features: Arc<Features>,
    /// The ledger at the beginning of a collection, so that what is collected balances.
    balance: Mutex<Row>,
}

impl Sources {
    pub(crate) fn new(
        ledger: &Arc<Ledger>,
        progress: &Arc<Progress>,
        attaching: impl Fn() -> AttachCounters + Send + Sync + 'static,
        components: Vec<Component>,
        features: &Arc<Features>,
    ) -> Self {
        Self {
            ledger: Arc::clone(ledger),
            progress: Arc::clone(progress),
            attaching: Box::new(attaching),
            components,
            features: Arc::clone(features),
            balance: Mutex::default(),
        }
    }

    /// The hooks now.
    pub(super) fn attaching(&self) -> AttachCounters {
        (self.attaching)()
    }

    /// What is wanted of what the agent can do without, and whether it is there, as far as that is known.
    pub(super) fn features(&self) -> impl Iterator<Item = (Feature, bool)> {
        let AttachCounters { attached, lacks_tcx, .. } = self.attaching();
        Feature::ALL.into_iter().filter_map(move |feature| {
            let is_there = self.features.get(feature)?;
            match feature {
                // The first hook tells.
                Feature::Tcx => (attached != 0).then_some((feature, is_there && !lacks_tcx)),
                _ => Some((feature, is_there)),
            }
        })
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
