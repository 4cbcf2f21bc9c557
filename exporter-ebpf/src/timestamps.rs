//! Times a TCP connection by its timestamps, where no socket of the sender was met. The rule is in [`packet::Stamped`].
//!
//! A side that is watched keeps the ACK flag out of what its entry has seen, as in [`payload`](crate::payload): so each of its
//! segments leaves the fast way, and others pay nothing.

use abi::maps::TIMING_ENTRIES;
use abi::{Direction, Entry, PackedKey};
use packet::{Answer, Stamped};

use crate::account::Counted;
use crate::maps::TIMINGS;
use crate::{clock, hash, payload, replay};

/// Looks at a segment's timestamps, and gives the round trip that it ends, in units of 1024 ns, or 0. Not inlined: seldom.
/// Global: see [`crate`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn time_segment(counted: u32, value: u32, echo: u32, payload_len: u32) -> u32 {
    let Some(entry) = Counted::of(counted).entry() else { return 0 };
    let is_reverse = is_reverse(entry);
    let hash = hash::of(&conversation(entry, is_reverse));
    let at = (((hash >> 32) * u64::from(TIMING_ENTRIES)) >> 32) as u32;
    // None has no owner.
    let owner = hash as u32 | 1;
    let Some(timings) = TIMINGS.get_ptr_mut(at) else { return 0 };
    // SAFETY: the map gave out the value. Other CPUs may write it too; see `Timing`.
    let [forward, reverse] = unsafe { &mut *timings };
    let (own, other) = if is_reverse { (reverse, forward) } else { (forward, reverse) };
    let segment = Stamped { value, echo, has_data: payload_len != 0 };
    let now = || (clock::precise() >> 10) as u32;
    let mut is_watched = segment.sent(own, owner, now);
    let mut round_trip = 0;
    match segment.answers(other, owner, clock::ticks(), now) {
        Answer::None => {}
        Answer::Watch => is_watched = true,
        Answer::RoundTrip(time) => round_trip = time,
    }
    if is_watched {
        payload::withhold(entry);
    }
    round_trip
}

/// What both directions of a connection have in common where it crosses an interface in one sense: it may come back out of the
/// interface that it came in by.
#[inline(always)]
fn conversation(entry: &Entry, is_reverse: bool) -> PackedKey {
    let [source_0, source_1, destination_0, destination_1, ports, scope] = entry.words;
    if !is_reverse {
        return PackedKey { words: entry.words, kind: entry.kind, cpu: 0 };
    }
    let swapped = (ports & !0xffff_ffff) | (ports >> 16 & 0xffff) | (ports & 0xffff) << 16;
    // A capture has both at one hook.
    let other_way = if replay::is_on() { 0 } else { Direction::Ingress as u32 ^ Direction::Egress as u32 };
    PackedKey {
        words: [destination_0, destination_1, source_0, source_1, swapped, scope],
        kind: entry.kind ^ other_way << 16,
        cpu: 0,
    }
}

/// Whether the other direction's addresses and ports come first.
#[inline(always)]
fn is_reverse(entry: &Entry) -> bool {
    let [source_0, source_1, destination_0, destination_1, ports, _] = entry.words;
    if source_0 != destination_0 {
        source_0 > destination_0
    } else if source_1 != destination_1 {
        source_1 > destination_1
    } else {
        (ports >> 16) as u16 > ports as u16
    }
}
