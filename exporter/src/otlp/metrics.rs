//! `ExportMetricsServiceRequest`s of the flow metrics.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ScopeMetrics, Sum, exponential_histogram_data_point, metric,
    number_data_point,
};
use prost::Message;
use semconv::{SCHEMA_URL, SCOPE_NAME, metric as names};

use crate::flow::{Buckets, HistogramPoint, MetricPoint, MetricValue, SeriesValue, Temporality};
use crate::otlp::wire;

// Fields of `ExportMetricsServiceRequest` and `ResourceMetrics`.
const RESOURCE_METRICS: u8 = wire::delimited(1);
const RESOURCE: u8 = wire::delimited(1);
const SCOPE_METRICS: u8 = wire::delimited(2);

/// Points in a request: some 100 bytes each, or some 500 of a histogram, far below the 4 MiB that receivers take.
const POINTS: usize = 2000;

/// A whole request, ready to be sent.
#[derive(Debug)]
pub(crate) struct MetricsRequest {
    /// An encoded `ExportMetricsServiceRequest`.
    pub(crate) payload: Vec<u8>,
    /// Data points in it, of all metrics.
    pub(crate) points: u32,
}

/// Writes points into requests of a bounded size.
///
/// Metrics are few, so that protobuf's generated code is good enough for them.
#[derive(Debug)]
pub(crate) struct MetricsWriter {
    resource: Vec<u8>,
    temporality: Temporality,
    running: Points,
    finished: Vec<MetricsRequest>,
}

/// The data points of the running request, of each metric.
#[derive(Debug, Default)]
struct Points {
    bytes: Vec<NumberDataPoint>,
    packets: Vec<NumberDataPoint>,
    retransmits: Vec<NumberDataPoint>,
    dropped: Vec<NumberDataPoint>,
    connections: Vec<NumberDataPoint>,
    round_trips: Vec<HistogramDataPoint>,
    exponential_round_trips: Vec<ExponentialHistogramDataPoint>,
}

impl Points {
    fn len(&self) -> usize {
        let counters = self.bytes.len()
            + self.packets.len()
            + self.retransmits.len()
            + self.dropped.len()
            + self.connections.len();
        counters + self.round_trips.len() + self.exponential_round_trips.len()
    }
}

impl MetricsWriter {
    /// A writer for the observer whose encoded `Resource` is given (as of [`encode_resource`](crate::otlp::encode_resource)).
    pub(crate) fn new(resource: &[u8], temporality: Temporality) -> Self {
        Self { resource: resource.to_owned(), temporality, running: Points::default(), finished: Vec::new() }
    }

    /// Writes a point of each metric that the value is of.
    pub(crate) fn point(&mut self, point: MetricPoint<'_>) {
        let running = &mut self.running;
        match point.value {
            MetricValue::Traffic(counts) => {
                running.bytes.push(number(&point, counts.bytes));
                running.packets.push(number(&point, counts.packets));
            }
            MetricValue::Retransmits(segments) => running.retransmits.push(number(&point, segments)),
            MetricValue::Dropped(packets) => running.dropped.push(number(&point, packets)),
            MetricValue::Connections(connections) => running.connections.push(number(&point, connections)),
            MetricValue::RoundTrips(histogram) => match histogram.buckets {
                Buckets::Explicit { bounds, counts } => {
                    running.round_trips.push(explicit(&point, &histogram, bounds, counts));
                }
                Buckets::Exponential { scale, zero, offset, counts } => {
                    let buckets =
                        exponential_histogram_data_point::Buckets { offset, bucket_counts: counts.to_vec() };
                    let point = exponential(&point, &histogram, (scale, zero), buckets);
                    running.exponential_round_trips.push(point);
                }
            },
        }
        if self.running.len() >= POINTS {
            self.cut();
        }
    }

    /// Ends the running request, if it has a point, and takes all of them, oldest first.
    pub(crate) fn finish(&mut self) -> impl Iterator<Item = MetricsRequest> {
        if self.running.len() != 0 {
            self.cut();
        }
        self.finished.drain(..)
    }

    fn cut(&mut self) {
        let points = std::mem::take(&mut self.running);
        let count = points.len();
        let scope_metrics = ScopeMetrics {
            scope: Some(InstrumentationScope {
                name: SCOPE_NAME.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            }),
            metrics: self.metrics(points),
            schema_url: SCHEMA_URL.to_owned(),
        };
        let mut payload = Vec::new();
        let resource_metrics = wire::begin(&mut payload, RESOURCE_METRICS);
        wire::put_bytes(&mut payload, RESOURCE, &self.resource);
        wire::put_bytes(&mut payload, SCOPE_METRICS, &scope_metrics.encode_to_vec());
        wire::end(&mut payload, resource_metrics);
        self.finished.push(MetricsRequest { payload, points: u32::try_from(count).unwrap_or(u32::MAX) });
    }

