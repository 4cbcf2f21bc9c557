//! What a flow's first record fixes for its life.
//!
//! Who began is told by the best evidence there is then, in the order of [`Evidence`]. None of it depends on the order in which
//! observations came.

use abi::protocol::{TCP, UDP};

use crate::clock::MonotonicTime;
use crate::flow::{Evidence, Observation, Tuple};
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
        server: Option<Side>,
        (accounting, mishaps): (&Accounting, &Mishaps),
    ) -> Self {
        let first = |side| {
            let dropped = mishaps.first_dropped_of(side);
            accounting.first_of(side).into_iter().chain(dropped).min().unwrap_or(MonotonicTime(u64::MAX))
        };
        let earlier = if first(Side::Against) < first(Side::Along) { Side::Against } else { Side::Along };
        let (source, evidence) = match Side::BOTH.map(|side| tcp.is_opener(side)) {
            [true, false] => (Side::Along, Evidence::Syn),
            [false, true] => (Side::Against, Evidence::Syn),
            [true, true] => (earlier, Evidence::Syn),
            [false, false] => {
                if let Some(opener) = tcp.tracked() {
                    (opener, Evidence::Conntrack)
                } else if let Some(server) = server {
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

/// Whether others than packets may tell who began the flow that an observation is the first of.
pub(super) fn may_be_asked(observation: &Observation) -> bool {
    let Tuple { protocol, source_port, destination_port, .. } = observation.tuple;
    match protocol {
        TCP => reuse::opening(observation).is_none(),
        // Sockets at both ends of equal ports are alike.
        UDP => source_port != destination_port,
        _ => false,
    }
}

/// Whether a socket that waits at the end of a side tells that it serves: a UDP socket that waits for answers looks as if it served,
/// so where a port says who does, only that end's counts.
pub(super) fn may_serve(conversation: &Tuple, side: Side) -> bool {
    conversation.protocol != UDP || ports::server(conversation).is_none_or(|server| server == side)
}
