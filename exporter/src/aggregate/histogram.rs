//! Distributions of durations, in either of OpenTelemetry's two forms.

use std::time::Duration;

use crate::flow::{Buckets, HistogramKind, HistogramPoint};

/// Upper bounds of the ranges, in seconds: from within a rack to twice around the world, and what is retried.
const BOUNDS: [f64; 13] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The most buckets of the exponential form, and its finest scale (the SDK specification's defaults).
const MOST_BUCKETS: usize = 160;
const FINEST: i32 = 20;

/// What was recorded.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    count: u64,
    /// Seconds.
    sum: f64,
    min: f64,
    max: f64,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Explicit([u64; BOUNDS.len() + 1]),
    Exponential(Exponential),
}

/// Buckets whose bounds are powers of a base: bucket `index` has what is above `base^index` and up to `base^(index + 1)`, and the
/// base is `2^(2^-scale)`.
#[derive(Clone, Debug)]
struct Exponential {
    scale: i32,
    /// Values that are 0.
    zero: u64,
    /// Index of the first bucket.
    offset: i32,
    counts: Vec<u64>,
}

impl Histogram {
    /// Bytes of an exponential histogram that its [`Self`] does not have.
    pub(super) const EXPONENTIAL_BYTES: usize = MOST_BUCKETS.next_power_of_two() * size_of::<u64>();

    pub(super) fn new(kind: HistogramKind) -> Self {
        let form = match kind {
            HistogramKind::Explicit => Form::Explicit([0; BOUNDS.len() + 1]),
            HistogramKind::Exponential => Form::Exponential(Exponential::new()),
        };
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: 0.0, form }
    }

    /// Records the same duration so many times.
    #[expect(clippy::cast_precision_loss, reason = "a product with a floating point number")]
    pub(super) fn record(&mut self, duration: Duration, times: u64) {
        let value = duration.as_secs_f64();
        self.count += times;
        self.sum += value * times as f64;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        match &mut self.form {
            Form::Explicit(counts) => counts[BOUNDS.partition_point(|bound| *bound < value)] += times,
            Form::Exponential(exponential) => exponential.record(value, times),
        }
    }

    pub(super) fn point(&self) -> HistogramPoint<'_> {
        let Self { count, sum, min, max, ref form } = *self;
        let buckets = match form {
            Form::Explicit(counts) => Buckets::Explicit { bounds: &BOUNDS, counts },
            Form::Exponential(Exponential { scale, zero, offset, counts }) => {
                Buckets::Exponential { scale: *scale, zero: *zero, offset: *offset, counts }
            }
        };
        HistogramPoint { count, sum, min, max, buckets }
    }
}

impl Exponential {
    fn new() -> Self {
        Self { scale: FINEST, zero: 0, offset: 0, counts: Vec::new() }
    }

    fn record(&mut self, value: f64, times: u64) {
        if value <= 0.0 {
            self.zero += times;
            return;
        }
        let index = index(value, self.scale);
        if self.counts.is_empty() {
            self.offset = index;
        }
        let index = index >> self.make_coarser(index);
        if index < self.offset {
            let missing = (self.offset - index).unsigned_abs() as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.offset = index;
        }
        let place = (index - self.offset).unsigned_abs() as usize;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] += times;
    }

    /// Joins buckets, two at a time, until those there are and that of `index` are few enough; gives how many times.
    fn make_coarser(&mut self, index: i32) -> u32 {
        let last =
            self.offset.saturating_add_unsigned(u32::try_from(self.counts.len()).unwrap_or(u32::MAX)) - 1;
        let (mut low, mut high) = (self.offset.min(index), last.max(index));
        let mut times = 0_u32;
        while (high - low).unsigned_abs() as usize >= MOST_BUCKETS {
            (low, high) = (low >> 1, high >> 1);
            times += 1;
        }
        if times != 0 {
            let counts = std::mem::take(&mut self.counts);
            let first = self.offset >> times;
            for (at, count) in (self.offset..).zip(counts) {
                let place = ((at >> times) - first).unsigned_abs() as usize;
                if place == self.counts.len() {
                    self.counts.push(0);
                }
                self.counts[place] += count;
            }
            self.offset = first;
            self.scale -= times.cast_signed();
        }
        times
    }
}

