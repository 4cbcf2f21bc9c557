//! Round trips between an interface and an end, by the timestamps of TCP segments (RFC 7323), where no socket tells.
//!
//! The time from the first segment with a timestamp (TSval) to the first one of the other side that echoes it (TSecr) is a round
//! trip to that other side, with what it took to acknowledge. For it to be the first in both senses, both sides are watched for a
//! moment, segment by segment:
//!
//! 1. The side that answers begins to be watched.
//! 2. The side that sends data is watched until it sends a timestamp later than the last one. If that segment has data, which
//!    has to be acknowledged, it is timed: from now on it is the answering side alone that is watched.
//! 3. Its first segment that echoes the timestamp gives the sample. One that echoes a later timestamp shows that the segment was
//!    lost on the way, and gives none.
//!
//! Then the connection rests, longer after a long round trip, so that few segments are watched. A segment that is sent again has a
//! timestamp of its own, and does no harm.

use abi::Timing;

/// Timer ticks that a connection rests for: about a second, or a quarter of one.
const REST: u32 = 256;
/// And so many times as long as it was watched.
const REST_FACTOR: u32 = 16;
/// Segments of the side that answers that are looked at for a segment to be timed: it costs little, however many there are.
const MOST_LOOKS: u32 = 1024;
/// Timer ticks after which an echo no longer comes: 4 to 40 s.
const MOST_TICKS: u32 = 4096;

/// The timestamps of a segment, and what else matters of it.
#[derive(Clone, Copy, Debug)]
pub struct Stamped {
    /// When it was sent, by its sender's clock (TSval).
    pub value: u32,
    /// The timestamp that it answers (TSecr).
    pub echo: u32,
    /// Whether it has to be acknowledged.
    pub has_data: bool,
}

/// What follows from a segment of the side that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    None,
    /// The side's next segment is to be looked at as well.
    Watch,
    /// A round trip, in units of 1024 ns; never 0.
    RoundTrip(u32),
}

impl Stamped {
    /// Takes a segment of the side that sends what is timed. Says whether the next one is to be looked at as well. `owner` is
    /// the connection's hash; `now` is the time in units of 1024 ns, and asked of few segments.
    #[inline(always)]
    pub fn sent(&self, timing: &mut Timing, owner: u32, now: impl Fn() -> u32) -> bool {
        let sample = timing.sample;
        if timing.owner != owner || timing.looks == 0 || time(sample) != 0 {
            return false;
        }
        let own = u64::from(self.value ^ owner) << 32;
        if sample == 0 {
            timing.sample = own;
            return true;
        }
        let ahead = self.value.wrapping_sub(value(sample, owner));
        let is_later = ahead.wrapping_sub(1) < (1 << 31) - 1;
        if is_later {
            timing.sample = if self.has_data { own | u64::from(now().max(1)) } else { own };
        }
        !(is_later && self.has_data)
    }

    /// Takes a segment of the side that answers, which came in this timer tick.
    #[inline(always)]
    pub fn answers(&self, timing: &mut Timing, owner: u32, tick: u32, now: impl Fn() -> u32) -> Answer {
        let age = tick.wrapping_sub(timing.since);
        if timing.owner != owner || timing.looks == 0 {
            // Another connection's place is free after the shortest rest.
            let rest = if timing.owner == owner { timing.rest } else { REST };
            if timing.owner != 0 && age < rest {
                return Answer::None;
            }
            *timing = Timing { sample: 0, owner, since: tick, looks: 1, rest: 0 };
            return Answer::Watch;
        }
        let sample = timing.sample;
        let begin = time(sample);
        if begin == 0 {
            timing.looks += 1;
            if timing.looks <= MOST_LOOKS {
                return Answer::Watch;
            }
        } else {
            let ahead = self.echo.wrapping_sub(value(sample, owner));
            if ahead >= 1 << 31 && age < MOST_TICKS {
                return Answer::Watch;
            }
            if ahead == 0 {
                rest(timing, tick, age);
                return Answer::RoundTrip(now().max(1).wrapping_sub(begin).max(1));
            }
        }
        rest(timing, tick, age);
        Answer::None
    }
}

#[inline(always)]
fn rest(timing: &mut Timing, tick: u32, age: u32) {
    timing.sample = 0;
    timing.looks = 0;
    timing.since = tick;
    timing.rest = REST + age.min(MOST_TICKS) * REST_FACTOR;
}

/// The timestamp of a sample.
#[inline(always)]
const fn value(sample: u64, owner: u32) -> u32 {
    (sample >> 32) as u32 ^ owner
}

/// When it was seen.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
const fn time(sample: u64) -> u32 {
    sample as u32
}
