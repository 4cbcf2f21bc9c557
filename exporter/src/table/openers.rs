//! What others than the packets know of who began a flow: the sockets that listen, and the kernel's connection tracking.

use crate::flow::{Hooks, Listeners, Observation, Tuple};
use crate::table::slab::Slot;
use crate::table::{FlowTable, conversation, facts};

/// Connections of which it is asked who opened them, at most (a quarter MiB): more that begin between two readings are told by
/// other evidence.
const MOST_UNOPENED: usize = 4096;

impl FlowTable {
    /// Whether [`set_listeners`](Self::set_listeners) could tell more of the flows that have no record yet.
    #[must_use]
    pub fn wants_listeners(&self) -> bool {
        self.wants_listeners
    }

    /// Who listens, for the flows whose first record is still to come.
    pub fn set_listeners(&mut self, listeners: Listeners) {
        self.listeners = listeners;
        self.wants_listeners = false;
    }

    /// Tuples of the connections that came since the last call to hooks of the agent's own network namespace and whose opening was
    /// not seen: those that [`set_opener`](Self::set_opener) could tell more of. The oldest, if there are very many.
    pub fn take_unopened(&mut self) -> Vec<Tuple> {
        std::mem::take(&mut self.unopened)
    }

    /// Connection tracking has it that a connection was opened by the side that sends such packets. For flows whose first record is
    /// still to come.
    pub fn set_opener(&mut self, packets: &Tuple) {
        let (conversation, side) = conversation::of(packets);
        if let Some(slot) = self.flow_of_agents_namespace(&conversation) {
            self.flows[slot].set_opener(side);
        }
    }

    /// Remembers of a flow that an observation made, whom to ask.
    pub(super) fn wonder(&mut self, slot: Slot, observation: &Observation, hooks: &Hooks) {
        let flow = &self.flows[slot];
        if flow.is_excluded() {
            return;
        }
        self.wants_listeners |= facts::may_need_listeners(observation);
        let is_here = || hooks.get(observation.hook).scope == self.listeners.scope();
        if facts::is_unopened(observation) && self.unopened.len() < MOST_UNOPENED && is_here() {
            self.unopened.push(*flow.conversation());
        }
    }
}
