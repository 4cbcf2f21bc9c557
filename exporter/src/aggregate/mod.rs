//! Metrics: what flows sent and sent again, what was dropped of it, and how their connections were opened, by the little that a series says of them.
//!
//! A record counts in the call that makes it, so that the sum over all series is the sum over all flow records. Series are
//! bounded: what finds no room goes to one overflow series, and a series without records ends after a time, unless the receiver lacks
//! some of it. Records without endpoints are losses, and in no series (docs/adr/0005). Where one flow in so many is counted, each
//! counts for so many. Time is passed in.

#[cfg(test)]
mod connection_tests;
mod dimension;
mod histogram;
#[cfg(test)]
mod idle_tests;
mod key;
mod series;
#[cfg(test)]
mod tests;

use std::ops::AddAssign;
use std::time::Duration;

use self::histogram::Histogram;
use self::key::{FlowDirection, Key, Subject};
use self::series::{Collection, Place, Series, SeriesSet};
use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{
    Counts, FlowRecord, HistogramKind, MetricPoint, MetricValue, Opening, Record, Temporality,
};

pub use self::dimension::{Dimension, UnknownDimension};

/// Bytes of a series with its place in the table, which may be half empty: key, times and up to eight attributes with their texts.
const SERIES_BYTES: usize = 1 << 10;
/// Of five kinds there are as many series as the limit allows.
const KINDS: usize = 5;

/// What series there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// What a series says besides the transport and what it is of.
    pub(crate) dimensions: Vec<Dimension>,
    /// The most series of a metric at a time, that of the overflow among them.
    pub(crate) series_limit: usize,
    /// A series without records for this long ends, once the receiver has all of it.
    pub(crate) idle_timeout: Duration,
    /// What the points are the sum of.
    pub(crate) temporality: Temporality,
    /// How round-trip times are told.
    pub(crate) histogram: HistogramKind,
}

impl Config {
    /// Bytes of all series that there may be.
    pub(crate) fn bytes(&self) -> usize {
        let buckets = match self.histogram {
            HistogramKind::Explicit => 0,
            HistogramKind::Exponential => Histogram::EXPONENTIAL_BYTES,
        };
        // The table's places again.
        let each = KINDS * SERIES_BYTES + 2 * size_of::<Histogram>() + buckets;
        self.series_limit.saturating_mul(each)
    }
}

/// Counts records by series.
#[derive(Debug)]
pub(crate) struct Aggregator {
    config: Config,
    traffic: SeriesSet<Counts>,
    retransmits: SeriesSet<u64>,
    dropped: SeriesSet<u64>,
    connections: SeriesSet<u64>,
    round_trips: SeriesSet<Histogram>,
    /// When points were last given, and before that when counting began. A series begins no earlier, so that it cannot overlap
    /// with one of the same attributes that ended.
    collected: WallTime,
}

impl Aggregator {
    /// Counts from `now` on.
    pub(crate) fn new(config: Config, now: &Clock) -> Self {
        Self {
            config,
            traffic: SeriesSet::default(),
            retransmits: SeriesSet::default(),
            dropped: SeriesSet::default(),
            connections: SeriesSet::default(),
            round_trips: SeriesSet::default(),
            collected: now.wall(),
        }
    }

