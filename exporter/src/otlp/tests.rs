//! What an independent decoder makes of the bytes.

use std::sync::LazyLock;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message;
use semconv::{Attribute, Kind};

use super::logs::{LogsRequest, LogsWriter};
use crate::clock::MonotonicTime;
use crate::flow::{
    AttributeSink, Counts, Direction, FlowRecord, Hook, HookId, Hop, Mac, Record, RecordSink, samples,
};

/// Attributes as the decoder's types.
#[derive(Default)]
struct Expected(Vec<(Attribute, Value)>);

impl AttributeSink for Expected {
    fn text(&mut self, attribute: Attribute, value: &str) {
        self.0.push((attribute, Value::StringValue(value.to_owned())));
    }

    fn int(&mut self, attribute: Attribute, value: i64) {
        self.0.push((attribute, Value::IntValue(value)));
    }

    fn double(&mut self, attribute: Attribute, value: f64) {
        self.0.push((attribute, Value::DoubleValue(value)));
    }

    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone) {
        let values = values.map(|value| any_value(Value::StringValue(value.to_owned()))).collect();
        self.0.push((attribute, Value::ArrayValue(ArrayValue { values })));
    }

    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone) {
        let values = values.map(|value| any_value(Value::IntValue(value))).collect();
        self.0.push((attribute, Value::ArrayValue(ArrayValue { values })));
    }

    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone) {
        let values = values.map(|value| any_value(Value::DoubleValue(value))).collect();
        self.0.push((attribute, Value::ArrayValue(ArrayValue { values })));
    }
}

fn any_value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn expected(record: Record<'_>) -> Vec<(Attribute, Value)> {
    let mut expected = Expected::default();
    record.attributes(&mut expected);
    expected.0
}

fn decode(request: &LogsRequest) -> ScopeLogs {
    let decoded = ExportLogsServiceRequest::decode(&*request.payload).unwrap();
    let [resource_logs] = decoded.resource_logs.try_into().unwrap();
    let [scope_logs] = resource_logs.scope_logs.try_into().unwrap();
    assert_eq!(scope_logs.log_records.len(), request.records as usize);
    scope_logs
}

fn write<'a>(limit: usize, records: impl IntoIterator<Item = Record<'a>>) -> Vec<LogsRequest> {
    let mut writer = LogsWriter::new(&[], limit);
    for record in records {
        writer.record(record, &[(HookId(0), Counts { packets: 1, bytes: 60 })]);
    }
    writer.finish();
    writer.take_finished().collect()
}

fn assert_same(decoded: &LogRecord, record: Record<'_>) {
    let expected: Vec<KeyValue> = expected(record)
        .into_iter()
        .map(|(attribute, value)| KeyValue {
            key: attribute.key.to_owned(),
            value: Some(any_value(value)),
            ..KeyValue::default()
        })
        .collect();
    assert_eq!(decoded.attributes, expected);
    assert_eq!(decoded.event_name, "network.flow");
    assert_eq!(decoded.severity_number, 9);
    assert_eq!((decoded.body.as_ref(), decoded.severity_text.as_str()), (None, ""));
}

#[test]
fn a_flow_reads_as_it_was_written() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let [request] = write(1 << 20, [Record::Flow(&flow)]).try_into().unwrap();
    let scope_logs = decode(&request);
    assert_eq!(scope_logs.schema_url, semconv::SCHEMA_URL);
    let scope = scope_logs.scope.unwrap();
    assert_eq!(
        (scope.name.as_str(), scope.version.as_str()),
        ("otel-flow-exporter", env!("CARGO_PKG_VERSION"))
    );
    let [record] = scope_logs.log_records.try_into().unwrap();
    assert_eq!(record.time_unix_nano, flow.timestamp.0);
    assert_eq!(record.observed_time_unix_nano, flow.observed.0);
    assert_same(&record, Record::Flow(&flow));

    let text =
        |key: &str| match record.attributes.iter().find(|attribute| attribute.key == key).unwrap().value {
            Some(AnyValue { value: Some(Value::StringValue(ref text)) }) => text.clone(),
            ref other => panic!("{key} is no text: {other:?}"),
        };
    assert_eq!(text("source.address"), "10.0.0.1");
    assert_eq!(text("source.mac"), "02-00-00-00-00-01");
    assert_eq!(text("network.interface.direction"), "ingress");
    assert_eq!(text("network.flow.start_time"), "2025-11-24T16:00:00.000000001Z");
    assert_eq!(text("log.record.uid"), "0123456789abcdef0011223344556677-0");
}

