//! What a receiver and a Prometheus get.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue as ProtoKeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, number_data_point};
use opentelemetry_sdk::Resource;
use prometheus::TextEncoder;
use prost::Message;
use semconv::{Instrument, SCHEMA_URL, SCOPE_NAME, metric};

use super::*;
use crate::export::{Compressor, Encoding, Failure, MetricsSettings, PartialSuccess, Transport, Verdict};
use crate::flow::{Counts, HistogramKind, HookId, Temporality};
use crate::ledger::LossReason;
use crate::telemetry::{Metrics, Push, Timed};

/// Every metric that the agent tells of itself.
const OWN: [semconv::Metric; 33] = [
    metric::FLOW_EXPORTER_PACKET_SEEN,
    metric::FLOW_EXPORTER_PACKET_NOT_IP,
    metric::FLOW_EXPORTER_PACKET_FILTERED,
    metric::FLOW_EXPORTER_PACKET_SAMPLED_OUT,
    metric::FLOW_EXPORTER_PACKET_PATH,
    metric::FLOW_EXPORTER_PACKET_TABLE,
    metric::FLOW_EXPORTER_PACKET_QUEUED,
    metric::FLOW_EXPORTER_PACKET_DELIVERED,
    metric::FLOW_EXPORTER_PACKET_LOST,
    metric::FLOW_EXPORTER_HOOK_ATTACHED,
    metric::FLOW_EXPORTER_HOOK_FAILED,
    metric::FLOW_EXPORTER_INTERFACE_OVERRUN,
    metric::FLOW_EXPORTER_KERNEL_READING,
    metric::FLOW_EXPORTER_KERNEL_MAP_USAGE,
    metric::FLOW_EXPORTER_KERNEL_MAP_LIMIT,
    metric::FLOW_EXPORTER_PAYLOAD_COUNT,
    metric::FLOW_EXPORTER_DROP_COUNT,
    metric::FLOW_EXPORTER_FLOW_COUNT,
    metric::FLOW_EXPORTER_FLOW_LIMIT,
    metric::FLOW_EXPORTER_STAGE_TIME,
    metric::FLOW_EXPORTER_MEMORY_USAGE,
    metric::FLOW_EXPORTER_MEMORY_LIMIT,
    metric::FLOW_EXPORTER_FEATURE_AVAILABLE,
    metric::FLOW_EXPORTER_QUEUE_USAGE,
    metric::FLOW_EXPORTER_QUEUE_LIMIT,
    metric::FLOW_EXPORTER_LOG_SUPPRESSED,
    metric::OTEL_SDK_PROCESSOR_LOG_QUEUE_SIZE,
    metric::OTEL_SDK_PROCESSOR_LOG_PROCESSED,
    metric::OTEL_SDK_EXPORTER_LOG_INFLIGHT,
    metric::OTEL_SDK_EXPORTER_LOG_EXPORTED,
    metric::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_INFLIGHT,
    metric::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED,
    metric::OTEL_SDK_EXPORTER_OPERATION_DURATION,
];

/// An agent in which each number is another.
fn agent() -> Arc<Sources> {
    const HOOK: HookId = HookId(3);
    let of = |packets| Counts { packets, bytes: 100 * packets };
    let ledger = Arc::new(Ledger::default());
    ledger.observed(HOOK, of(1000));
    ledger.lost_in_kernel(None, LossReason::Overflow, of(11));
    ledger.not_ip(Some(HOOK), of(22));
    ledger.filtered(Some(HOOK), of(7));
    ledger.sampled_out(Some(HOOK), of(9));
    ledger.on_path(HOOK, of(33));
    ledger.queued(HOOK, of(500));
    ledger.delivered(HOOK, of(44));
    ledger.lost_after_queue(HOOK, LossReason::Rejected, of(55));
    let (logs, metrics) =
        (component(Signal::Logs, Subject::Flows), component(Signal::Metrics, Subject::Flows));
    settle(&logs, Outcome::Delivered { rejected_records: 3 }, 10);
    settle(&metrics, Outcome::Undelivered, 8);
    sources(&ledger, 6, vec![logs, metrics])
}

type Series = BTreeMap<String, String>;

