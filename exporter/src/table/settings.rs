//! What the user sets, and what follows from it for one flow.

use std::time::Duration;

use crate::clock::MonotonicTime;
use crate::flow::{FlowId, RecordSink};

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
        }
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
        }
    }

    /// Until when records must have fallen due to be made now: without room, those that have waited for an interval. So a receiver
    /// that is slow for a moment costs no record, and one that is away does not hold up what others get.
    pub(super) fn due_by(&self, now: MonotonicTime, sink: &impl RecordSink) -> MonotonicTime {
        if sink.has_room() { now } else { MonotonicTime(now.0.saturating_sub(self.interval)) }
    }

    /// The first moment after `moment` at which a flow's record is due; never if the interval is for ever. Each flow has its own
    /// phase, the same for life, so
    /// that the records of many flows spread over the interval.
    pub(super) fn record_after(&self, moment: MonotonicTime, id: FlowId) -> MonotonicTime {
        if self.interval == FOR_EVER {
            return MonotonicTime(u64::MAX);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the lower half is as evenly spread as the whole"
        )]
        let phase = id.0 as u64 % self.interval;
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
    use crate::flow::FlowIds;

    #[test]
    fn record_after_is_within_one_interval_and_one_interval_apart() {
        let settings = Settings::new(&Config::default());
        let mut ids = FlowIds::seeded(0, 0);
        for _ in 0..100 {
            let (id, moment) = (ids.next_id(), MonotonicTime(123_456_789_012_345));
            let due = settings.record_after(moment, id);
            assert!(due > moment && due.since(moment) <= settings.interval);
            assert_eq!(settings.record_after(due, id), due.after(settings.interval));
        }
    }

    #[test]
    fn an_interval_for_ever_has_no_record_in_it() {
        let settings = Settings::new(&Config { interval: Duration::MAX, ..Config::default() });
        let id = FlowIds::seeded(0, 0).next_id();
        for moment in [0, 1_700_000_000_000_000_000, u64::MAX] {
            assert_eq!(settings.record_after(MonotonicTime(moment), id), MonotonicTime(u64::MAX));
        }
    }

    #[test]
    fn record_after_spreads_flows_over_the_interval() {
        let settings = Settings::new(&Config::default());
        let mut ids = FlowIds::seeded(0, 0);
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let wait = settings.record_after(MonotonicTime(5), ids.next_id()).since(MonotonicTime(5));
            tenths[usize::try_from((wait - 1) * 10 / settings.interval).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|&count| (900..1100).contains(&count)), "{tenths:?}");
    }
}
