//! The series of one kind of value: as many as there may be, and one for what finds no room in them.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use semconv::{Attribute, attribute};

use crate::aggregate::key::Key;
use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{SeriesValue, Temporality};

/// What makes a series another than all others of its kind.
pub(super) type Attributes = Vec<(Attribute, SeriesValue)>;

#[derive(Debug)]
pub(super) struct SeriesSet<V> {
    series: HashMap<Key, Series<V>, FixedState>,
    overflow: Option<Series<V>>,
}

/// A series, and since when it is one.
#[derive(Debug)]
pub(super) struct Series<V> {
    pub(super) attributes: Attributes,
    pub(super) start: WallTime,
    pub(super) value: V,
    /// There were records since the last collection.
    changed: bool,
    /// The last collection before which there were.
    changed_at: MonotonicTime,
}

/// Where a value belongs.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) key: Key,
    /// Series that there may be, that of the overflow among them.
    pub(super) limit: usize,
    /// When the series begins if it is new.
    pub(super) start: WallTime,
}

/// When a series' points are given, and which of them come again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Collection {
    pub(super) now: Clock,
    /// The wall clock's time, or that of the collection before where it was set back.
    pub(super) time: WallTime,
    /// Nanoseconds.
    pub(super) idle_timeout: u64,
    /// The latest collection that the receiver has as a whole, if it has one.
    pub(super) arrived: Option<MonotonicTime>,
    pub(super) temporality: Temporality,
}

impl<V> Default for SeriesSet<V> {
    fn default() -> Self {
        Self { series: HashMap::default(), overflow: None }
    }
}

impl<V> Series<V> {
    fn new(attributes: Attributes, start: WallTime, value: V) -> Self {
        Self { attributes, start, value, changed: false, changed_at: MonotonicTime::default() }
    }

    fn change(&mut self, change: impl FnOnce(&mut V)) {
        change(&mut self.value);
        self.changed = true;
    }

    /// Gives a point, and says whether the series goes on.
    fn collect(&mut self, at: &Collection, give: &mut impl FnMut(&Self)) -> bool {
        if std::mem::take(&mut self.changed) {
            self.changed_at = at.now.monotonic();
        }
        // It stays the same for the series' life.
        self.start = self.start.min(at.time);
        give(self);
        let is_idle = at.now.monotonic().since(self.changed_at) >= at.idle_timeout;
        // Of what has not arrived, no other series' point ever tells.
        let has_arrived = at.arrived.is_some_and(|arrived| arrived >= self.changed_at);
        at.temporality == Temporality::Cumulative && !(is_idle && has_arrived)
    }
}

impl<V> SeriesSet<V> {
    /// Changes the value of a series, which begins with `new`.
    pub(super) fn change(
        &mut self,
        Place { key, limit, start }: Place,
        attributes: impl FnOnce() -> Attributes,
        new: impl FnOnce() -> V,
        change: impl FnOnce(&mut V),
    ) {
        let Self { series, overflow } = self;
        if let Some(series) = series.get_mut(&key) {
            return series.change(change);
        }
        // One place is the overflow's.
        let series = if series.len() + 1 < limit {
            series.entry(key).or_insert_with(|| Series::new(attributes(), start, new()))
        } else {
            let mark = (attribute::OTEL_METRIC_OVERFLOW, SeriesValue::Bool(true));
            overflow.get_or_insert_with(|| Series::new(vec![mark], start, new()))
        };
        series.change(change);
    }

    /// Gives every series, then ends those that have been idle for too long and have arrived. With delta temporality every series ends.
    pub(super) fn collect(&mut self, at: &Collection, mut give: impl FnMut(&Series<V>)) {
        self.series.retain(|_, series| series.collect(at, &mut give));
        if self.overflow.as_mut().is_some_and(|series| !series.collect(at, &mut give)) {
            self.overflow = None;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.series.len() + usize::from(self.overflow.is_some())
    }
}
