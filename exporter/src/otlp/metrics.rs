//! `ExportMetricsServiceRequest`s of the flow metrics.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Metric, NumberDataPoint, ScopeMetrics, Sum, metric, number_data_point,
};
use prost::Message;
use semconv::{Instrument, SCHEMA_URL, SCOPE_NAME, metric as names};

use crate::flow::{Counts, MetricPoint, SeriesValue, Temporality};
use crate::otlp::wire;

// Fields of `ExportMetricsServiceRequest` and `ResourceMetrics`.
const RESOURCE_METRICS: u8 = wire::delimited(1);
const RESOURCE: u8 = wire::delimited(1);
const SCOPE_METRICS: u8 = wire::delimited(2);

/// Series in a request: some 100 bytes each and metric, far below the 4 MiB that receivers take.
const SERIES: usize = 1000;

/// What a metric counts of a flow.
type Measure = fn(Counts) -> u64;

/// The metrics, each with what it takes of a series.
const METRICS: [(semconv::Metric, Measure); 2] = [
    (names::NETWORK_FLOW_IO, |counts| counts.bytes),
    (names::NETWORK_FLOW_PACKET_COUNT, |counts| counts.packets),
];

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
    /// The data points of the running request, of each metric.
    points: [Vec<NumberDataPoint>; METRICS.len()],
    finished: Vec<MetricsRequest>,
}

impl MetricsWriter {
    /// A writer for the observer whose encoded `Resource` is given (as of [`encode_resource`](crate::otlp::encode_resource)).
    pub(crate) fn new(resource: &[u8], temporality: Temporality) -> Self {
        Self { resource: resource.to_owned(), temporality, points: Default::default(), finished: Vec::new() }
    }

    /// Writes a point of each metric.
    pub(crate) fn point(&mut self, point: MetricPoint<'_>) {
        for ((_, measure), points) in METRICS.iter().zip(&mut self.points) {
            points.push(data_point(point, measure(point.counts)));
        }
        if self.points[0].len() >= SERIES {
            self.cut();
        }
    }

    /// Ends the running request, if it has a point, and takes all of them, oldest first.
    pub(crate) fn finish(&mut self) -> impl Iterator<Item = MetricsRequest> {
        if !self.points[0].is_empty() {
            self.cut();
        }
        self.finished.drain(..)
    }

    fn cut(&mut self) {
        let points = self.points.each_mut().map(std::mem::take);
        let count = points.iter().map(Vec::len).sum::<usize>();
        let metrics = METRICS.iter().zip(points).map(|((metric, _), points)| self.metric(*metric, points));
        let scope_metrics = ScopeMetrics {
            scope: Some(InstrumentationScope {
                name: SCOPE_NAME.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                ..InstrumentationScope::default()
            }),
            metrics: metrics.collect(),
            schema_url: SCHEMA_URL.to_owned(),
        };
        let mut payload = Vec::new();
        let resource_metrics = wire::begin(&mut payload, RESOURCE_METRICS);
        wire::put_bytes(&mut payload, RESOURCE, &self.resource);
        wire::put_bytes(&mut payload, SCOPE_METRICS, &scope_metrics.encode_to_vec());
        wire::end(&mut payload, resource_metrics);
        self.finished.push(MetricsRequest { payload, points: u32::try_from(count).unwrap_or(u32::MAX) });
    }

    fn metric(&self, metric: semconv::Metric, data_points: Vec<NumberDataPoint>) -> Metric {
        let temporality = match self.temporality {
            Temporality::Cumulative => AggregationTemporality::Cumulative,
            Temporality::Delta => AggregationTemporality::Delta,
        };
        let data = match metric.instrument {
            Instrument::Counter | Instrument::UpDownCounter => metric::Data::Sum(Sum {
                data_points,
                aggregation_temporality: temporality.into(),
                is_monotonic: metric.instrument == Instrument::Counter,
            }),
        };
        Metric {
            name: metric.name.to_owned(),
            description: metric.brief.to_owned(),
            unit: metric.unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        }
    }
}

fn data_point(point: MetricPoint<'_>, value: u64) -> NumberDataPoint {
    let attributes = point.attributes.iter().map(|(attribute, value)| KeyValue {
        key: attribute.key.to_owned(),
        value: Some(AnyValue { value: Some(any_value(value)) }),
        ..KeyValue::default()
    });
    NumberDataPoint {
        attributes: attributes.collect(),
        start_time_unix_nano: point.start.0,
        time_unix_nano: point.time.0,
        // OTLP integers are signed; 2^63 bytes are 29 years at 10 Gbit/s.
        value: Some(number_data_point::Value::AsInt(i64::try_from(value).unwrap_or(i64::MAX))),
        ..NumberDataPoint::default()
    }
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
    use crate::otlp::{Observer, describe, encode_resource};

    fn point(attributes: &[(semconv::Attribute, SeriesValue)]) -> MetricPoint<'_> {
        let counts = Counts { packets: 3, bytes: 300 };
        MetricPoint { attributes, start: WallTime(5), time: WallTime(9), counts }
    }

    fn decode(request: &MetricsRequest) -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest::decode(&*request.payload).unwrap()
    }

    #[test]
    fn a_request_has_what_a_receiver_needs() {
        let observer = Observer { instance: "a".into(), host_name: "node-1".into(), host_id: None };
        let mut writer = MetricsWriter::new(&encode_resource(&describe(&observer)), Temporality::Delta);
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
        for _ in 0..=2 * SERIES {
            writer.point(point(&[]));
        }
        let points: Vec<u32> = writer.finish().map(|request| request.points).collect();
        assert_eq!(points, [2000, 2000, 2]);
    }
}