#[test]
fn packets_without_endpoints_have_a_hook_and_a_reason() {
    let hook = samples::hook();
    let other = samples::other(&hook);
    let [request] = write(1 << 20, [Record::Other(&other)]).try_into().unwrap();
    let [record] = decode(&request).log_records.try_into().unwrap();
    assert_same(&record, Record::Other(&other));
    assert!(record.attributes.iter().all(|attribute| attribute.key != "source.address"));
}

#[test]
fn attributes_are_the_event_s_in_its_order_and_of_the_registry_s_type() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let order: Vec<_> =
        semconv::event::NETWORK_FLOW.attributes.iter().map(|attribute| attribute.key).collect();
    let mut last = 0;
    for (attribute, value) in expected(Record::Flow(&flow)) {
        let place = order.iter().position(|key| *key == attribute.key).unwrap();
        assert!(place >= last, "{} is out of order", attribute.key);
        last = place;
        let kind = match value {
            Value::StringValue(_) => Kind::String,
            Value::IntValue(_) => Kind::Int,
            Value::DoubleValue(_) => Kind::Double,
            _ => Kind::StringArray,
        };
        assert_eq!(kind, attribute.kind, "{}", attribute.key);
    }
}

#[test]
fn a_request_stays_below_its_limit_and_no_record_is_lost() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let requests = write(4_096, (0..100).map(|_| Record::Flow(&flow)));
    assert!(requests.len() > 10);
    assert!(requests.iter().all(|request| request.payload.len() <= 4_096));
    assert_eq!(requests.iter().map(|request| decode(request).log_records.len()).sum::<usize>(), 100);
    let accounted: Counts =
        requests.iter().flat_map(|request| request.accounted.by_hook().into_values()).sum();
    assert_eq!(accounted, Counts { packets: 100, bytes: 6_000 });
}

#[test]
fn a_record_beyond_the_limit_goes_alone() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let requests = write(10, (0..3).map(|_| Record::Flow(&flow)));
    assert_eq!(requests.iter().map(|request| request.records).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn a_request_takes_the_memory_of_its_bytes_also_after_a_larger_one() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let mut writer = LogsWriter::new(&[], 1 << 20);
    for records in [500, 1] {
        for _ in 0..records {
            writer.record(Record::Flow(&flow), &[]);
        }
        writer.finish();
        let [request] = writer.take_finished().collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(request.payload.capacity(), request.payload.len());
        assert_eq!(decode(&request).log_records.len(), records);
    }
}

#[test]
fn full_requests_take_little_more_memory_than_their_bytes() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let mut writer = LogsWriter::new(&[], 1 << 20);
    for limit in [1 << 20, 1 << 18, 1 << 20] {
        writer.set_limit(limit);
        for _ in 0..5_000 {
            writer.record(Record::Flow(&flow), &[]);
        }
        writer.finish();
        let requests: Vec<_> = writer.take_finished().collect();
        assert_eq!(requests.iter().map(|request| decode(request).log_records.len()).sum::<usize>(), 5_000);
        for LogsRequest { payload, .. } in requests {
            assert!(payload.len() <= limit && payload.capacity() <= payload.len() + limit / 16);
        }
    }
}

#[test]
fn a_request_stays_below_what_servers_take_whatever_the_limit() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let requests = write(usize::MAX, (0..6_000).map(|_| Record::Flow(&flow)));
    assert!(requests.len() > 1);
    assert!(requests.iter().all(|request| request.payload.len() <= 4 << 20));
}

