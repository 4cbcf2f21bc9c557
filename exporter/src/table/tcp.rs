//! What a TCP connection has shown of its life so far, per side.

use abi::tcp_flags::{FIN, RST};

use crate::flow::Observation;
use crate::table::conversation::{Side, Sides};
use crate::table::reuse::{self, Reading};

#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp {
    syn: Sides,
    syn_ack: Sides,
    fin: Sides,
    reset: bool,
    /// When a side first sent a segment without SYN, which it does once it knows of the other.
    spoke: [Reading; 2],
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            syn: Sides::NONE,
            syn_ack: Sides::NONE,
            fin: Sides::NONE,
            reset: false,
            spoke: [Reading::NEVER; 2],
        }
    }
}

impl Tcp {
    pub(super) fn absorb(&mut self, side: Side, observation: &Observation, reading: Reading) {
        let handshake = observation.handshake;
        if handshake.syn.is_some() {
            self.syn.add(side);
        }
        if handshake.syn_ack.is_some() {
            self.syn_ack.add(side);
        }
        if handshake.ack.is_some() {
            let spoke = &mut self.spoke[side as usize];
            *spoke = reading.min(*spoke);
        }
        let opening = reuse::opening(observation);
        if opening.is_none_or(|opening| opening <= observation.first) {
            if observation.tcp_flags.any(FIN) {
                self.fin.add(side);
            }
            self.reset |= observation.tcp_flags.any(RST);
        }
    }

    /// Both ends have said their last word, or one has broken off.
    pub(super) fn is_over(self) -> bool {
        self.reset || self.fin == Sides::BOTH
    }

    /// The connection goes on all the same.
    pub(super) fn go_on(&mut self) {
        self.fin = Sides::NONE;
        self.reset = false;
    }

    /// Whether a segment with which `side` opens a connection cannot be this connection's.
    pub(super) fn is_past_opening(self, side: Side, reading: Reading) -> bool {
        self.spoke[side as usize] < reading
    }

    /// Whether the side may have opened the connection: it is one, or both after a simultaneous open, or none if that was not
    /// seen.
    pub(super) fn is_opener(self, side: Side) -> bool {
        if self.syn == Sides::NONE { self.syn_ack.has(side.other()) } else { self.syn.has(side) }
    }
}