    /// The metrics that have points.
    fn metrics(&self, points: Points) -> Vec<Metric> {
        let aggregation_temporality = match self.temporality {
            Temporality::Cumulative => AggregationTemporality::Cumulative,
            Temporality::Delta => AggregationTemporality::Delta,
        };
        let aggregation_temporality = aggregation_temporality.into();
        let counters = [
            (names::NETWORK_FLOW_IO, points.bytes),
            (names::NETWORK_FLOW_PACKET_COUNT, points.packets),
            (names::NETWORK_FLOW_TCP_RETRANSMIT_COUNT, points.retransmits),
            (names::NETWORK_FLOW_PACKET_DROPPED, points.dropped),
            (names::NETWORK_FLOW_TCP_CONNECTION_COUNT, points.connections),
        ];
        let mut metrics = Vec::new();
        for (name, data_points) in counters.into_iter().filter(|(_, points)| !points.is_empty()) {
            let sum = Sum { data_points, aggregation_temporality, is_monotonic: true };
            metrics.push(metric(name, metric::Data::Sum(sum)));
        }
        if !points.round_trips.is_empty() {
            let histogram = Histogram { data_points: points.round_trips, aggregation_temporality };
            metrics.push(metric(names::NETWORK_FLOW_TCP_RTT_DURATION, metric::Data::Histogram(histogram)));
        }
        if !points.exponential_round_trips.is_empty() {
            let histogram =
                ExponentialHistogram { data_points: points.exponential_round_trips, aggregation_temporality };
            let data = metric::Data::ExponentialHistogram(histogram);
            metrics.push(metric(names::NETWORK_FLOW_TCP_RTT_DURATION, data));
        }
        metrics
    }
}

fn metric(metric: semconv::Metric, data: metric::Data) -> Metric {
    Metric {
        name: metric.name.to_owned(),
        description: metric.brief.to_owned(),
        unit: metric.unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn number(point: &MetricPoint<'_>, value: u64) -> NumberDataPoint {
    NumberDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: point.start.0,
        time_unix_nano: point.time.0,
        // OTLP integers are signed; 2^63 bytes are 29 years at 10 Gbit/s.
        value: Some(number_data_point::Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX))),
        ..NumberDataPoint::default()
    }
}

fn explicit(
    point: &MetricPoint<'_>,
    histogram: &HistogramPoint<'_>,
    bounds: &[f64],
    counts: &[u64],
) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: point.start.0,
        time_unix_nano: point.time.0,
        count: histogram.count,
        sum: Some(histogram.sum),
        min: Some(histogram.min),
        max: Some(histogram.max),
        bucket_counts: counts.to_vec(),
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    }
}

fn exponential(
    point: &MetricPoint<'_>,
    histogram: &HistogramPoint<'_>,
    (scale, zero_count): (i32, u64),
    positive: exponential_histogram_data_point::Buckets,
) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: attributes(point),
        start_time_unix_nano: point.start.0,
        time_unix_nano: point.time.0,
        count: histogram.count,
        sum: Some(histogram.sum),
        min: Some(histogram.min),
        max: Some(histogram.max),
        scale,
        zero_count,
        positive: Some(positive),
        ..ExponentialHistogramDataPoint::default()
    }
}

fn attributes(point: &MetricPoint<'_>) -> Vec<KeyValue> {
    let attributes = point.attributes.iter().map(|(attribute, value)| KeyValue {
        key: attribute.key.to_owned(),
        value: Some(AnyValue { value: Some(any_value(value)) }),
        ..KeyValue::default()
    });
    attributes.collect()
}

