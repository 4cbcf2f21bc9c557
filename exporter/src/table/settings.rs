//! What the user sets, and what follows from it for one flow.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::clock::MonotonicTime;
use crate::flow::RecordSink;
use crate::table::slab::Slot;

/// When flows give records, when they end, how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Time between two records of a flow that goes on.
    pub interval: Duration,
    /// Silence after which a flow is over.
    pub idle_timeout: Duration,
    /// Silence after which a TCP connection is over.
    pub tcp_idle_timeout: Duration,
    /// Live flows. At least one; if there are as many, one ends for each new one.
    pub max_flows: usize,
    /// Whether records say which hooks the packets passed.
    pub with_path: bool,
    /// Seed of the community ID that records have; `None` if they have none.
    pub community_id_seed: Option<u16>,
    /// Bytes for what payloads say of flows, at most.
    pub application_bytes: usize,
    /// Whether dropped packets make flows that no hook has seen.
    pub flows_of_drops: bool,
    /// Of so many flows, one is counted.
    pub sample: NonZeroU32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(15),
            tcp_idle_timeout: Duration::from_mins(10),
            max_flows: 1_000_000,
            with_path: true,
            community_id_seed: None,
            application_bytes: 1 << 20,
            flows_of_drops: false,
            sample: NonZeroU32::MIN,
        }
    }
}

/// Which part of the interval has passed when a flow's records are due, in 2^-32. The same for the flow's life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase(u32);

impl Phase {
    /// Flows that are side by side have the same one: their records are made in a row, of memory in a row.
    const ROW: u32 = 32;

    /// Of what is not many.
    pub(super) const FIRST: Self = Self(0);

    /// The rows' phases are those of a Weyl sequence: however many there are, the distances between them are about the same.
    pub(super) fn of(slot: Slot) -> Self {
        Self((slot.0 / Self::ROW).wrapping_mul(0x9e37_79b9))
    }
}

/// The configuration in the clock's unit.
#[derive(Debug)]
pub(super) struct Settings {
    /// Nanoseconds, not 0.
    interval: u64,
    idle: u64,
    tcp_idle: u64,
    pub(super) max_flows: usize,
    pub(super) with_path: bool,
    pub(super) community_id_seed: Option<u16>,
    pub(super) flows_of_drops: bool,
    pub(super) sample: NonZeroU32,
}

impl Settings {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            interval: nanoseconds(config.interval).max(1),
            idle: nanoseconds(config.idle_timeout),
            tcp_idle: nanoseconds(config.tcp_idle_timeout),
            // A slot's number is a u32, of which one means none.
            max_flows: config.max_flows.clamp(1, u32::MAX as usize - 1),
            with_path: config.with_path,
            community_id_seed: config.community_id_seed,
            flows_of_drops: config.flows_of_drops,
            sample: config.sample,
        }
    }

    /// Until when records must have fallen due to be made now: without room, those that have waited for an interval. So a receiver
    /// that is slow for a moment costs no record, and one that is away does not hold up what others get.
    pub(super) fn due_by(&self, now: MonotonicTime, sink: &impl RecordSink) -> MonotonicTime {
        if sink.has_room() { now } else { MonotonicTime(now.0.saturating_sub(self.interval)) }
    }

    /// The first moment after `moment` at which a flow's record is due; never if the interval is for ever.
    pub(super) fn record_after(&self, moment: MonotonicTime, phase: Phase) -> MonotonicTime {
        if self.interval == FOR_EVER {
            return MonotonicTime(u64::MAX);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a part of the interval")]
        let phase = ((u128::from(self.interval) * u128::from(phase.0)) >> 32) as u64;
        let since = (moment.0 % self.interval + self.interval - phase) % self.interval;
        moment.after(self.interval - since)
    }

    pub(super) fn idle_timeout(&self, is_tcp: bool) -> u64 {
        if is_tcp { self.tcp_idle } else { self.idle }
    }
}

/// 2^64 ns are 584 years.
const FOR_EVER: u64 = u64::MAX;

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(FOR_EVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_after_is_within_one_interval_and_one_interval_apart() {
        let settings = Settings::new(&Config::default());
        for row in 0..100 {
            let (phase, moment) = (Phase::of(Slot(row * Phase::ROW)), MonotonicTime(123_456_789_012_345));
            let due = settings.record_after(moment, phase);
            assert!(due > moment && due.since(moment) <= settings.interval);
            assert_eq!(settings.record_after(due, phase), due.after(settings.interval));
        }
    }

    #[test]
    fn an_interval_for_ever_has_no_record_in_it() {
        let settings = Settings::new(&Config { interval: Duration::MAX, ..Config::default() });
        for moment in [0, 1_700_000_000_000_000_000, u64::MAX] {
            let due = settings.record_after(MonotonicTime(moment), Phase::of(Slot(70)));
            assert_eq!(due, MonotonicTime(u64::MAX));
        }
    }

    #[test]
    fn record_after_spreads_flows_over_the_interval() {
        let settings = Settings::new(&Config::default());
        for flows in [1_000, 10_000, 100_000] {
            let mut tenths = [0_u32; 10];
            for slot in (0..flows).map(Slot) {
                let wait = settings.record_after(MonotonicTime(5), Phase::of(slot)).since(MonotonicTime(5));
                tenths[usize::try_from((wait - 1) * 10 / settings.interval).unwrap()] += 1;
            }
            let even = flows / 10;
            assert!(tenths.iter().all(|count| count.abs_diff(even) <= 2 * Phase::ROW), "{flows}: {tenths:?}");
        }
    }
}
