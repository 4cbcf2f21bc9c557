//! What a log record of 35 attributes costs on its way to OTLP bytes: our writer beside `opentelemetry-proto`'s structs and the
//! SDK's logger, on the same records, in one run; and what compressing these bytes costs and saves.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

#[path = "sdk/attributes.rs"]
mod sdk;

use std::alloc::System;
use std::cell::Cell;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use exporter::clock::WallTime;
use exporter::export::{Compressor, Encoding};
use exporter::flow::{
    AttributeSink, Counts, Direction, Disorder, Ecn, EndReason, Endpoint, Evidence, FlowId, FlowRecord, Hook,
    Mac, Record, TcpFlags, Vlan,
};
use exporter::otlp::LogsWriter;
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogProcessor, SdkLogRecord, SdkLoggerProvider};
use prost::Message;
use rustix::time::{ClockId, clock_gettime};
use semconv::{Attribute, attribute, event};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RECORDS: u32 = 100_000;
const BATCH: usize = 1_000;
const ROUNDS: usize = 7;
/// What enrichment will add. The names are stand-ins; only their lengths matter.
const ENRICHMENT: [(Attribute, &str); 6] = [
    (attribute::SERVICE_NAME, "checkout"),
    (attribute::SERVICE_INSTANCE_ID, "checkout-7c9d4b6d7f-9kz2m"),
    (attribute::HOST_NAME, "worker-01.example.internal"),
    (attribute::HOST_ID, "275ecb36-5aa8-4c2a-9c47-d8bb681b9aff"),
    (attribute::OS_TYPE, "ovn-kubernetes"),
    (attribute::TELEMETRY_DISTRO_NAME, "payments-backend"),
];

fn main() {
    let hook = Hook::named(0, 3, Direction::Ingress, "eth0");
    let records: Vec<_> = (0..RECORDS).map(|number| record(number, &hook)).collect();
    let mut count = Count(0);
    all_attributes(&records[0], &mut count);
    println!("{} records of {} attributes, CPU time, median of {ROUNDS} rounds", records.len(), count.0);

    let mut writer = LogsWriter::new(&[], 1 << 20);
    let requests = Cell::new(0);
    let mut ours = || {
        for record in &records {
            writer.append(record.timestamp, record.observed, |sink| all_attributes(record, sink));
            for request in writer.take_finished() {
                black_box(request);
                requests.set(requests.get() + 1);
            }
        }
    };
    let sdk = SdkLoggerProvider::builder().with_log_processor(Encoder::default()).build();
    let logger = sdk.logger("otel-flow-exporter");
    let mut with_structs = || structs(&records);
    let mut with_sdk = || {
        for record in &records {
            let mut log = logger.create_log_record();
            log.set_event_name(event::NETWORK_FLOW.name);
            log.set_severity_number(Severity::Info);
            log.set_timestamp(system_time(record.timestamp));
            log.set_observed_timestamp(system_time(record.observed));
            all_attributes(record, &mut sdk::Attributes(&mut log));
            logger.emit(log);
        }
    };
    let mut routes: [(&str, &mut dyn FnMut()); 3] = [
        ("our writer", &mut ours),
        ("proto structs and prost", &mut with_structs),
        ("SDK logger", &mut with_sdk),
    ];

    let mut times = [const { Vec::new() }; 3];
    let mut allocations = [0; 3];
    for round in 0..ROUNDS {
        requests.set(0);
        for ((route, times), allocations) in routes.iter_mut().zip(&mut times).zip(&mut allocations) {
            let region = Region::new(ALLOCATOR);
            let begin = cpu_time();
            route.1();
            times.push(cpu_time().saturating_sub(begin));
            *allocations = region.change().allocations;
        }
        // Its buffers have their size after the first round.
        assert!(
            round == 0 || allocations[0] <= requests.get(),
            "{} allocations of our writer for {} requests",
            allocations[0],
            requests.get()
        );
    }
    let medians = times.map(median);
    for ((route, time), allocations) in routes.iter().zip(&medians).zip(&allocations) {
        println!(
            "{:<26} {:>6} ns per record  {:>6.1}x  {:>8.3} allocations per record",
            route.0,
            time.as_nanos() / u128::from(RECORDS),
            time.as_secs_f64() / medians[0].as_secs_f64(),
            f64::from(u32::try_from(*allocations).unwrap_or(u32::MAX)) / f64::from(RECORDS),
        );
    }
    compression(&records);
}

