//! Metrics: what flows sent and sent again, what was dropped of it, and how their connections were opened, by the little that a series says of them.
//!
//! A record counts in the call that makes it, so that the sum over all series is the sum over all flow records. Series are
//! bounded: what finds no room goes to one overflow series, and a series without records ends after a time. Records without
//! endpoints are losses, and in no series. Where one flow in so many is counted, each counts for so many. Time is passed in.

#[cfg(test)]
mod connection_tests;
mod dimension;
mod histogram;
mod key;
mod series;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::histogram::Histogram;
use self::key::{FlowDirection, Key, Subject};
use self::series::{Collection, Series, SeriesSet};
use crate::clock::{Clock, WallTime};
use crate::flow::{
    Counts, DropCount, FlowRecord, HistogramKind, MetricPoint, MetricValue, Opening, Record, Temporality,
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
    /// A series without records for this long ends.
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
        for (direction, end) in
            [(FlowDirection::Forward, &flow.source), (FlowDirection::Reverse, &flow.destination)]
        {
            self.count(direction, flow, end.counts);
            self.count_retransmits(direction, flow, end.disorder.retransmits);
        }
        for drop in flow.drops {
            self.count_dropped(drop, flow);
        }
        let Some(connection) = &flow.connection else { return };
        // A connection is opened once, and its time is told by the same record.
        let error = match connection.opening {
            None => return,
            Some(Opening::Established) => None,
            Some(Opening::Failed(error)) => Some(error),
        };
        self.count_opening(Subject::Opening(error), flow);
        if let Some(time) = connection.times.round_trip().filter(|_| error.is_none()) {
            self.measure(flow, time);
        }
    }

    fn count(&mut self, direction: FlowDirection, flow: &FlowRecord<'_>, counts: Counts) {
        // Most flows of some protocols have no answer, which is no reason for a series.
        if !counts.is_zero() {
            let of = Subject::Traffic(direction);
            let place = self.place(of, flow);
            let attributes = || dimension::attributes(of, flow, &self.config.dimensions);
            let counts = counts.times(flow.sample.get().into());
            self.traffic.change(place, attributes, Counts::default, |sum| *sum += counts);
        }
    }

    fn count_retransmits(&mut self, direction: FlowDirection, flow: &FlowRecord<'_>, segments: u32) {
        if segments != 0 {
            let of = Subject::Retransmits(direction);
            let place = self.place(of, flow);
            let attributes = || dimension::attributes(of, flow, &self.config.dimensions);
            let counted = u64::from(segments) * u64::from(flow.sample.get());
            self.retransmits.change(place, attributes, || 0, |sum| *sum += counted);
        }
    }

    fn count_dropped(&mut self, drop: &DropCount, flow: &FlowRecord<'_>) {
        let direction = if drop.is_reverse { FlowDirection::Reverse } else { FlowDirection::Forward };
        let of = Subject::Drop(direction, &drop.reason);
        let place = self.place(of, flow);
        let attributes = || dimension::attributes(of, flow, &self.config.dimensions);
        let counted = drop.packets * u64::from(flow.sample.get());
        self.dropped.change(place, attributes, || 0, |sum| *sum += counted);
    }

    fn count_opening(&mut self, of: Subject<'_>, flow: &FlowRecord<'_>) {
        let place = self.place(of, flow);
        let attributes = || dimension::attributes(of, flow, &self.config.dimensions);
        let counted = u64::from(flow.sample.get());
        self.connections.change(place, attributes, || 0, |sum| *sum += counted);
    }

    /// The whole record is here: an exemplar of the sample would take its trace from it.
    fn measure(&mut self, flow: &FlowRecord<'_>, time: Duration) {
        let of = Subject::RoundTrip;
        let place = self.place(of, flow);
        let attributes = || dimension::attributes(of, flow, &self.config.dimensions);
        let new = || Histogram::new(self.config.histogram);
        let times = u64::from(flow.sample.get());
        self.round_trips.change(place, attributes, new, |histogram| histogram.record(time, times));
    }

    /// Where what is told of a flow belongs: the series, how many of its kind there may be, and when it begins if it is new.
    fn place(&self, of: Subject<'_>, flow: &FlowRecord<'_>) -> (Key, usize, WallTime) {
        let start = match self.config.temporality {
            Temporality::Cumulative => flow.interval_start.max(self.collected),
            Temporality::Delta => self.collected,
        };
        (Key::new(of, flow, &self.config.dimensions), self.config.series_limit, start)
    }

    /// Gives a point of every series, then ends those that have been idle for too long. With delta temporality every series ends.
    pub(crate) fn collect(&mut self, now: &Clock, mut give: impl FnMut(MetricPoint<'_>)) {
        // The wall clock may have been set back, but no point ends before it begins.
        let time = now.wall().max(self.collected);
        let idle_timeout = u64::try_from(self.config.idle_timeout.as_nanos()).unwrap_or(u64::MAX);
        let at = Collection { now: *now, time, idle_timeout, temporality: self.config.temporality };
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

fn point<'a, V>(series: &'a Series<V>, time: WallTime, value: MetricValue<'a>) -> MetricPoint<'a> {
    MetricPoint { attributes: &series.attributes, start: series.start, time, value }
}
