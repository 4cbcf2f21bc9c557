//! In which network a flow is: that of the hooks that account for it.
//!
//! When networks join or part, their flows go with their hooks and stay what they are. Where two networks that join have a flow
//! of the same conversation, the one that came ends, with a record of what it counted until then: from then on nobody can tell the
//! two apart.
//!
//! What is known of a conversation and not of a hook is about its only flow, where all networks together have one. If several have
//! one, it is about the node's.

use crate::flow::{EndReason, Hooks, NetworkId, RecordSink, Sighting, Tuple};
use crate::table::index::Key;
use crate::table::slab::Slot;
use crate::table::{FlowTable, Output};

impl FlowTable {
    /// Hooks are in other networks from now on ([`Hooks::regroup`]).
    pub fn follow_hooks<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        let mut moved = Vec::new();
        let mut from = 0;
        while let Some(slot) = self.flows.first_from(from) {
            if self.flows[slot].follow(out.hooks) {
                moved.push(slot);
            }
            from = slot.0 + 1;
        }
        // When all have moved: one may go where another has left.
        for slot in moved {
            let key = self.flows[slot].key();
            let mut flows = self.index.find_all(&key.conversation, &self.flows);
            if !flows.any(|other| other != slot && self.flows[other].key() == key) {
                continue;
            }
            drop(flows);
            let is_closing = self.flows[slot].is_closing();
            if is_closing {
                self.closing.retain(|closing| *closing != slot);
            }
            let reason = if is_closing { EndReason::EndOfFlow } else { EndReason::ForcedEnd };
            self.end(slot, reason, out);
        }
    }

    /// The flow of a conversation that was seen at an interface.
    pub(super) fn flow_at(&self, seen: Sighting, conversation: &Tuple, hooks: &Hooks) -> Option<Slot> {
        match hooks.network_at(seen.scope, seen.ifindex) {
            Some(network) => self.flow_in(network, conversation),
            None => self.flow_somewhere(conversation),
        }
    }

    /// The flow that an ICMP error is about which was seen at an interface. What a namespace tells its own sockets of packets that it
    /// could not send, passes its loopback device.
    pub(super) fn flow_of_error(&self, seen: Sighting, conversation: &Tuple, hooks: &Hooks) -> Option<Slot> {
        let flow = self.flow_at(seen, conversation, hooks);
        flow.or_else(|| self.flow_in(hooks.network_of(seen.scope), conversation))
    }

    /// The flow of a conversation of which packets were dropped in a namespace.
    pub(super) fn flow_of_drops(
        &self,
        scope: Option<u32>,
        conversation: &Tuple,
        hooks: &Hooks,
    ) -> Option<Slot> {
        let Some(scope) = scope else { return self.flow_somewhere(conversation) };
        let networks = [hooks.network_of(scope), NetworkId::loopback(scope)];
        networks.into_iter().find_map(|network| self.flow_in(network, conversation))
    }

    /// The flow of a conversation of which it is not known where it was seen.
    fn flow_somewhere(&self, conversation: &Tuple) -> Option<Slot> {
        let mut flows = self.index.find_all(conversation, &self.flows);
        match (flows.next(), flows.next()) {
            (Some(_), Some(_)) => self.flow_in(NetworkId::NODE, conversation),
            (only, _) => only,
        }
    }

    pub(super) fn flow_in(&self, network: NetworkId, conversation: &Tuple) -> Option<Slot> {
        self.index.find(&Key { network, conversation: *conversation }, &self.flows)
    }
}