#[test]
fn a_record_that_begins_a_request_is_accounted_for_in_it() {
    let hook = samples::hook();
    let flow = samples::tcp(&hook);
    let mut writer = LogsWriter::new(&[], 4_096);
    for number in 0..50_u64 {
        writer.record(Record::Flow(&flow), &[(HookId(0), Counts { packets: 1, bytes: number })]);
    }
    writer.finish();
    let mut first = 0;
    for request in writer.take_finished() {
        let numbers = first..first + u64::from(request.records);
        let of_each = (0..).zip(numbers.clone());
        let of_each = of_each.map(|(record, bytes)| (record, HookId(0), Counts { packets: 1, bytes }));
        assert_eq!(request.accounted, of_each.collect());
        first = numbers.end;
    }
    assert_eq!(first, 50);
}

#[test]
fn nothing_to_say_is_no_request() {
    assert!(write(1_000, []).is_empty());
}

#[test]
fn the_resource_is_the_observer() {
    let observer = super::Observer { instance: "a".into(), host_name: "node-1".into(), host_id: None };
    let resource =
        Resource::decode(&*super::encode_resource(&super::describe(&observer, &|_| None))).unwrap();
    let keys: Vec<_> = resource.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert!(keys.is_sorted());
    assert!(keys.contains(&"service.instance.id") && keys.contains(&"telemetry.distro.name"));
    assert!(!keys.iter().any(|key| key.starts_with("source.") || key.starts_with("destination.")));
}

proptest! {
    #[test]
    fn any_flow_reads_as_it_was_written(flow in samples::any_flow(), hook in samples::any_hook(), hooked: bool) {
        let flow = FlowRecord { hook: hooked.then_some(&hook), ..flow };
        let [request] = write(1 << 20, [Record::Flow(&flow)]).try_into().unwrap();
        let [record] = decode(&request).log_records.try_into().unwrap();
        assert_same(&record, Record::Flow(&flow));
    }

    #[test]
    fn flows_of_few_ways_read_as_they_were_written(
        paths in proptest::collection::vec(proptest::collection::vec(any_hop(), 1..4), 1..100),
        firsts in any::<bool>(),
    ) {
        let of = [
            ("a", Direction::Ingress),
            ("a", Direction::Egress),
            ("aa", Direction::Ingress),
            ("b", Direction::Ingress),
        ];
        let hooks = of.map(|(name, direction)| Hook::named(0, 9, direction, name));
        let paths: Vec<Vec<Hop<'_>>> = paths
            .into_iter()
            .map(|path| path.into_iter().map(|(hook, hop)| Hop { hook: &hooks[hook], ..hop }).collect())
            .collect();
        let flow = FlowRecord { sequence: (!firsts).into(), ..samples::tcp(&hooks[0]) };
        let flows: Vec<_> = paths.iter().map(|path| FlowRecord { path, ..flow.clone() }).collect();
        let [request] = write(1 << 20, flows.iter().map(Record::Flow)).try_into().unwrap();
        let records = decode(&request).log_records;
        assert_eq!(records.len(), flows.len());
        for (record, flow) in records.iter().zip(&flows) {
            assert_same(record, Record::Flow(flow));
        }
    }
}

/// Of few that are alike, and the number of its hook.
fn any_hop() -> impl Strategy<Value = (usize, Hop<'static>)> {
    static HOOK: LazyLock<Hook> = LazyLock::new(samples::hook);
    let mac = || prop_oneof![Just(Mac([0; 6])), Just(Mac([0, 0, 0, 0, 0, 0xab]))];
    let places = (0_usize..4, any::<bool>(), proptest::option::of((mac(), mac())));
    let counts = (any::<u64>(), 0_u64..300);
    (places, counts, any::<u64>(), any::<i64>(), proptest::option::weighted(0.9, any::<u64>())).prop_map(
        |((hook, is_reverse, macs), (packets, bytes), first, offset, lost)| {
            let counts = Counts { packets, bytes };
            (hook, Hop { hook: &HOOK, is_reverse, macs, first: MonotonicTime(first), offset, counts, lost })
        },
    )
}