/// Prints what each encoding costs on top, and how many bytes it leaves.
fn compression(records: &[FlowRecord<'_>]) {
    let mut writer = LogsWriter::new(&[], 1 << 20);
    for record in records {
        writer.append(record.timestamp, record.observed, |sink| all_attributes(record, sink));
    }
    writer.finish();
    let requests: Vec<Vec<u8>> = writer.take_finished().map(|request| request.payload).collect();
    for encoding in [Encoding::None, Encoding::Gzip, Encoding::Zstd] {
        let mut compressor = Compressor::new(encoding).expect("memory for the compressor");
        let mut times = Vec::new();
        let mut bytes = 0;
        for _ in 0..ROUNDS {
            let copies = requests.clone();
            let begin = cpu_time();
            bytes = copies.into_iter().map(|request| compressor.compress(request).bytes.len()).sum();
            times.push(cpu_time().saturating_sub(begin));
        }
        println!(
            "{:<26} {:>6} ns per record  {:>6} bytes per record",
            format!("compression: {encoding:?}"),
            median(times).as_nanos() / u128::from(RECORDS),
            bytes / records.len(),
        );
    }
}

fn record(number: u32, hook: &Hook) -> FlowRecord<'_> {
    let [_, b, c, d] = number.to_be_bytes();
    let end = |port: u16, octet: u8| Endpoint {
        address: IpAddr::from([10, b, c, d]),
        port: Some(port),
        mac: Some(Mac([2, 0, 0, 0, octet, d])),
        counts: Counts { packets: u64::from(number), bytes: u64::from(number) * 700 },
        dscp: Some(0),
        ecn: Ecn(1),
        disorder: Disorder::default(),
    };
    FlowRecord {
        id: FlowId(u128::from(number) << 64 | 0x1234_5678),
        sequence: 17,
        start: WallTime(1_764_000_000_000_000_001),
        interval_start: WallTime(1_764_000_000_000_000_001),
        timestamp: WallTime(1_764_000_004_500_000_000),
        observed: WallTime(1_764_000_005_000_000_000),
        duration: 4_499_999_999,
        end_reason: EndReason::ActiveTimeout,
        evidence: Evidence::Syn,
        source: end(40_000, 1),
        destination: end(443, 2),
        protocol: 6,
        ip_version: 4,
        community_id: None,
        hook: Some(hook),
        hook_is_reverse: false,
        vlan: Vlan { outer: Some(100), inner: Some(200) },
        tcp_flags: Some(TcpFlags(0x1b)),
        connection: None,
        application: None,
        sample: std::num::NonZeroU32::MIN,
        icmp: None,
        path: &[],
        drops: &[],
        icmp_errors: &[],
    }
}

fn all_attributes(record: &FlowRecord<'_>, sink: &mut impl AttributeSink) {
    Record::Flow(record).attributes(sink);
    for (attribute, value) in ENRICHMENT {
        sink.text(attribute, value);
    }
}

/// CPU time of this thread, on which all routes run: the wall clock would measure what else the machine does.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("below a second"))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn system_time(time: WallTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(time.0)
}

struct Count(usize);

impl AttributeSink for Count {
    fn text(&mut self, _: Attribute, _: &str) {
        self.0 += 1;
    }

    fn int(&mut self, _: Attribute, _: i64) {
        self.0 += 1;
    }

    fn double(&mut self, _: Attribute, _: f64) {
        self.0 += 1;
    }

    fn texts<'a>(&mut self, _: Attribute, _: impl Iterator<Item = &'a str> + Clone) {
        self.0 += 1;
    }

    fn ints(&mut self, _: Attribute, _: impl Iterator<Item = i64> + Clone) {
        self.0 += 1;
    }

    fn doubles(&mut self, _: Attribute, _: impl Iterator<Item = f64> + Clone) {
        self.0 += 1;
    }
}

/// The structs that `protoc` makes, filled anew for each request and encoded by prost.
fn structs(records: &[FlowRecord<'_>]) {
    for batch in records.chunks(BATCH) {
        let log_records = batch
            .iter()
            .map(|record| {
                let mut attributes = ProtoAttributes(Vec::with_capacity(35));
                all_attributes(record, &mut attributes);
                LogRecord {
                    time_unix_nano: record.timestamp.0,
                    observed_time_unix_nano: record.observed.0,
                    severity_number: 9,
                    event_name: event::NETWORK_FLOW.name.to_owned(),
                    attributes: attributes.0,
                    ..LogRecord::default()
                }
            })
            .collect();
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
        black_box(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
    }
}

struct ProtoAttributes(Vec<KeyValue>);

impl ProtoAttributes {
    fn push(&mut self, attribute: Attribute, value: Value) {
        let value = Some(AnyValue { value: Some(value) });
        self.0.push(KeyValue { key: attribute.key.to_owned(), value, ..KeyValue::default() });
    }
}

impl AttributeSink for ProtoAttributes {
    fn text(&mut self, attribute: Attribute, value: &str) {
        self.push(attribute, Value::StringValue(value.to_owned()));
    }

    fn int(&mut self, attribute: Attribute, value: i64) {
        self.push(attribute, Value::IntValue(value));
    }

    fn double(&mut self, attribute: Attribute, value: f64) {
        self.push(attribute, Value::DoubleValue(value));
    }

    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone) {
        let values =
            values.map(|value| AnyValue { value: Some(Value::StringValue(value.to_owned())) }).collect();
        self.push(attribute, Value::ArrayValue(ArrayValue { values }));
    }

    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone) {
        let values = values.map(|value| AnyValue { value: Some(Value::IntValue(value)) }).collect();
        self.push(attribute, Value::ArrayValue(ArrayValue { values }));
    }

    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone) {
        let values = values.map(|value| AnyValue { value: Some(Value::DoubleValue(value)) }).collect();
        self.push(attribute, Value::ArrayValue(ArrayValue { values }));
    }
}

/// What the SDK's batch processor and its OTLP exporter do with a record, without the thread and the network between.
#[derive(Debug, Default)]
struct Encoder(Mutex<Vec<(SdkLogRecord, InstrumentationScope)>>);

impl LogProcessor for Encoder {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        let mut batch = self.0.lock().expect("one thread");
        batch.push((record.clone(), scope.clone()));
        if batch.len() == BATCH {
            let lent: Vec<_> = batch.iter().map(|(record, scope)| (record, scope)).collect();
            let resource_logs = group_logs_by_resource_and_scope(
                &LogBatch::new(&lent),
                &ResourceAttributesWithSchema::default(),
            );
            black_box(ExportLogsServiceRequest { resource_logs }.encode_to_vec());
            batch.clear();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
