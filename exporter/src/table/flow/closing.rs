//! What becomes of a flow whose connection is closed.

use crate::clock::MonotonicTime;
use crate::flow::Observation;
use crate::table::conversation::{Side, Sides};
use crate::table::flow::Flow;
use crate::table::reuse::{self, Initial, Reading};

/// How long a closed connection may still get packets of one end if every drain brings some, in nanoseconds.
const LINGER: u64 = 5_000_000_000;

/// What becomes of a closing flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::table) enum Closing {
    /// More may come.
    Lingers,
    /// It is over.
    Ends,
    /// It is not over: both ends still talk.
    GoesOn,
}

impl Flow {
    pub(in crate::table) fn is_closing(&self) -> bool {
        self.closed != Reading::NEVER
    }

    /// Whether these packets may be those of a new connection: see [`reuse`].
    pub(in crate::table) fn may_give_way(
        &self,
        side: Side,
        observation: &Observation,
        reading: Reading,
    ) -> bool {
        let is_past_opening = || Side::BOTH.into_iter().any(|side| self.tcp.is_past_opening(side, reading));
        self.closed < reading
            || (reuse::opening(observation).is_some() && is_past_opening())
            || self.tcp.is_another(Initial::of(side, observation))
    }

    /// When the packets that `side` sent opened a new connection, if they did.
    pub(in crate::table) fn replaced_at(
        &self,
        side: Side,
        observation: &Observation,
        reading: Reading,
    ) -> Option<MonotonicTime> {
        let opened = reuse::opening(observation)?;
        // Not by one that opened before it, which another namespace saw.
        let is_replaced = self.closed < reading
            || self.tcp.is_past_opening(side, reading)
            || (self.tcp.is_another(Initial::of(side, observation)) && opened > self.first);
        is_replaced.then_some(opened)
    }

    /// The connection is over. The flow takes its last packets until a drain brings none, for [`LINGER`] at most.
    pub(in crate::table) fn close(&mut self, now: MonotonicTime, reading: Reading) {
        self.closed = reading;
        self.stirred = Sides::BOTH;
        self.not_before = now.after(LINGER);
    }

    /// What becomes of a closing flow, asked at the end of each drain.
    pub(in crate::table) fn closing(&mut self, now: MonotonicTime) -> Closing {
        match std::mem::take(&mut self.stirred) {
            Sides::NONE => Closing::Ends,
            _ if now < self.not_before => Closing::Lingers,
            Sides::BOTH => {
                self.closed = Reading::NEVER;
                self.tcp.go_on();
                Closing::GoesOn
            }
            _ => Closing::Ends,
        }
    }
}