/// One collection for a receiver: the values of each metric's series.
async fn collect(
    temporality: Temporality,
) -> (ExportMetricsServiceRequest, HashMap<String, Vec<(Series, u64)>>) {
    let queue = Arc::new(Queue::new(1 << 20));
    let settings = MetricsSettings {
        interval: Duration::from_hours(1),
        temporality,
        asynchronous: temporality,
        histogram: HistogramKind::Explicit,
    };
    let push = Push::new(&queue, Compressor::new(Encoding::None).unwrap(), settings);
    let resource = Resource::builder_empty().with_service_name("named").build();
    let agent = agent();
    let metrics = Metrics::start(resource, &agent, Some(push)).unwrap();
    send(&agent, [Ok(()), Err(Verdict::Reject), Err(Verdict::Retry { after: None })]).await;
    metrics.finish();
    queue.close();
    let batch = queue.pop().await.unwrap();
    assert_eq!(queue.pop().await, None, "one request");
    let request = ExportMetricsServiceRequest::decode(batch.payload.bytes).unwrap();
    let mut values: HashMap<String, Vec<(Series, u64)>> = HashMap::new();
    for metric in &request.resource_metrics[0].scope_metrics[0].metrics {
        let of = values.entry(metric.name.clone()).or_default();
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                of.extend(sum.data_points.iter().map(|point| (series(&point.attributes), value(point))));
            }
            Data::Histogram(histogram) => {
                of.extend(histogram.data_points.iter().map(|point| (series(&point.attributes), point.count)));
            }
            other => panic!("{other:?}"),
        }
    }
    let points: usize = values.values().map(Vec::len).sum();
    assert_eq!(batch.records as usize, points);
    (request, values)
}

fn series(attributes: &[ProtoKeyValue]) -> Series {
    let text = |attribute: &ProtoKeyValue| match attribute.value.clone().unwrap().value.unwrap() {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

/// A number, or whole seconds.
fn value(point: &NumberDataPoint) -> u64 {
    match point.value.unwrap() {
        number_data_point::Value::AsInt(value) => u64::try_from(value).unwrap(),
        number_data_point::Value::AsDouble(value) => Duration::from_secs_f64(value).as_secs(),
    }
}

/// Ends every attempt at once, as it was told.
struct Scripted(Result<(), Verdict>);

impl Transport for Scripted {
    fn endpoint(&self) -> &'static str {
        "nowhere"
    }

    async fn send(&mut self, _: &Payload) -> Result<PartialSuccess, Failure> {
        let failure = |verdict| Failure { verdict, cause: String::new(), remedy: "" };
        self.0.map(|()| PartialSuccess::default()).map_err(failure)
    }
}

/// The first exporter sends requests, which end so.
async fn send(agent: &Sources, outcomes: [Result<(), Verdict>; 3]) {
    for outcome in outcomes {
        let durations = &agent.components[0].durations;
        let sent = Timed::new(Scripted(outcome), durations).send(&Payload::plain(Vec::new())).await;
        assert_eq!(sent.map(drop).map_err(|failure| failure.verdict), outcome);
    }
}

#[tokio::test]
async fn a_receiver_gets_every_metric_as_the_registry_has_it() {
    let (request, values) = collect(Temporality::Cumulative).await;
    let resource_metrics = &request.resource_metrics[0];
    assert!(format!("{:?}", resource_metrics.resource).contains("named"));
    let scope_metrics = &resource_metrics.scope_metrics[0];
    assert_eq!(scope_metrics.scope.as_ref().unwrap().name, SCOPE_NAME);
    assert_eq!(scope_metrics.schema_url, SCHEMA_URL);
    for own in OWN {
        let metric = scope_metrics.metrics.iter().find(|metric| metric.name == own.name);
        let metric = metric.unwrap_or_else(|| panic!("no {}", own.name));
        assert_eq!((metric.unit.as_str(), metric.description.as_str()), (own.unit, own.brief));
        let kind = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) if sum.is_monotonic => Instrument::Counter,
            Data::Sum(_) => Instrument::UpDownCounter,
            Data::Histogram(_) => Instrument::Histogram,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind, own.instrument, "{}", own.name);
        for (series, _) in &values[own.name] {
            for key in series.keys() {
                assert!(own.attributes.iter().any(|known| known.key == key), "{key} of {}", own.name);
            }
        }
    }
    assert_eq!(scope_metrics.metrics.len(), OWN.len());
}

