//! What the thread that reads flows says of itself, for whoever looks: numbers that nobody waits for.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use semconv::value::{
    flow_exporter_drop_fate as drop_name, flow_exporter_payload_fate as fate_name,
    flow_exporter_stage_name as stage_name,
};

use crate::clock::MonotonicTime;

/// Written by the thread, read by any other.
#[derive(Debug)]
pub(crate) struct Progress {
    limits: Limits,
    readings: AtomicU64,
    /// Nanoseconds of the monotonic clock.
    last_reading: AtomicU64,
    observations: AtomicU64,
    losses: AtomicU64,
    flows: AtomicU64,
    /// Of each fate.
    payloads: [AtomicU64; Fate::ALL.len()],
    /// Packets of each fate.
    drops: [AtomicU64; DropFate::ALL.len()],
    /// Nanoseconds of each stage.
    times: [AtomicU64; Stage::ALL.len()],
}

/// What there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Observations of a generation.
    pub(crate) observations: u64,
    /// Hooks times reasons of losses.
    pub(crate) losses: u64,
    /// Flows of the flow table.
    pub(crate) flows: u64,
    /// Bytes of the process and of the kernel's maps.
    pub(crate) memory: u64,
}

/// A step of the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Turns the generation, waits until no program is in the old one, reads losses.
    Reading,
    /// Reads the observations and merges them into flows.
    Table,
    /// Makes the records that are due, and hands them on.
    Encoding,
}

/// What became of the payload of a packet that began what a side of a connection sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is a known protocol's, and all was there.
    Parsed,
    /// It is a known protocol's, or may be, and is cut.
    Incomplete,
    /// It is nothing that is known.
    Unknown,
    /// It found no room on its way from the kernel.
    Unshipped,
    /// It was read, but its flow was over.
    Unplaced,
    /// It was read, but there was no memory for what it says.
    Refused,
}

/// What became of a packet that the kernel dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropFate {
    /// A record says it, or will.
    Placed,
    /// Its flow is not reported, or no hook has seen it.
    Unplaced,
    /// Its flow has too many reasons already.
    Refused,
    /// It is not IP, or its headers cannot be read.
    Unread,
    /// The kernel's map was full.
    Overflow,
    /// It was dropped while the program was busy with another one on the same CPU.
    Nested,
    /// As [`Nested`](Self::Nested), and the kernel left the program out.
    Missed,
}

impl DropFate {
    /// Every fate, in the order of its number.
    pub(crate) const ALL: [Self; 7] = [
        Self::Placed,
        Self::Unplaced,
        Self::Refused,
        Self::Unread,
        Self::Overflow,
        Self::Nested,
        Self::Missed,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Placed => drop_name::PLACED,
            Self::Unplaced => drop_name::UNPLACED,
            Self::Refused => drop_name::REFUSED,
            Self::Unread => drop_name::UNREAD,
            Self::Overflow => drop_name::OVERFLOW,
            Self::Nested => drop_name::NESTED,
            Self::Missed => drop_name::MISSED,
        }
    }
}

impl Fate {
    /// Every fate, in the order of its number.
    pub(crate) const ALL: [Self; 6] =
        [Self::Parsed, Self::Incomplete, Self::Unknown, Self::Unshipped, Self::Unplaced, Self::Refused];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parsed => fate_name::PARSED,
            Self::Incomplete => fate_name::INCOMPLETE,
            Self::Unknown => fate_name::UNKNOWN,
            Self::Unshipped => fate_name::UNSHIPPED,
            Self::Unplaced => fate_name::UNPLACED,
            Self::Refused => fate_name::REFUSED,
        }
    }
}

impl Stage {
    /// Every step, in the order of its number.
    pub(crate) const ALL: [Self; 3] = [Self::Reading, Self::Table, Self::Encoding];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reading => stage_name::READING,
            Self::Table => stage_name::TABLE,
            Self::Encoding => stage_name::ENCODING,
        }
    }
}

impl Progress {
    /// Of a thread that starts now.
    pub(crate) fn new(limits: Limits, now: MonotonicTime) -> Self {
        Self {
            limits,
            readings: AtomicU64::new(0),
            last_reading: AtomicU64::new(now.0),
            observations: AtomicU64::new(0),
            losses: AtomicU64::new(0),
            flows: AtomicU64::new(0),
            payloads: Default::default(),
            drops: Default::default(),
            times: Default::default(),
        }
    }

