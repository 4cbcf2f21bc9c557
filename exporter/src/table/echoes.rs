//! Round trips by TCP timestamps, where packets are only forwarded: from an interface to each end and back.
//!
//! The two parts make a whole only at one interface, so each [`Crossing`] keeps its own; a record has those of one that knows both, else
//! of one that knows one of them, and always of the same while that stays so.

use std::time::Duration;

use crate::flow::{EchoView, Hook, Way};
use crate::table::conversation::Side;
use crate::table::crossings::{Crossing, Crossings};

/// Of one flow; mostly none. What was measured is kept by the side that the way leads to.
#[derive(Debug, Default)]
pub(super) struct Echoes(Crossings<Measured>);

/// In microseconds; 0 was not measured.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    smoothed: u32,
    min: u32,
}

impl Echoes {
    /// Takes what a hook measured with the packets that `side` sent.
    pub(super) fn absorb(&mut self, side: Side, view: EchoView, hook: &Hook) {
        self.0.change(side, hook, |measured| measured.add(view));
    }

    /// The ways to each side, as far as they are known.
    pub(super) fn ways(&self) -> [Option<Way>; 2] {
        let unknown = |of: &Crossing<Measured>| of.sides.iter().filter(|way| way.min == 0).count();
        let best = self.0.iter().min_by_key(|crossing| (unknown(crossing), crossing.order()));
        best.map_or([None; 2], |crossing| crossing.sides.map(Measured::told))
    }
}

impl Measured {
    /// Smoothed with the weights of RFC 6298, one measurement of each observation.
    fn add(&mut self, EchoView { last, min }: EchoView) {
        if self.min == 0 {
            *self = Self { smoothed: last, min };
            return;
        }
        let smoothed = (7 * u64::from(self.smoothed) + u64::from(last)) / 8;
        self.smoothed = u32::try_from(smoothed).unwrap_or(u32::MAX);
        self.min = self.min.min(min);
    }

    fn told(self) -> Option<Way> {
        let microseconds = |time: u32| Duration::from_micros(time.into());
        (self.min != 0).then(|| Way { smoothed: microseconds(self.smoothed), min: microseconds(self.min) })
    }
}
