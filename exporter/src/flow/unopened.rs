//! A conversation whose opening was not seen: others than its packets may know who began.

use std::net::Ipv6Addr;

use smallvec::SmallVec;

use crate::flow::{NetworkId, Tuple};

/// What it takes to ask for who began a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unopened {
    /// Tuple of the packets of one of its directions.
    pub packets: Tuple,
    /// Where its addresses mean what they mean.
    pub network: NetworkId,
    /// Whether a socket at their source, and at their destination, would tell.
    pub may_serve: [bool; 2],
    /// Interfaces that account for it: network namespace and index.
    pub seen_at: SmallVec<[(u32, u32); 2]>,
}

impl Unopened {
    /// The tuple of the packets to the only end at which a socket waits for others to begin, by what `waits` says of an address
    /// and a port.
    pub fn server(&self, mut waits: impl FnMut(Ipv6Addr, u16) -> bool) -> Option<Tuple> {
        let (there, back) = (self.packets, self.packets.reverse()?);
        let mut serves = |packets: &Tuple, may_serve| {
            may_serve && packets.destination_port.is_some_and(|port| waits(packets.destination, port))
        };
        match [serves(&back, self.may_serve[0]), serves(&there, self.may_serve[1])] {
            [true, false] => Some(back),
            [false, true] => Some(there),
            _ => None,
        }
    }
}