    pub(super) fn spent(&self, stage: Stage, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.times[stage as usize].fetch_add(nanoseconds, Relaxed);
    }

    pub(super) fn read(&self, now: MonotonicTime) {
        self.readings.fetch_add(1, Relaxed);
        self.last_reading.store(now.0, Relaxed);
    }

    pub(super) fn set_observations(&self, observations: u64) {
        self.observations.store(observations, Relaxed);
    }

    pub(super) fn set_losses(&self, losses: usize) {
        self.losses.store(losses as u64, Relaxed);
    }

    pub(super) fn set_flows(&self, flows: usize) {
        self.flows.store(flows as u64, Relaxed);
    }

    pub(super) fn add_payloads(&self, fate: Fate, payloads: u64) {
        self.payloads[fate as usize].fetch_add(payloads, Relaxed);
    }

    pub(super) fn set_payloads(&self, fate: Fate, payloads: u64) {
        self.payloads[fate as usize].store(payloads, Relaxed);
    }

    /// Payloads of a fate since the start.
    pub(crate) fn payloads(&self, fate: Fate) -> u64 {
        self.payloads[fate as usize].load(Relaxed)
    }

    pub(super) fn set_drops(&self, fate: DropFate, packets: u64) {
        self.drops[fate as usize].store(packets, Relaxed);
    }

    /// Dropped packets of a fate since the start.
    pub(crate) fn drops(&self, fate: DropFate) -> u64 {
        self.drops[fate as usize].load(Relaxed)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// Readings since the start.
    pub(crate) fn readings(&self) -> u64 {
        self.readings.load(Relaxed)
    }

    /// When the last reading was over, or the start.
    pub(crate) fn last_reading(&self) -> MonotonicTime {
        MonotonicTime(self.last_reading.load(Relaxed))
    }

    /// Observations of the generation that the programs write, as of the last look.
    pub(crate) fn observations(&self) -> u64 {
        self.observations.load(Relaxed).min(self.limits.observations)
    }

    /// Entries of the map of losses, as of the last reading.
    pub(crate) fn losses(&self) -> u64 {
        self.losses.load(Relaxed)
    }

    /// Flows in the table, as of the last reading.
    pub(crate) fn flows(&self) -> u64 {
        self.flows.load(Relaxed)
    }

    /// Time that a stage took since the start.
    pub(crate) fn time(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.times[stage as usize].load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_index_their_own_time() {
        let limits = Limits { observations: 10, losses: 10, flows: 10, memory: 10 };
        let progress = Progress::new(limits, MonotonicTime(5));
        for (index, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, index, "{}", stage.name());
            progress.spent(stage, Duration::from_millis(index as u64 + 1));
            progress.spent(stage, Duration::from_millis(1));
        }
        let times = Stage::ALL.map(|stage| progress.time(stage).as_millis());
        assert_eq!(times, [2, 3, 4]);
    }

    #[test]
    fn fates_index_their_own_count() {
        let progress =
            Progress::new(Limits { observations: 1, losses: 1, flows: 1, memory: 1 }, MonotonicTime(5));
        for (index, fate) in Fate::ALL.into_iter().enumerate() {
            assert_eq!(fate as usize, index, "{}", fate.name());
            progress.add_payloads(fate, index as u64);
        }
        assert_eq!(Fate::ALL.map(|fate| progress.payloads(fate)), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn fates_of_drops_index_their_own_count() {
        let progress =
            Progress::new(Limits { observations: 1, losses: 1, flows: 1, memory: 1 }, MonotonicTime(5));
        for (index, fate) in DropFate::ALL.into_iter().enumerate() {
            assert_eq!(fate as usize, index, "{}", fate.name());
            progress.set_drops(fate, index as u64);
        }
        assert_eq!(DropFate::ALL.map(|fate| progress.drops(fate)), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_found_no_room_is_in_no_map() {
        let limits = Limits { observations: 10, losses: 10, flows: 10, memory: 10 };
        let progress = Progress::new(limits, MonotonicTime(5));
        progress.set_observations(9);
        assert_eq!(progress.observations(), 9);
        progress.set_observations(11);
        assert_eq!(progress.observations(), 10);
    }
}
