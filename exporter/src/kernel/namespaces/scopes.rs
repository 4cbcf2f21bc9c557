//! The namespaces that are there: each has a number, and is ready to be asked who began a flow.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::enter::enter;
use super::find::{Found, Identity, Look, look, unbound};
use crate::kernel::stacks::{Stack, Stacks};
use crate::sync::lock;

/// Numbers of all network namespaces but the agent's own, which has 0.
pub struct Scopes {
    own: Identity,
    numbers: BTreeMap<Identity, u32>,
    /// No number is given twice: hooks of a namespace that went are still spoken of.
    latest: u32,
    stacks: Arc<Mutex<Stacks>>,
}

impl Scopes {
    /// Looks for those that are there, and adds them to the stacks. On a thread of the agent's own namespace, and before flows are
    /// observed: the first ones are those that ask who began them.
    ///
    /// # Errors
    /// If the own namespace cannot be told.
    pub fn find(stacks: Arc<Mutex<Stacks>>) -> io::Result<Self> {
        let mut scopes =
            Self { own: Identity::of_this_thread()?, numbers: BTreeMap::new(), latest: 0, stacks };
        scopes.meet(&look(scopes.own));
        Ok(scopes)
    }

    /// Looks which there are.
    pub(super) fn look(&self) -> Look {
        look(self.own)
    }

    /// How many names there are that no namespace is bound to.
    pub(super) fn unbound(&self) -> usize {
        unbound(self.own)
    }

    /// Adds those that came and removes those that went.
    pub(super) fn meet(&mut self, look: &Look) {
        let Self { numbers, latest, stacks, own: _ } = self;
        let stacks: &Mutex<Stacks> = stacks;
        numbers.retain(|identity, scope| {
            let stays = look.found.contains_key(identity);
            if !stays {
                lock(stacks).remove(*scope);
            }
            stays
        });
        for (identity, found) in &look.found {
            numbers.entry(*identity).or_insert_with(|| {
                *latest += 1;
                add(stacks, *latest, *identity, found);
                *latest
            });
        }
    }

    /// The number of one that was met.
    pub(super) fn number(&self, identity: Identity) -> Option<u32> {
        self.numbers.get(&identity).copied()
    }
}

fn add(stacks: &Mutex<Stacks>, scope: u32, identity: Identity, found: &Found) {
    let entered = enter(found, identity, || Stack::of_this_thread(scope));
    lock(stacks).add_entered(entered);
    tracing::debug!("the network namespace {} is there", found.label);
}