#[tokio::test]
async fn what_is_collected_is_what_the_stages_keep() {
    let (_, values) = collect(Temporality::Cumulative).await;
    let plain = |metric: semconv::Metric| match &values[metric.name][..] {
        [(series, value)] if series.is_empty() => *value,
        other => panic!("{} has {other:?}", metric.name),
    };
    let one = |metric: semconv::Metric, key: &str, wanted: Option<&str>| {
        let of = |series: &&(Series, u64)| series.0.get(key).map(String::as_str) == wanted;
        let found: Vec<_> = values[metric.name].iter().filter(of).collect();
        let [(_, value)] = found[..] else { panic!("{} has {found:?}", metric.name) };
        *value
    };
    let seen = plain(metric::FLOW_EXPORTER_PACKET_SEEN);
    let places = [
        plain(metric::FLOW_EXPORTER_PACKET_NOT_IP),
        plain(metric::FLOW_EXPORTER_PACKET_FILTERED),
        plain(metric::FLOW_EXPORTER_PACKET_SAMPLED_OUT),
        plain(metric::FLOW_EXPORTER_PACKET_PATH),
        plain(metric::FLOW_EXPORTER_PACKET_TABLE),
        plain(metric::FLOW_EXPORTER_PACKET_QUEUED),
        plain(metric::FLOW_EXPORTER_PACKET_DELIVERED),
    ];
    let lost: u64 = values[metric::FLOW_EXPORTER_PACKET_LOST.name].iter().map(|(_, value)| value).sum();
    assert_eq!(places, [22, 7, 9, 33, 467, 401, 44]);
    assert_eq!((seen, places.iter().sum::<u64>() + lost), (1049, 1049));
    assert_eq!(one(metric::FLOW_EXPORTER_PACKET_LOST, "error.type", Some("overflow")), 11);
    assert_eq!(one(metric::FLOW_EXPORTER_PACKET_LOST, "error.type", Some("rejected")), 55);

    assert_eq!(plain(metric::FLOW_EXPORTER_HOOK_ATTACHED), 6);
    assert_eq!(one(metric::FLOW_EXPORTER_HOOK_FAILED, "error.type", Some("memory")), 3);
    assert_eq!(plain(metric::FLOW_EXPORTER_INTERFACE_OVERRUN), 7);
    let map = |metric, name| one(metric, "flow_exporter.kernel.map.name", Some(name));
    assert_eq!(map(metric::FLOW_EXPORTER_KERNEL_MAP_LIMIT, "observations"), 100);
    assert_eq!(map(metric::FLOW_EXPORTER_KERNEL_MAP_LIMIT, "losses"), 200);
    assert_eq!(plain(metric::FLOW_EXPORTER_FLOW_LIMIT), 300);
    assert_eq!(plain(metric::FLOW_EXPORTER_MEMORY_LIMIT), 400);
    // Other tests of the process may have maps.
    let memory = |kind| one(metric::FLOW_EXPORTER_MEMORY_USAGE, "flow_exporter.memory.kind", Some(kind));
    assert!(memory("anonymous") > 1 << 16, "the test has memory");
    let features: BTreeMap<_, _> = values[metric::FLOW_EXPORTER_FEATURE_AVAILABLE.name]
        .iter()
        .map(|(series, value)| (series["flow_exporter.feature.name"].as_str(), *value))
        .collect();
    assert_eq!(features, BTreeMap::from([("drops", 1), ("namespaces", 0), ("tcx", 0)]), "the known ones");
    let logs = |kind| one(metric::OTEL_SDK_EXPORTER_LOG_EXPORTED, "error.type", kind);
    assert_eq!([logs(None), logs(Some("rejected")), logs(Some("undelivered"))], [7, 3, 0]);
    let points = |kind| one(metric::OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED, "error.type", kind);
    assert_eq!([points(None), points(Some("undelivered")), points(Some("queue_full"))], [0, 8, 0]);
    let requests = |kind| one(metric::OTEL_SDK_EXPORTER_OPERATION_DURATION, "error.type", kind);
    assert_eq!([requests(None), requests(Some("rejected")), requests(Some("undelivered"))], [1, 1, 1]);
}

/// A sum that shrinks has no delta.
#[tokio::test]
async fn with_delta_temporality_only_counters_are_deltas() {
    let (request, _) = collect(Temporality::Delta).await;
    for metric in &request.resource_metrics[0].scope_metrics[0].metrics {
        let Some(Data::Sum(sum)) = &metric.data else { continue };
        let expected = if sum.is_monotonic { 1 } else { 2 };
        assert_eq!(sum.aggregation_temporality, expected, "{}", metric.name);
    }
}

#[test]
fn a_prometheus_gets_the_same_numbers() {
    let agent = agent();
    let metrics = Metrics::start(Resource::builder_empty().build(), &agent, None).unwrap();
    agent.components[0].durations.record(Duration::from_millis(3), None);
    let text = TextEncoder::new().encode_to_string(&metrics.registry().gather()).unwrap();
    for line in [
        "# TYPE flow_exporter_packet_seen_total counter",
        "flow_exporter_packet_seen_total 1049",
        "flow_exporter_packet_lost_total{error_type=\"rejected\"} 55",
        "# TYPE flow_exporter_flow_limit gauge",
        "flow_exporter_flow_limit 300",
        "flow_exporter_stage_time_seconds_total{flow_exporter_stage_name=\"table\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in {text}");
    }
    let families = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(families, OWN.len(), "{text}");
}