fn any_value(value: &SeriesValue) -> Value {
    match value {
        SeriesValue::Text(text) => Value::StringValue(text.as_ref().to_owned()),
        SeriesValue::Int(number) => Value::IntValue(*number),
        SeriesValue::Bool(truth) => Value::BoolValue(*truth),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use semconv::attribute;

    use super::*;
    use crate::clock::WallTime;
    use crate::flow::Counts;
    use crate::otlp::{Observer, describe, encode_resource};

    fn point(attributes: &[(semconv::Attribute, SeriesValue)]) -> MetricPoint<'_> {
        let counts = Counts { packets: 3, bytes: 300 };
        MetricPoint { attributes, start: WallTime(5), time: WallTime(9), value: MetricValue::Traffic(counts) }
    }

    fn decode(request: &MetricsRequest) -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest::decode(&*request.payload).unwrap()
    }

    #[test]
    fn a_request_has_what_a_receiver_needs() {
        let observer = Observer { instance: "a".into(), host_name: "node-1".into(), host_id: None };
        let mut writer =
            MetricsWriter::new(&encode_resource(&describe(&observer, &|_| None)), Temporality::Delta);
        let attributes = [
            (attribute::NETWORK_TRANSPORT, SeriesValue::Text("tcp".into())),
            (attribute::DESTINATION_PORT, SeriesValue::Int(443)),
            (attribute::OTEL_METRIC_OVERFLOW, SeriesValue::Bool(true)),
        ];
        writer.point(point(&attributes));
        let requests: Vec<_> = writer.finish().collect();
        assert_eq!((requests.len(), requests[0].points), (1, 2));
        let resource_metrics = &decode(&requests[0]).resource_metrics[0];
        assert!(resource_metrics.resource.as_ref().unwrap().attributes.len() > 5);
        let scope_metrics = &resource_metrics.scope_metrics[0];
        assert_eq!(scope_metrics.schema_url, SCHEMA_URL);
        assert_eq!(scope_metrics.scope.as_ref().unwrap().name, SCOPE_NAME);
        for (metric, (name, unit, value)) in scope_metrics
            .metrics
            .iter()
            .zip([("network.flow.io", "By", 300), ("network.flow.packet.count", "{packet}", 3)])
        {
            assert_eq!((metric.name.as_str(), metric.unit.as_str()), (name, unit));
            let Some(metric::Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
            assert!(sum.is_monotonic && sum.aggregation_temporality() == AggregationTemporality::Delta);
            let point = &sum.data_points[0];
            assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 9));
            assert_eq!(point.value, Some(number_data_point::Value::AsInt(value)));
            let values: Vec<_> = point
                .attributes
                .iter()
                .map(|attribute| attribute.value.clone().unwrap().value.unwrap())
                .collect();
            let expected = [Value::StringValue("tcp".into()), Value::IntValue(443), Value::BoolValue(true)];
            assert_eq!(values, expected);
        }
        assert_eq!(writer.finish().count(), 0);
    }

    #[test]
    fn many_series_become_several_requests() {
        let mut writer = MetricsWriter::new(&[], Temporality::Cumulative);
        for _ in 0..=POINTS {
            writer.point(point(&[]));
        }
        let points: Vec<u32> = writer.finish().map(|request| request.points).collect();
        assert_eq!(points, [2000, 2000, 2]);
    }

    #[test]
    fn a_histogram_is_written_in_its_form() {
        let write = |buckets| {
            let histogram = HistogramPoint { count: 3, sum: 0.6, min: 0.1, max: 0.3, buckets };
            let mut writer = MetricsWriter::new(&[], Temporality::Cumulative);
            writer.point(MetricPoint { value: MetricValue::RoundTrips(histogram), ..point(&[]) });
            writer.point(MetricPoint { value: MetricValue::Connections(7), ..point(&[]) });
            let requests: Vec<_> = writer.finish().collect();
            assert_eq!((requests.len(), requests[0].points), (1, 2));
            let metrics = decode(&requests[0]).resource_metrics.remove(0).scope_metrics.remove(0).metrics;
            let [connections, round_trips] = metrics.try_into().unwrap();
            assert_eq!(connections.name, names::NETWORK_FLOW_TCP_CONNECTION_COUNT.name);
            assert_eq!(
                (round_trips.name.as_str(), &*round_trips.unit),
                ("network.flow.tcp.rtt.duration", "s")
            );
            round_trips.data.unwrap()
        };
        let explicit = write(Buckets::Explicit { bounds: &[0.1, 0.2], counts: &[1, 0, 2] });
        let metric::Data::Histogram(histogram) = explicit else { panic!("{explicit:?}") };
        assert_eq!(histogram.aggregation_temporality(), AggregationTemporality::Cumulative);
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.sum, point.min, point.max), (3, Some(0.6), Some(0.1), Some(0.3)));
        assert_eq!((&*point.explicit_bounds, &*point.bucket_counts), (&[0.1, 0.2][..], &[1, 0, 2][..]));
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (5, 9));

        let exponential = write(Buckets::Exponential { scale: 3, zero: 1, offset: -9, counts: &[2] });
        let metric::Data::ExponentialHistogram(histogram) = exponential else { panic!("{exponential:?}") };
        let point = &histogram.data_points[0];
        assert_eq!((point.count, point.scale, point.zero_count), (3, 3, 1));
        let positive = point.positive.as_ref().unwrap();
        assert_eq!((positive.offset, &*positive.bucket_counts), (-9, &[2][..]));
    }
}
