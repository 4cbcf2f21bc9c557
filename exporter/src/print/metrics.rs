//! Points of metrics as lines for people.

use std::fmt::Write;

use semconv::metric;

use crate::flow::{Buckets, HistogramPoint, MetricPoint, MetricValue, SeriesValue, timestamp};
use crate::print::value::Style;

/// Appends a line for each metric that the point's value is of.
pub(crate) fn metric_point(point: &MetricPoint<'_>, out: &mut String) {
    match point.value {
        MetricValue::Traffic(counts) => {
            counter(out, metric::NETWORK_FLOW_IO, point, counts.bytes);
            counter(out, metric::NETWORK_FLOW_PACKET_COUNT, point, counts.packets);
        }
        MetricValue::Retransmits(segments) => {
            counter(out, metric::NETWORK_FLOW_TCP_RETRANSMIT_COUNT, point, segments);
        }
        MetricValue::Dropped(packets) => counter(out, metric::NETWORK_FLOW_PACKET_DROPPED, point, packets),
        MetricValue::Connections(connections) => {
            counter(out, metric::NETWORK_FLOW_TCP_CONNECTION_COUNT, point, connections);
        }
        MetricValue::RoundTrips(histogram) => {
            line(out, metric::NETWORK_FLOW_TCP_RTT_DURATION, point, |out| distribution(out, &histogram));
        }
    }
}

fn counter(out: &mut String, metric: semconv::Metric, point: &MetricPoint<'_>, value: u64) {
    line(out, metric, point, |out| append(out, format_args!("{value} {}", metric.unit)));
}

/// Time, name and attributes as Prometheus writes them, the value, and since when it counts.
fn line(out: &mut String, metric: semconv::Metric, point: &MetricPoint<'_>, value: impl FnOnce(&mut String)) {
    append(out, format_args!("{} {}{{", &*timestamp(point.time), metric.name));
    for (index, (attribute, value)) in point.attributes.iter().enumerate() {
        append(out, format_args!("{}{}=", if index == 0 { "" } else { "," }, attribute.key));
        match value {
            SeriesValue::Text(text) => Style::Json.text(out, text),
            SeriesValue::Int(number) => Style::int(out, *number),
            SeriesValue::Bool(truth) => append(out, format_args!("{truth}")),
        }
    }
    out.push_str("} ");
    value(out);
    append(out, format_args!(" since {}\n", &*timestamp(point.start)));
}

/// How many values, between which, and how many at or below each bound and above the one before.
fn distribution(out: &mut String, histogram: &HistogramPoint<'_>) {
    let HistogramPoint { count, sum, min, max, buckets } = histogram;
    append(out, format_args!("{count} from {min} s to {max} s, in all {sum} s ("));
    let mut separator = "";
    let mut bucket = |out: &mut String, bound: Option<f64>, count: u64| {
        if count > 0 {
            append(out, format_args!("{separator}{count} "));
            match bound {
                Some(bound) => append(out, format_args!("<= {bound}")),
                None => out.push_str("above"),
            }
            separator = ", ";
        }
    };
    match *buckets {
        Buckets::Explicit { bounds, counts } => {
            for (index, count) in counts.iter().enumerate() {
                bucket(out, bounds.get(index).copied(), *count);
            }
        }
        Buckets::Exponential { scale, zero, offset, counts } => {
            bucket(out, Some(0.0), zero);
            let base = f64::from(-scale).exp2();
            for (exponent, count) in (i64::from(offset) + 1..).zip(counts) {
                #[expect(clippy::cast_precision_loss, reason = "exponents are small")]
                let bound = (exponent as f64 * base).exp2();
                bucket(out, Some(bound), *count);
            }
        }
    }
    out.push(')');
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A String takes whatever comes.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use semconv::{Attribute, attribute};

    use super::*;
    use crate::clock::WallTime;
    use crate::flow::Counts;

    const SECOND: u64 = 1_000_000_000;

    fn printed(attributes: &[(Attribute, SeriesValue)], value: MetricValue<'_>) -> String {
        let point =
            MetricPoint { attributes, start: WallTime(60 * SECOND), time: WallTime(120 * SECOND), value };
        let mut out = String::new();
        metric_point(&point, &mut out);
        out
    }

    #[test]
    fn a_line_has_time_name_attributes_value_unit_and_begin() {
        let attributes = [
            (attribute::NETWORK_TRANSPORT, SeriesValue::Text("udp".into())),
            (attribute::DESTINATION_PORT, SeriesValue::Int(53)),
            (attribute::OTEL_METRIC_OVERFLOW, SeriesValue::Bool(true)),
        ];
        let series =
            [attribute::NETWORK_TRANSPORT, attribute::DESTINATION_PORT, attribute::OTEL_METRIC_OVERFLOW];
        let [transport, port, overflow] = series.map(|attribute| attribute.key);
        let series = format!("{{{transport}=\"udp\",{port}=53,{overflow}=true}}");
        let (begin, end) = ("1970-01-01T00:01:00.000000000Z", "1970-01-01T00:02:00.000000000Z");
        let [io, packets] = [metric::NETWORK_FLOW_IO.name, metric::NETWORK_FLOW_PACKET_COUNT.name];
        assert_eq!(
            printed(&attributes, MetricValue::Traffic(Counts { packets: 3, bytes: 300 })),
            format!(
                "{end} {io}{series} 300 By since {begin}\n{end} {packets}{series} 3 {{packet}} since {begin}\n"
            )
        );
        for (value, metric) in [
            (MetricValue::Retransmits(7), metric::NETWORK_FLOW_TCP_RETRANSMIT_COUNT),
            (MetricValue::Dropped(7), metric::NETWORK_FLOW_PACKET_DROPPED),
            (MetricValue::Connections(7), metric::NETWORK_FLOW_TCP_CONNECTION_COUNT),
        ] {
            let expected = format!("{end} {}{{}} 7 {} since {begin}\n", metric.name, metric.unit);
            assert_eq!(printed(&[], value), expected);
        }
    }

    #[test]
    fn a_distribution_has_its_ranges() {
        let histogram = |buckets| {
            let point = HistogramPoint { count: 4, sum: 0.75, min: 0.125, max: 0.5, buckets };
            printed(&[], MetricValue::RoundTrips(point))
        };
        let explicit = histogram(Buckets::Explicit { bounds: &[0.25, 0.5], counts: &[3, 0, 1] });
        assert!(
            explicit.contains(" 4 from 0.125 s to 0.5 s, in all 0.75 s (3 <= 0.25, 1 above) since "),
            "{explicit}"
        );
        // Scale 0: powers of two; the first range ends at 2^-2.
        let exponential = histogram(Buckets::Exponential { scale: 0, zero: 1, offset: -3, counts: &[2, 1] });
        assert!(exponential.contains("(1 <= 0, 2 <= 0.25, 1 <= 0.5) since "), "{exponential}");
    }
}
