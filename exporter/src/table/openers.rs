//! What others than the packets know of who began a flow: the sockets that wait, and the kernel's connection tracking.

use abi::protocol::TCP;

use crate::flow::{NetworkId, Observation, RecordSink, Tuple, Unopened};
use crate::table::conversation::{self, Side};
use crate::table::index::Key;
use crate::table::slab::Slot;
use crate::table::{FlowTable, Output, facts};

/// Conversations of which it is asked who began them, at most (half a MiB; half of it for datagrams): more that begin between
/// two readings are told by other evidence.
const MOST_UNOPENED: usize = 8192;

impl FlowTable {
    /// The conversations that came since the last call and whose opening was not seen: those that [`set_opener`](Self::set_opener) and
    /// [`set_server`](Self::set_server) could tell more of. The oldest, if there are very many. To be called after a drain and before
    /// records are asked for.
    pub fn take_unopened<S: RecordSink>(&mut self, out: &mut Output<'_, S>) -> Vec<Unopened> {
        // What was held may be of a new conversation.
        self.settle_held(out);
        let unopened = std::mem::take(&mut self.unopened);
        let tell = |key: Key| {
            let flow = self.index.find(&key, &self.flows).map(|slot| &self.flows[slot])?;
            let Key { network, conversation: packets } = key;
            let may_serve = Side::BOTH.map(|side| facts::may_serve(&packets, side));
            let seen_at = flow.seen_at(out.hooks);
            (!flow.tcp().is_opened()).then_some(Unopened { packets, network, may_serve, seen_at })
        };
        unopened.into_iter().filter_map(tell).collect()
    }

    /// Connection tracking has it that a connection of a network was opened by the side that sends such packets. For flows whose first
    /// record is still to come.
    pub fn set_opener(&mut self, network: NetworkId, packets: &Tuple) {
        let (conversation, side) = conversation::of(packets);
        if let Some(slot) = self.flow_in(network, &conversation) {
            self.flows[slot].set_opener(side);
        }
    }

    /// A socket waits for others to begin where such packets go, and none where they come from. As of
    /// [`set_opener`](Self::set_opener).
    pub fn set_server(&mut self, network: NetworkId, packets: &Tuple) {
        let (conversation, side) = conversation::of(packets);
        if let Some(slot) = self.flow_in(network, &conversation) {
            self.flows[slot].set_server(side.other());
        }
    }

    /// Remembers a flow that an observation made, if others are to be asked of it.
    pub(super) fn wonder(&mut self, slot: Slot, observation: &Observation) {
        let flow = &self.flows[slot];
        let most = if observation.tuple.protocol == TCP { MOST_UNOPENED } else { MOST_UNOPENED / 2 };
        if self.unopened.len() < most && facts::may_be_asked(observation) && !flow.is_excluded() {
            self.unopened.push(flow.key());
        }
    }
}