/// The bucket of a value above 0.
#[expect(clippy::cast_possible_truncation, reason = "below 2^31 for every f64 at the finest scale")]
fn index(value: f64, scale: i32) -> i32 {
    (value.log2() * f64::from(scale).exp2()).ceil() as i32 - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(kind: HistogramKind, microseconds: &[u64]) -> Histogram {
        let mut histogram = Histogram::new(kind);
        for &value in microseconds {
            histogram.record(Duration::from_micros(value), 1);
        }
        histogram
    }

    /// Lower and upper bound of each bucket that has something, with its count.
    fn ranges(histogram: &Histogram) -> Vec<(f64, f64, u64)> {
        match histogram.point().buckets {
            Buckets::Explicit { bounds, counts } => {
                let lower = std::iter::once(f64::NEG_INFINITY).chain(bounds.iter().copied());
                let upper = bounds.iter().copied().chain([f64::INFINITY]);
                lower.zip(upper).zip(counts).map(|((lower, upper), count)| (lower, upper, *count)).collect()
            }
            Buckets::Exponential { scale, zero, offset, counts } => {
                let base = f64::from(-scale).exp2().exp2();
                let bound = |at: usize| base.powi(offset + i32::try_from(at).unwrap());
                let buckets = counts.iter().enumerate();
                let ranges = buckets.map(|(at, count)| (bound(at), bound(at + 1), *count));
                std::iter::once((f64::NEG_INFINITY, 0.0, zero)).chain(ranges).collect()
            }
        }
    }

    #[test]
    fn what_is_recorded_several_times_counts_as_often() {
        for kind in [HistogramKind::Explicit, HistogramKind::Exponential] {
            let (mut one, mut each) = (Histogram::new(kind), Histogram::new(kind));
            for micros in [0, 700, 90_000] {
                one.record(Duration::from_micros(micros), 4);
                (0..4).for_each(|_| each.record(Duration::from_micros(micros), 1));
            }
            assert_eq!(format!("{:?}", one.form), format!("{:?}", each.form));
            assert_eq!((one.count, one.max.to_bits()), (12, each.max.to_bits()));
            assert!((one.sum - each.sum).abs() < 1e-9, "{} and {}", one.sum, each.sum);
        }
    }

    #[test]
    fn a_bound_belongs_to_the_range_below() {
        let histogram = of(HistogramKind::Explicit, &[0, 500, 501, 5_000_000, 5_000_001]);
        let counts: Vec<_> = ranges(&histogram).iter().map(|(.., count)| *count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn powers_of_two_are_the_upper_bounds_of_their_buckets() {
        for (value, scale, expected) in
            [(1.0, 0, -1), (2.0, 0, 0), (2.1, 0, 1), (0.5, 0, -2), (4.0, 1, 3), (4.0, -1, 0), (4.1, -1, 1)]
        {
            assert_eq!(index(value, scale), expected, "{value} at {scale}");
        }
    }

    #[test]
    fn an_exponential_histogram_is_as_fine_as_its_range_allows() {
        let near = of(HistogramKind::Exponential, &[1_000, 1_001]);
        let far = of(HistogramKind::Exponential, &[1, 10_000_000]);
        let scale = |histogram: &Histogram| match histogram.point().buckets {
            Buckets::Exponential { scale, .. } => scale,
            Buckets::Explicit { .. } => panic!("explicit"),
        };
        // 2^(2^-16) to the 94th is a thousandth more; 23.3 powers of two in 160 buckets.
        assert_eq!((scale(&near), scale(&far)), (16, 2));
    }

    proptest! {
        #[test]
        fn every_value_is_in_the_bucket_of_its_range(
            values in proptest::collection::vec(prop_oneof![0..1_000_u64, 0..10_000_000_u64], 1..300),
            exponential: bool,
        ) {
            let kind = if exponential { HistogramKind::Exponential } else { HistogramKind::Explicit };
            let histogram = of(kind, &values);
            let seconds: Vec<f64> = values.iter().map(|&value| Duration::from_micros(value).as_secs_f64()).collect();
            let point = histogram.point();
            prop_assert_eq!(point.count, values.len() as u64);
            prop_assert!((point.sum - seconds.iter().sum::<f64>()).abs() < 1e-6);
            prop_assert_eq!(Some(point.min), seconds.iter().copied().min_by(f64::total_cmp));
            prop_assert_eq!(Some(point.max), seconds.iter().copied().max_by(f64::total_cmp));
            let ranges = ranges(&histogram);
            prop_assert!(ranges.len() <= MOST_BUCKETS + 1);
            // Bounds are powers that floating point knows only nearly.
            let near = |value: f64, bound: f64| (value - bound).abs() <= 1e-9 * bound.abs();
            for (lower, upper, count) in ranges {
                let surely = seconds.iter().filter(|&&value| {
                    value > lower && value <= upper && !near(value, lower) && !near(value, upper)
                });
                let perhaps = seconds.iter().filter(|&&value| near(value, lower) || near(value, upper)).count() as u64;
                let surely = surely.count() as u64;
                prop_assert!((surely..=surely + perhaps).contains(&count), "{lower} {upper} {count} {surely}");
            }
        }
    }
}
