//! Round trips by TCP timestamps, where packets are only forwarded: from an interface to each end and back.
//!
//! The two parts make a whole only at one interface, so each [`Crossing`] keeps its own; a record has those of one that knows both, else
//! of one that knows one of them, and always of the same while that stays so.

use std::time::Duration;

use crate::flow::{EchoView, Hook, Way};
use crate::table::conversation::Side;
use crate::table::handshake::{Place, place};

/// Of one flow; mostly none.
#[derive(Debug, Default)]
pub(super) struct Echoes(Option<Box<Crossing>>);

/// What was measured at one interface, by the side that the way leads to.
#[derive(Debug)]
struct Crossing {
    place: Place,
    ways: [Measured; 2],
    next: Option<Box<Self>>,
}

/// In microseconds; 0 was not measured.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    smoothed: u32,
    min: u32,
}

impl Echoes {
    /// Takes what a hook measured with the packets that `side` sent.
    pub(super) fn absorb(&mut self, side: Side, view: EchoView, hook: &Hook) {
        let place = place(side, hook);
        let mut here = &mut self.0;
        while let Some(crossing) = here {
            if crossing.place == place {
                return crossing.ways[side as usize].add(view);
            }
            here = &mut crossing.next;
        }
        let mut ways = [Measured::default(); 2];
        ways[side as usize].add(view);
        *here = Some(Box::new(Crossing { place, ways, next: None }));
    }

    /// The ways to each side, as far as they are known.
    pub(super) fn ways(&self) -> [Option<Way>; 2] {
        let all = std::iter::successors(self.0.as_deref(), |crossing| crossing.next.as_deref());
        let best = all.min_by_key(|crossing| {
            let (scope, ifindex, along) = crossing.place;
            let unknown = crossing.ways.iter().filter(|way| way.min == 0).count();
            (unknown, scope, ifindex, along as u8)
        });
        best.map_or([None; 2], |crossing| crossing.ways.map(Measured::told))
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
