//! Metrics: what flows sent, by the little that a series says of them.
//!
//! A record counts in the call that makes it, so that the sum over all series is the sum over all flow records. Series are
//! bounded: what finds no room goes to one overflow series, and a series without records ends after a time. Records without
//! endpoints are losses, and in no series. Time is passed in.

mod dimension;
mod key;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::FixedState;
use semconv::{Attribute, attribute};

pub use self::dimension::{Dimension, UnknownDimension};
use self::key::{FlowDirection, Key};
use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{Counts, FlowRecord, MetricPoint, Record, SeriesValue, Temporality};

/// What series there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// What a series says besides the transport and the direction.
    pub(crate) dimensions: Vec<Dimension>,
    /// The most series at a time, that of the overflow among them.
    pub(crate) series_limit: usize,
    /// A series without records for this long ends.
    pub(crate) idle_timeout: Duration,
    /// What the points are the sum of.
    pub(crate) temporality: Temporality,
}

/// Counts records by series.
#[derive(Debug)]
pub(crate) struct Aggregator {
    config: Config,
    series: HashMap<Key, Series, FixedState>,
    overflow: Option<Series>,
    /// When points were last given, and before that when counting began. A series begins no earlier, so that it cannot overlap
    /// with one of the same attributes that ended.
    collected: WallTime,
}

#[derive(Debug)]
struct Series {
    attributes: Vec<(Attribute, SeriesValue)>,
    start: WallTime,
    counts: Counts,
    /// There were records since the last collection.
    changed: bool,
    /// The last collection before which there were.
    changed_at: MonotonicTime,
}

impl Series {
    fn new(attributes: Vec<(Attribute, SeriesValue)>, start: WallTime) -> Self {
        let changed_at = MonotonicTime::default();
        Self { attributes, start, counts: Counts::default(), changed: false, changed_at }
    }

    fn add(&mut self, counts: Counts) {
        self.counts += counts;
        self.changed = true;
    }
}

impl Aggregator {
    /// Counts from `now` on.
    pub(crate) fn new(config: Config, now: &Clock) -> Self {
        Self { config, series: HashMap::default(), overflow: None, collected: now.wall() }
    }

    /// Counts a record. Allocates for the first one of a series only, unless series are told apart by interface.
    pub(crate) fn record(&mut self, record: Record<'_>) {
        let Record::Flow(flow) = record else { return };
        self.add(FlowDirection::Forward, flow, flow.source.counts);
        self.add(FlowDirection::Reverse, flow, flow.destination.counts);
    }

    fn add(&mut self, direction: FlowDirection, flow: &FlowRecord<'_>, counts: Counts) {
        // Most flows of some protocols have no answer, which is no reason for a series.
        if counts.is_zero() {
            return;
        }
        let Self { config, series, overflow, collected } = self;
        let key = Key::new(direction, flow, &config.dimensions);
        if let Some(series) = series.get_mut(&key) {
            return series.add(counts);
        }
        let start = match config.temporality {
            Temporality::Cumulative => flow.interval_start.max(*collected),
            Temporality::Delta => *collected,
        };
        // One place is the overflow's.
        let series = if series.len() + 1 < config.series_limit {
            let attributes = dimension::attributes(direction, flow, &config.dimensions);
            series.entry(key).or_insert_with(|| Series::new(attributes, start))
        } else {
            let mark = (attribute::OTEL_METRIC_OVERFLOW, SeriesValue::Bool(true));
            overflow.get_or_insert_with(|| Series::new(vec![mark], start))
        };
        series.add(counts);
    }

    /// Gives a point of every series, then ends those that have been idle for too long. With delta temporality every series ends.
    pub(crate) fn collect(&mut self, now: &Clock, mut give: impl FnMut(MetricPoint<'_>)) {
        // The wall clock may have been set back, but no point ends before it begins.
        let time = now.wall().max(self.collected);
        let idle_timeout = u64::try_from(self.config.idle_timeout.as_nanos()).unwrap_or(u64::MAX);
        let temporality = self.config.temporality;
        let mut stays = |series: &mut Series| {
            if std::mem::take(&mut series.changed) {
                series.changed_at = now.monotonic();
            }
            // It stays the same for the series' life.
            series.start = series.start.min(time);
            let Series { attributes, start, counts, .. } = series;
            give(MetricPoint { attributes, start: *start, time, counts: *counts });
            temporality == Temporality::Cumulative && now.monotonic().since(series.changed_at) < idle_timeout
        };
        self.series.retain(|_, series| stays(series));
        if self.overflow.as_mut().is_some_and(|series| !stays(series)) {
            self.overflow = None;
        }
        self.collected = time;
    }

    /// Series that there are now.
    #[cfg(test)]
    pub(crate) fn series(&self) -> usize {
        self.series.len() + usize::from(self.overflow.is_some())
    }
}
