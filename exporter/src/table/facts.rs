//! What a flow's first record fixes for its life.
//!
//! Who began is told by the best evidence there is then, in the order of [`Evidence`]. None of it depends on the order in which
//! observations came.

use abi::protocol::{TCP, UDP};

use crate::clock::MonotonicTime;
use crate::flow::{Evidence, Hooks, Listener, Listeners, Observation, Tuple};
use crate::table::accounting::Accounting;
use crate::table::conversation::Side;
use crate::table::mishaps::Mishaps;
use crate::table::tcp::Tcp;
use crate::table::{ports, reuse};

/// What the first record said and the others repeat.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) source: Side,
    pub(super) evidence: Evidence,
    /// The side whose lead gives the hook and the VLAN: the source's if it was seen then.
    pub(super) shown: Side,
}

impl Facts {
    pub(super) fn of(
        conversation: &Tuple,
        tcp: Tcp,
        (accounting, mishaps): (&Accounting, &Mishaps),
        listeners: &Listeners,
        hooks: &Hooks,
    ) -> Self {
        let first = |side| {
            let dropped = mishaps.first_dropped_of(side);
            accounting.first_of(side).into_iter().chain(dropped).min().unwrap_or(MonotonicTime(u64::MAX))
        };
        let earlier = if first(Side::Against) < first(Side::Along) { Side::Against } else { Side::Along };
        // Addresses of another namespace may be others' there.
        let is_here =
            |side| accounting.lead(side).is_some_and(|lead| hooks.get(lead.hook).scope == listeners.scope());
        let listening =
            || Side::BOTH.into_iter().any(is_here).then(|| listening(conversation, listeners)).flatten();
        let (source, evidence) = match Side::BOTH.map(|side| tcp.is_opener(side)) {
            [true, false] => (Side::Along, Evidence::Syn),
            [false, true] => (Side::Against, Evidence::Syn),
            [true, true] => (earlier, Evidence::Syn),
            [false, false] => {
                if let Some(opener) = tcp.tracked() {
                    (opener, Evidence::Conntrack)
                } else if let Some(server) = listening() {
                    (server.other(), Evidence::ListeningSocket)
                } else if let Some(server) = ports::server(conversation) {
                    (server.other(), Evidence::WellKnownPort)
                } else {
                    (earlier, Evidence::FirstPacket)
                }
            }
        };
        let shown = if accounting.lead(source).is_some() { source } else { source.other() };
        Self { source, evidence, shown }
    }
}

/// Whether who listens may tell who began the flow that an observation is the first of.
pub(super) fn may_need_listeners(observation: &Observation) -> bool {
    match observation.tuple.protocol {
        TCP => is_unopened(observation),
        UDP => true,
        _ => false,
    }
}

/// Whether an observation is the first of a connection whose opening was not seen.
pub(super) fn is_unopened(observation: &Observation) -> bool {
    observation.tuple.protocol == TCP && reuse::opening(observation).is_none()
}

/// The only end at which a socket listens. A UDP socket that waits for answers looks as if it listened: it does not count where the
/// ports are equal or say that the other end serves.
fn listening(conversation: &Tuple, listeners: &Listeners) -> Option<Side> {
    let Tuple { protocol, source, destination, .. } = *conversation;
    let (source_port, destination_port) = (conversation.source_port?, conversation.destination_port?);
    let listens = |address, port| listeners.have(Listener { protocol, address, port });
    let server = match [listens(source, source_port), listens(destination, destination_port)] {
        [true, false] => Side::Along,
        [false, true] => Side::Against,
        _ => return None,
    };
    let is_doubtful = protocol == UDP
        && (source_port == destination_port || ports::server(conversation) == Some(server.other()));
    (!is_doubtful).then_some(server)
}
