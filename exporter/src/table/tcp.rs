//! What a TCP connection has shown of its life so far, per side.

use abi::tcp_flags::{FIN, RST};

use crate::flow::Observation;
use crate::table::conversation::Side;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tcp {
    syn: [bool; 2],
    syn_ack: [bool; 2],
    fin: [bool; 2],
    reset: bool,
}

impl Tcp {
    pub(super) fn absorb(&mut self, side: Side, observation: &Observation) {
        self.syn[side as usize] |= observation.handshake.syn.is_some();
        self.syn_ack[side as usize] |= observation.handshake.syn_ack.is_some();
        self.fin[side as usize] |= observation.tcp_flags.any(FIN);
        self.reset |= observation.tcp_flags.any(RST);
    }

    /// Both ends have said their last word, or one has broken off.
    pub(super) fn is_over(self) -> bool {
        self.reset || self.fin == [true, true]
    }

    /// The sides that may have opened the connection: one, or both after a simultaneous open, or none if that was not seen.
    pub(super) fn openers(self) -> [bool; 2] {
        if self.syn == [false, false] { [self.syn_ack[1], self.syn_ack[0]] } else { self.syn }
    }
}
