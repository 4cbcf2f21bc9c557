//! How long a connection's opening took.
//!
//! Times of different interfaces do not mix: a [`Crossing`] keeps what was seen at one, and that at which the SYN was seen first
//! gives the times. By Karn's algorithm an answer that may be that to either of two segments tells nothing: a second SYN
//! before the SYN-ACK spoils the server's part, a second SYN-ACK before the ACK the client's. Later ones spoil nothing, so
//! what a record has said stays true. Observations come in any order and a handshake may be spread over several, so nothing is
//! computed before it is asked for; then what it was made of is forgotten.

use std::time::Duration;

use crate::flow::{HandshakeTimes, Hook, Observation};
use crate::table::conversation::Side;
use crate::table::crossings::{Crossing, Crossings};

/// A duration that is not known. So four bytes do: a flow lives long after its handshake.
const UNKNOWN: u32 = u32::MAX;

/// What is known of a flow's handshake.
#[derive(Debug)]
pub(super) enum Handshake {
    /// As far as segments were seen.
    Running(Crossings<Segments>),
    /// Microseconds.
    Over { server: u32, client: u32, connect: u32 },
}

/// The first segments that a side sent, in nanoseconds of the monotonic clock; 0 was not seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segments {
    /// SYN or SYN-ACK: a side whose handshake is a plain one sends only one of them.
    opening: u64,
    /// Microseconds from there to the second one; 0 was not seen.
    again: u32,
    ack: u64,
}

impl Default for Handshake {
    fn default() -> Self {
        Self::Running(Crossings::default())
    }
}

impl Handshake {
    /// Takes what a hook saw of the packets that `side` sent.
    pub(super) fn absorb(&mut self, side: Side, observation: &Observation, hook: &Hook) {
        let Self::Running(crossings) = self else { return };
        let seen = Segments::of(observation);
        if seen.is_none() {
            return;
        }
        crossings.change(side, hook, |segments| segments.add(seen));
    }

    /// Nothing that is seen from now on belongs to it. `client` sent the SYN; `None` if that is not certain.
    pub(super) fn end(&mut self, client: Option<Side>) {
        let Self::Running(crossings) = self else { return };
        let times = client.and_then(|client| times(first(crossings, client)?, client));
        let times = times.unwrap_or_default();
        let [server, client, connect] = [times.server, times.client, times.connect].map(pack);
        *self = Self::Over { server, client, connect };
    }

    /// The handshake goes on, with this side as client: forgets all interfaces but that at which the SYN was seen first.
    pub(super) fn go_on(&mut self, client: Side) {
        let Self::Running(crossings) = self else { return };
        if let Some(order) = first(crossings, client).map(Crossing::order) {
            crossings.keep(order);
        }
    }

    pub(super) fn times(&self) -> HandshakeTimes {
        match *self {
            Self::Running(_) => HandshakeTimes::default(),
            Self::Over { server, client, connect } => {
                HandshakeTimes { server: unpack(server), client: unpack(client), connect: unpack(connect) }
            }
        }
    }
}

/// Where the client's SYN was seen first.
fn first(crossings: &Crossings<Segments>, client: Side) -> Option<&Crossing<Segments>> {
    let syn = |crossing: &Crossing<Segments>| crossing.sides[client as usize].opening;
    let with_syn = crossings.iter().filter(|crossing| syn(crossing) != 0);
    with_syn.min_by_key(|crossing| (syn(crossing), crossing.order()))
}

/// What the segments at one interface tell.
fn times(crossing: &Crossing<Segments>, client: Side) -> Option<HandshakeTimes> {
    let (from_client, from_server) =
        (&crossing.sides[client as usize], &crossing.sides[client.other() as usize]);
    let (syn, syn_ack, ack) = (from_client.opening, from_server.opening, from_client.ack);
    // An ACK from before the SYN is an old connection's, and hides the one that is looked for.
    if syn_ack < syn || ack < syn_ack {
        return None;
    }
    let between = |from: u64, to: u64| Duration::from_micros((to - from) / 1_000);
    let answers_one = |segments: &Segments, answer: u64| {
        segments.again == 0 || u64::from(segments.again) > (answer - segments.opening) / 1_000
    };
    Some(HandshakeTimes {
        server: answers_one(from_client, syn_ack).then(|| between(syn, syn_ack)),
        client: answers_one(from_server, ack).then(|| between(syn_ack, ack)),
        connect: Some(between(syn, ack)),
    })
}

