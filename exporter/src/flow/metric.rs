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

/// How a distribution is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistogramKind {
    /// By ranges with fixed bounds.
    #[default]
    Explicit,
    /// By ranges whose bounds are powers of a base, as fine as the values allow.
    Exponential,
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

/// What one series has at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MetricPoint<'a> {
    /// What makes the series another than all others of the same metric.
    pub(crate) attributes: &'a [(Attribute, SeriesValue)],
    /// Begin of the time that the values are for.
    pub(crate) start: WallTime,
    /// Its end.
    pub(crate) time: WallTime,
    /// What came in this time.
    pub(crate) value: MetricValue<'a>,
}

/// What is told of flows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum MetricValue<'a> {
    /// What they sent.
    Traffic(Counts),
    /// Packets that the kernel dropped of them.
    Dropped(u64),
    /// TCP segments that they sent again.
    Retransmits(u64),
    /// TCP connections that were opened, or could not be.
    Connections(u64),
    /// Round-trip times of TCP connections, in seconds.
    RoundTrips(HistogramPoint<'a>),
}

/// A distribution of at least one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HistogramPoint<'a> {
    /// How many values.
    pub(crate) count: u64,
    /// Their sum.
    pub(crate) sum: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
    /// How many are where.
    pub(crate) buckets: Buckets<'a>,
}

/// How many values are where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Buckets<'a> {
    /// Above one bound and up to the next: one more than there are bounds.
    Explicit {
        /// Upper bounds.
        bounds: &'a [f64],
        /// Values in each range.
        counts: &'a [u64],
    },
    /// Above a power of `2^(2^-scale)` and up to the next one.
    Exponential {
        /// How fine it is.
        scale: i32,
        /// Values that are 0.
        zero: u64,
        /// Exponent of the first range's lower bound.
        offset: i32,
        /// Values in each range.
        counts: &'a [u64],
    },
}