    /// Counts a record. Allocates for the first one of a series only, unless series are told apart by interface.
    pub(crate) fn record(&mut self, record: Record<'_>) {
        let Record::Flow(flow) = record else { return };
        let told = Told { flow, config: &self.config, collected: self.collected };
        let each = u64::from(flow.sample.get());
        for (direction, end) in
            [(FlowDirection::Forward, &flow.source), (FlowDirection::Reverse, &flow.destination)]
        {
            told.add(&mut self.traffic, Subject::Traffic(direction), end.counts.times(each));
            let segments = u64::from(end.disorder.retransmits) * each;
            told.add(&mut self.retransmits, Subject::Retransmits(direction), segments);
        }
        for drop in flow.drops {
            let direction = if drop.is_reverse { FlowDirection::Reverse } else { FlowDirection::Forward };
            told.add(&mut self.dropped, Subject::Drop(direction, &drop.reason), drop.packets * each);
        }
        let Some(connection) = &flow.connection else { return };
        // A connection is opened once, and its time is told by the same record.
        let error = match connection.opening {
            None => return,
            Some(Opening::Established) => None,
            Some(Opening::Failed(error)) => Some(error),
        };
        told.add(&mut self.connections, Subject::Opening(error), each);
        if let Some(time) = connection.times.round_trip().filter(|_| error.is_none()) {
            let new = || Histogram::new(told.config.histogram);
            // The whole record is here: an exemplar of the sample would take its trace from it.
            told.change(&mut self.round_trips, Subject::RoundTrip, new, |times| times.record(time, each));
        }
    }

    /// Gives a point of every series, then ends those that have been idle for too long. A cumulative series stays until a
    /// collection was made after its last record and has arrived, the latest of which was made at `arrived`: else what it counted
    /// while the receiver was away would be in no point that arrives. With delta temporality every series ends.
    pub(crate) fn collect(
        &mut self,
        now: &Clock,
        arrived: Option<MonotonicTime>,
        mut give: impl FnMut(MetricPoint<'_>),
    ) {
        // The wall clock may have been set back, but no point ends before it begins.
        let time = now.wall().max(self.collected);
        let idle_timeout = u64::try_from(self.config.idle_timeout.as_nanos()).unwrap_or(u64::MAX);
        let temporality = self.config.temporality;
        let at = Collection { now: *now, time, idle_timeout, arrived, temporality };
        self.traffic.collect(&at, |series| give(point(series, time, MetricValue::Traffic(series.value))));
        self.retransmits
            .collect(&at, |series| give(point(series, time, MetricValue::Retransmits(series.value))));
        self.dropped.collect(&at, |series| give(point(series, time, MetricValue::Dropped(series.value))));
        self.connections
            .collect(&at, |series| give(point(series, time, MetricValue::Connections(series.value))));
        self.round_trips
            .collect(&at, |series| give(point(series, time, MetricValue::RoundTrips(series.value.point()))));
        self.collected = time;
    }

    /// Series that there are now, of each kind.
    #[cfg(test)]
    pub(crate) fn series(&self) -> [usize; KINDS] {
        [
            self.traffic.len(),
            self.retransmits.len(),
            self.dropped.len(),
            self.connections.len(),
            self.round_trips.len(),
        ]
    }
}

/// A record, and what it takes to find the series of what it tells.
struct Told<'a> {
    flow: &'a FlowRecord<'a>,
    config: &'a Config,
    collected: WallTime,
}

impl Told<'_> {
    /// Adds to a series. Nothing is no reason for one: most flows of some protocols have no answer.
    fn add<V: AddAssign + Default + PartialEq>(&self, set: &mut SeriesSet<V>, of: Subject<'_>, value: V) {
        if value != V::default() {
            self.change(set, of, V::default, |sum| *sum += value);
        }
    }

    /// Changes the value of a series, which begins with `new`.
    fn change<V>(
        &self,
        set: &mut SeriesSet<V>,
        of: Subject<'_>,
        new: impl FnOnce() -> V,
        change: impl FnOnce(&mut V),
    ) {
        let dimensions = &self.config.dimensions;
        let place = Place {
            key: Key::new(of, self.flow, dimensions),
            limit: self.config.series_limit,
            start: match self.config.temporality {
                Temporality::Cumulative => self.flow.interval_start.max(self.collected),
                Temporality::Delta => self.collected,
            },
        };
        let attributes = || dimension::attributes(of, self.flow, dimensions);
        set.change(place, attributes, new, change);
    }
}

fn point<'a, V>(series: &'a Series<V>, time: WallTime, value: MetricValue<'a>) -> MetricPoint<'a> {
    MetricPoint { attributes: &series.attributes, start: series.start, time, value }
}
