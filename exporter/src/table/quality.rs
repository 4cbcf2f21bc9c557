//! How well a TCP connection does: round-trip times while it lives, and what was sent again or came in disorder.
//!
//! Which view is told:
//! - Round-trip times are those of local senders' sockets. The smoothed one is that of the socket that sent last; the least is the
//!   least of all that were said. Where no socket was ever met, they are those of timestamps ([`echoes`](super::echoes)), the sum of both parts.
//! - What a side sent again, its own socket tells, if a hook met it; else the hooks that account for the side's packets. A socket
//!   has counted since its connection was opened: of one that is older than the flow, what it counted before the first record
//!   is not told.
//! - All else, the hooks that account for the side's packets tell. What other hooks saw is the same again.

use std::time::Duration;

use crate::flow::{Counts, Disorder, Hook, HookId, Observation, RoundTripView, RoundTrips, SocketView};
use crate::table::conversation::Side;
use crate::table::echoes::Echoes;

/// Not known: no socket counts so far.
const UNKNOWN: u32 = u32::MAX;
/// Of what was not told yet: no record has told anything.
const NOTHING_TOLD: u16 = u16::MAX;
/// About a millisecond, as a power of two of nanoseconds.
const MOMENT: u32 = 20;

/// Of one flow.
#[derive(Debug)]
pub(super) struct Quality {
    sockets: Sockets,
    echoes: Echoes,
    /// What hooks saw since the last record; mostly nothing.
    hooks: Option<Box<AtHook>>,
}

/// What sockets said, in 24 bytes: a flow has it for life.
#[derive(Debug)]
struct Sockets {
    /// In microseconds; 0 if none was met.
    smoothed: u32,
    /// When it was said, in [`MOMENT`]s.
    at: u32,
    /// In microseconds.
    min: u32,
    /// What each side's socket has sent again since it was opened.
    totals: [u32; 2],
    /// What of it is in no record; from 65534 on, at least as much.
    untold: [u16; 2],
}

#[derive(Debug)]
struct AtHook {
    side: Side,
    hook: HookId,
    disorder: Disorder,
    next: Option<Box<Self>>,
}

impl Default for Quality {
    fn default() -> Self {
        Self { sockets: Sockets::NONE, echoes: Echoes::default(), hooks: None }
    }
}

impl Quality {
    /// Takes what a hook saw of the packets that `side` sent.
    pub(super) fn absorb(&mut self, side: Side, observation: &Observation, hook: &Hook) {
        if let Some(view) = observation.quality.socket {
            self.sockets.add(side, view, observation.last.0);
        }
        if let Some(view) = observation.quality.echo {
            self.echoes.absorb(side, view, hook);
        }
        let disorder = observation.quality.disorder;
        if disorder.is_none() {
            return;
        }
        let mut here = &mut self.hooks;
        while let Some(known) = here {
            if (known.side, known.hook) == (side, observation.hook) {
                known.disorder += disorder;
                return;
            }
            here = &mut known.next;
        }
        *here = Some(Box::new(AtHook { side, hook: observation.hook, disorder, next: None }));
    }

    /// What a record says of both sides, which the next one will not say again. `is_opened` tells whether the connection's opening
    /// was seen.
    pub(super) fn settle(
        &mut self,
        accounted: &[(Side, HookId, Counts)],
        source: Side,
        is_opened: bool,
    ) -> (RoundTrips, [Disorder; 2]) {
        let mut sums = [Disorder::default(); 2];
        let mut rest = self.hooks.take();
        while let Some(at) = rest {
            if accounted.iter().any(|(side, hook, _)| (*side, *hook) == (at.side, at.hook)) {
                sums[at.side as usize] += at.disorder;
            }
            rest = at.next;
        }
        for side in Side::BOTH {
            if let Some(retransmits) = self.sockets.settle(side, is_opened) {
                sums[side as usize].retransmits = retransmits;
            }
        }
        (self.round_trips(source), sums)
    }

    fn round_trips(&self, source: Side) -> RoundTrips {
        let of_sockets = self.sockets.round_trips();
        if of_sockets.smoothed.is_some() {
            return of_sockets;
        }
        let ways = self.echoes.ways();
        let (to_source, to_destination) = (ways[source as usize], ways[source.other() as usize]);
        let both = to_source.zip(to_destination);
        RoundTrips {
            smoothed: both.map(|(one, other)| one.smoothed + other.smoothed),
            min: both.map(|(one, other)| one.min + other.min),
            view: to_source.or(to_destination).map(|_| RoundTripView::Timestamps),
            to_source,
            to_destination,
        }
    }
}

impl Sockets {
    const NONE: Self =
        Self { smoothed: 0, at: 0, min: UNKNOWN, totals: [UNKNOWN; 2], untold: [NOTHING_TOLD; 2] };

    fn add(&mut self, side: Side, view: SocketView, last: u64) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it starts again after 52 days, which the comparison knows"
        )]
        let at = (last >> MOMENT) as u32;
        let is_later = at != self.at && at.wrapping_sub(self.at) < 1 << 31;
        // Of two at one moment, which was later is not known.
        if self.smoothed == 0 || is_later || (at == self.at && view.smoothed > self.smoothed) {
            (self.smoothed, self.at) = (view.smoothed, at);
        }
        self.min = self.min.min(view.min);
        let (total, untold) = (&mut self.totals[side as usize], &mut self.untold[side as usize]);
        let known = if *total == UNKNOWN { 0 } else { *total };
        if *untold != NOTHING_TOLD {
            let new = u16::try_from(view.retransmits.saturating_sub(known)).unwrap_or(u16::MAX);
            *untold = untold.saturating_add(new).min(NOTHING_TOLD - 1);
        }
        *total = known.max(view.retransmits.min(UNKNOWN - 1));
    }

    /// What the side's socket has sent again since the last record, if there is one.
    fn settle(&mut self, side: Side, is_opened: bool) -> Option<u32> {
        let (total, untold) = (self.totals[side as usize], &mut self.untold[side as usize]);
        if total == UNKNOWN {
            return None;
        }
        match std::mem::take(untold) {
            NOTHING_TOLD => Some(if is_opened { total } else { 0 }),
            untold => Some(untold.into()),
        }
    }

    fn round_trips(&self) -> RoundTrips {
        let microseconds = |time: u32| Duration::from_micros(time.into());
        RoundTrips {
            smoothed: (self.smoothed != 0).then(|| microseconds(self.smoothed)),
            min: (self.min != UNKNOWN).then(|| microseconds(self.min)),
            view: (self.smoothed != 0).then_some(RoundTripView::Socket),
            ..RoundTrips::default()
        }
    }
}