impl Segments {
    fn of(observation: &Observation) -> Self {
        let handshake = observation.handshake;
        let opening = handshake.syn.into_iter().chain(handshake.syn_ack).min().unwrap_or_default();
        // One of each kind is as good as two of a kind: which of them is answered is not known.
        let both =
            handshake.syn.max(handshake.syn_ack).filter(|_| handshake.syn.and(handshake.syn_ack).is_some());
        let again = handshake.again.into_iter().chain(both).min();
        Self {
            opening: opening.0,
            again: again.map_or(0, |again| microseconds(again.since(opening))),
            ack: handshake.ack.unwrap_or_default().0,
        }
    }

    fn is_none(self) -> bool {
        self.opening == 0 && self.ack == 0
    }

    /// What both saw, as if one had seen it.
    fn add(&mut self, other: Self) {
        let ack = earlier(self.ack, other.ack);
        let is_first = earlier(self.opening, other.opening) == self.opening;
        let (first, second) = if is_first { (*self, other) } else { (other, *self) };
        let again = if second.opening == 0 { 0 } else { microseconds(second.opening - first.opening) };
        *self = Self { opening: first.opening, again: earlier(first.again, again), ack };
    }
}

/// The earlier of two times, of which 0 is none.
fn earlier<T: Ord + Default>(one: T, other: T) -> T {
    let is_none = one == T::default() || other == T::default();
    if is_none { one.max(other) } else { one.min(other) }
}

/// At least 1.
fn microseconds(nanoseconds: u64) -> u32 {
    u32::try_from(nanoseconds / 1_000).unwrap_or(UNKNOWN).max(1)
}

fn pack(duration: Option<Duration>) -> u32 {
    duration.and_then(|duration| u32::try_from(duration.as_micros()).ok()).unwrap_or(UNKNOWN)
}

fn unpack(microseconds: u32) -> Option<Duration> {
    (microseconds != UNKNOWN).then(|| Duration::from_micros(microseconds.into()))
}

#[cfg(test)]
mod tests {
    use abi::Direction;

    use super::*;
    use crate::flow::Role;
    use crate::table::tests::support::{ACK, Build, SYN, seen, tcp};

    #[test]
    fn a_handshake_that_goes_on_keeps_the_interface_of_the_first_syn_alone() {
        let hook = |ifindex| Hook::named(0, ifindex, Direction::Ingress, "");
        let mut handshake = Handshake::default();
        for (ifindex, moment) in [(1, 30), (2, 10), (3, 20)] {
            handshake.absorb(Side::Against, &seen(tcp(1)).at(moment).flags(SYN), &hook(ifindex));
        }
        handshake.go_on(Side::Against);
        let Handshake::Running(crossings) = handshake else { panic!("{handshake:?}") };
        let interfaces: Vec<u32> = crossings.iter().map(|crossing| crossing.order().1).collect();
        assert_eq!(interfaces, [2]);
    }

    #[test]
    fn a_capture_has_both_ends_segments_at_one_place() {
        let hook = Hook { role: Role::Capture, ..Hook::named(0, 1, Direction::Ingress, "") };
        let mut handshake = Handshake::default();
        let segments = [
            (Side::Against, seen(tcp(1)).at(10).flags(SYN)),
            (Side::Along, seen(tcp(1)).back().at(30).flags(SYN | ACK)),
            (Side::Against, seen(tcp(1)).at(50).flags(ACK)),
        ];
        for (side, segment) in segments {
            handshake.absorb(side, &segment, &hook);
        }
        handshake.end(Some(Side::Against));
        assert_eq!(handshake.times().round_trip(), Some(Duration::from_millis(40)));
    }
}
