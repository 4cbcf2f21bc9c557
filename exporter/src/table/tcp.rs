//! What a TCP connection has shown of its life so far, per side.

use std::num::NonZeroU32;

use abi::tcp_flags::{FIN, RST};

use crate::flow::{ConnectionError, ConnectionState, EndReason, Observation, Opening, ResetSide};
use crate::table::conversation::{Side, Sides};
use crate::table::reuse::{self, Initial, Reading};

#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp {
    /// Two bits for each [`Sent`]: a flow has one of these for life.
    sent: u32,
    /// The last reading in which a side spoke first.
    spoke: Reading,
    /// Initial sequence number of the end that [`Sent::Initial`] names, once packets have said it.
    initial: Option<NonZeroU32>,
}

/// Whether the other end than the initiator was seen at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// It was.
    None,
    /// It was not, and nobody says why.
    Unexplained,
    /// It was not, because there is no way to it.
    Unreachable,
}

/// What a side has sent or is known for, by its place in [`Tcp::sent`].
#[derive(Clone, Copy, Debug)]
enum Sent {
    Syn = 0,
    SynAck = 2,
    /// A segment with ACK and without SYN and RST, not before the side's SYN or SYN-ACK.
    Ack = 4,
    Fin = 6,
    Rst = 8,
    /// Connection tracking has it that the side opened the connection.
    Tracked = 10,
    /// A socket waits for others to begin at the side's end, of whatever protocol.
    Serves = 12,
    /// The initial sequence number is the side's.
    Initial = 14,
    /// It spoke: sent a segment with ACK and without SYN and RST, which it does once it knows of the other.
    Spoke = 16,
    /// It did so before the reading in which the other one spoke first.
    SpokeBefore = 18,
}

impl Default for Tcp {
    fn default() -> Self {
        Self { sent: 0, spoke: Reading::FIRST, initial: None }
    }
}

impl Tcp {
    pub(super) fn absorb(&mut self, side: Side, observation: &Observation, reading: Reading) {
        if self.initial.is_none()
            && let Some(Initial { number, opener }) = Initial::of(side, observation)
        {
            self.initial = Some(number);
            self.note(Sent::Initial, opener);
        }
        let handshake = observation.handshake;
        let opening = reuse::opening(observation);
        if handshake.syn.is_some() {
            self.note(Sent::Syn, side);
        }
        if handshake.syn_ack.is_some() {
            self.note(Sent::SynAck, side);
        }
        if let Some(ack) = handshake.ack {
            self.speak(side, reading);
            // One from before the opening is an old connection's.
            if opening.is_none_or(|opening| opening <= ack) {
                self.note(Sent::Ack, side);
            }
        }
        if opening.is_none_or(|opening| opening <= observation.first) {
            if observation.tcp_flags.any(FIN) {
                self.note(Sent::Fin, side);
            }
            if observation.tcp_flags.any(RST) {
                self.note(Sent::Rst, side);
            }
        }
    }

    /// The kernel's connection tracking knows who opened the connection.
    pub(super) fn set_tracked(&mut self, opener: Side) {
        self.note(Sent::Tracked, opener);
    }

