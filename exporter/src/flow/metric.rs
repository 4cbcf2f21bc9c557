//! What a metric says of flows: a point of a series.

use semconv::Attribute;

use crate::clock::WallTime;
use crate::flow::Counts;

/// What a point's counts are the sum of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// Everything since the series began: a point that is lost takes nothing with it.
    #[default]
    Cumulative,
    /// What came since the point before.
    Delta,
}

/// A value of a series' attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SeriesValue {
    /// A text.
    Text(Box<str>),
    /// An integer.
    Int(i64),
    /// True or false.
    Bool(bool),
}

/// The counts of one series at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MetricPoint<'a> {
    /// What makes the series another than all others of the same metric.
    pub(crate) attributes: &'a [(Attribute, SeriesValue)],
    /// Begin of the time that the counts are for.
    pub(crate) start: WallTime,
    /// Its end.
    pub(crate) time: WallTime,
    /// What the flows of the series sent in this time.
    pub(crate) counts: Counts,
}
