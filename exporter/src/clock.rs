//! The two clocks of the program and the way between them.
//!
//! The kernel stamps packets with the monotonic clock, and the flow table counts time-outs in it, so that a step of the wall
//! clock ends no flow. Records carry wall-clock time. Time is passed in everywhere; only [`Clock::now`] reads it.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonotonicTime(pub u64);

impl MonotonicTime {
    /// Nanoseconds since `earlier`, 0 if it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `nanoseconds`.
    #[must_use]
    pub fn after(self, nanoseconds: u64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }
}

/// Nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub u64);

impl WallTime {
    /// In nanoseconds: a step of the wall clock below this is its adjustment, which an interval hides.
    const ADJUSTMENT: u64 = 1_000_000_000;

    /// Begin and end of an interval. A wall clock that was stepped back between them leaves one of no length.
    pub(crate) fn until(self, end: Self) -> (Self, Self) {
        if end >= self {
            (self, end)
        } else if self.0 - end.0 < Self::ADJUSTMENT {
            (self, self)
        } else {
            (end, end)
        }
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    monotonic: MonotonicTime,
    wall: WallTime,
}

impl Clock {
    /// Reads both clocks.
    #[must_use]
    pub fn now() -> Self {
        Self {
            monotonic: MonotonicTime(nanoseconds(clock_gettime(ClockId::Monotonic))),
            wall: WallTime(nanoseconds(clock_gettime(ClockId::Realtime))),
        }
    }

    /// A reading that was made elsewhere: a capture file's, a test's.
    #[must_use]
    pub fn at(monotonic: MonotonicTime, wall: WallTime) -> Self {
        Self { monotonic, wall }
    }

    /// The monotonic clock at this reading.
    #[must_use]
    pub fn monotonic(&self) -> MonotonicTime {
        self.monotonic
    }

    /// The wall clock at this reading.
    #[must_use]
    pub fn wall(&self) -> WallTime {
        self.wall
    }

    /// The wall-clock time of another moment near this reading.
    #[must_use]
    pub fn wall_at(&self, moment: MonotonicTime) -> WallTime {
        WallTime(self.wall.0.wrapping_add(moment.0.wrapping_sub(self.monotonic.0)))
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    // Neither clock is negative: one counts from boot, the other from 1970.
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_of_a_moment_before_and_after_the_reading() {
        let clock = Clock::at(MonotonicTime(1_000), WallTime(5_000));
        assert_eq!(clock.wall_at(MonotonicTime(900)), WallTime(4_900));
        assert_eq!(clock.wall_at(MonotonicTime(1_100)), WallTime(5_100));
    }

    #[test]
    fn elapsed_time_is_never_negative() {
        assert_eq!(MonotonicTime(1).since(MonotonicTime(2)), 0);
    }
}