    /// Who opened the connection, if connection tracking was asked and knew.
    pub(super) fn tracked(self) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.sides(Sent::Tracked).has(*side))
    }

    /// A socket waits for others to begin at this end alone.
    pub(super) fn set_server(&mut self, server: Side) {
        self.note(Sent::Serves, server);
    }

    /// The end at which a socket waits, if it was asked for and is the only one.
    pub(super) fn server(self) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.sides(Sent::Serves).has(*side))
    }

    /// Both ends have said their last word, or one has broken off.
    pub(super) fn is_over(self) -> bool {
        self.sides(Sent::Rst) != Sides::NONE || self.sides(Sent::Fin) == Sides::BOTH
    }

    /// The connection goes on all the same.
    pub(super) fn go_on(&mut self) {
        self.sent &= !(0b11 << Sent::Fin as u32 | 0b11 << Sent::Rst as u32);
    }

    /// Whether packets say that they are of another connection of the tuple than this one.
    pub(super) fn is_another(self, initial: Option<Initial>) -> bool {
        let opener = Side::BOTH.into_iter().find(|side| self.sides(Sent::Initial).has(*side));
        let own = self.initial.zip(opener).map(|(number, opener)| Initial { number, opener });
        own.zip(initial).is_some_and(|(own, initial)| initial.is_another(own))
    }

    /// Whether a segment with which `side` opens a connection cannot be this connection's.
    pub(super) fn is_past_opening(self, side: Side, reading: Reading) -> bool {
        self.sides(Sent::Spoke).has(side) && (self.spoke < reading || self.sides(Sent::SpokeBefore).has(side))
    }

    /// Whether the side may have opened the connection: it is one, or both after a simultaneous open, or none if that was not
    /// seen.
    pub(super) fn is_opener(self, side: Side) -> bool {
        if self.sides(Sent::Syn) == Sides::NONE {
            self.sides(Sent::SynAck).has(side.other())
        } else {
            self.sides(Sent::Syn).has(side)
        }
    }

    /// The only side that sent a SYN, and no SYN-ACK: that of a plain handshake.
    pub(super) fn client(self) -> Option<Side> {
        let is_client =
            |side: &Side| self.sides(Sent::Syn).has(*side) && !self.sides(Sent::SynAck).has(*side);
        Side::BOTH.into_iter().find(is_client).filter(|_| self.sides(Sent::Syn) != Sides::BOTH)
    }

    /// Where it stands, as far as that shows. Where the two ends differ, it is where the source stands.
    pub(super) fn state(self, source: Side) -> Option<ConnectionState> {
        if self.is_over() {
            Some(ConnectionState::Closed)
        } else if self.sides(Sent::Fin).has(source) {
            Some(ConnectionState::FinWait)
        } else if self.sides(Sent::Fin) != Sides::NONE {
            Some(ConnectionState::CloseWait)
        } else if self.is_established() {
            Some(ConnectionState::Established)
        } else if self.sides(Sent::SynAck) != Sides::NONE || self.sides(Sent::Syn) == Sides::BOTH {
            Some(ConnectionState::SynReceived)
        } else {
            (self.sides(Sent::Syn) != Sides::NONE).then_some(ConnectionState::SynSent)
        }
    }

    /// How its opening ended, as far as that is known in a record of this reason.
    pub(super) fn opening(self, reason: EndReason, silence: Silence) -> Option<Opening> {
        if !self.is_opened() {
            None
        } else if self.is_established() {
            Some(Opening::Established)
        } else {
            self.error(reason, silence).map(Opening::Failed)
        }
    }

    /// Why it failed, if the record is its last.
    pub(super) fn error(self, reason: EndReason, silence: Silence) -> Option<ConnectionError> {
        if reason == EndReason::ActiveTimeout {
            None
        } else if self.sides(Sent::Rst) == Sides::NONE {
            let error = match silence {
                Silence::Unreachable => Some(ConnectionError::HostUnreachable),
                Silence::Unexplained if reason == EndReason::IdleTimeout => Some(ConnectionError::TimedOut),
                Silence::None | Silence::Unexplained => None,
            };
            error.filter(|_| self.client().is_some())
        } else if self.is_established() {
            // A RST after the last words of both is how some hang up.
            (self.sides(Sent::Fin) != Sides::BOTH).then_some(ConnectionError::Reset)
        } else if !self.is_opened() {
            None
        } else {
            let refuses = |side: Side| self.sides(Sent::Rst).has(side) && !self.is_opener(side);
            let is_refused = self.sides(Sent::SynAck) == Sides::NONE && Side::BOTH.into_iter().any(refuses);
            Some(if is_refused { ConnectionError::Refused } else { ConnectionError::Reset })
        }
    }

    /// The side that broke it off, if the record is its last. Which of two was first, is not known.
    pub(super) fn reset(self, reason: EndReason, source: Side) -> Option<ResetSide> {
        if reason == EndReason::ActiveTimeout || self.sides(Sent::Fin) == Sides::BOTH {
            return None;
        }
        let resets = self.sides(Sent::Rst);
        match (resets.has(source), resets.has(source.other())) {
            (true, false) => Some(ResetSide::Source),
            (false, true) => Some(ResetSide::Destination),
            _ => None,
        }
    }

    fn note(&mut self, what: Sent, side: Side) {
        self.sent |= 1 << (what as u32 + side as u32);
    }

    fn speak(&mut self, side: Side, reading: Reading) {
        let before = self.sides(Sent::Spoke);
        if before.has(side) {
            return;
        }
        if before.has(side.other()) && self.spoke < reading {
            self.note(Sent::SpokeBefore, side.other());
        }
        self.spoke = reading;
        self.note(Sent::Spoke, side);
    }

    /// Who has sent it.
    fn sides(self, what: Sent) -> Sides {
        Sides::of_bits(self.sent >> what as u32)
    }

    /// The opening was seen, or some of it.
    pub(super) fn is_opened(self) -> bool {
        self.sides(Sent::Syn) != Sides::NONE || self.sides(Sent::SynAck) != Sides::NONE
    }

    /// The side that opened it knows that the other one has agreed. Where the opening was not seen, both talk.
    fn is_established(self) -> bool {
        if !self.is_opened() {
            return self.sides(Sent::Ack) == Sides::BOTH;
        }
        let knows = |side: Side| self.is_opener(side) && self.sides(Sent::Ack).has(side);
        self.sides(Sent::SynAck) == Sides::BOTH || Side::BOTH.into_iter().any(knows)
    }
}
