//! The same flows as log records of the OpenTelemetry SDK: its logger, its batch processor, its transform to OTLP. The request is
//! sent by the agent's own client, so that the two ways differ in what makes the bytes.

use std::future::ready;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, anyhow};
use exporter::clock::WallTime;
use exporter::export::{Compressor, Otlp, Settings, Signal, Transport};
use exporter::flow::{
    Counts, Direction, Disorder, Ecn, EndReason, Endpoint, Evidence, FlowId, FlowRecord, Hook, Mac, Record,
    Vlan,
};
use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogBatch, LogExporter, SdkLoggerProvider,
};
use prost::Message;
use semconv::event;
use tokio::runtime::{Builder, Runtime};

use crate::attributes::Attributes;

/// As the agent's: each flow has a record in each interval, made after one of two readings.
const FLOWS: u32 = 100_000;
const READINGS: u32 = 12;
const READING: Duration = Duration::from_millis(2500);
/// Room for all records of a reading: the default, 2048, would lose most of them.
const QUEUE: usize = 1 << 17;

/// Emits the records, and ends when they are sent.
pub(crate) fn run(compression: &str) -> Result<()> {
    let exporter = Exporter::new(compression)?;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(1000)
        .with_scheduled_delay(Duration::from_millis(200))
        .build();
    let processor = BatchLogProcessor::builder(exporter).with_batch_config(config).build();
    let provider = SdkLoggerProvider::builder().with_log_processor(processor).build();
    let logger = provider.logger("otel-flow-exporter");
    let hook = Hook::named(0, 3, Direction::Ingress, "rc");
    let mut next = Instant::now() + Duration::from_secs(3);
    for reading in 0..READINGS {
        sleep(next.saturating_duration_since(Instant::now()));
        next += READING;
        for flow in (0..FLOWS).filter(|flow| flow % 2 == reading % 2) {
            let record = record(flow, reading, &hook);
            let mut log = logger.create_log_record();
            log.set_event_name(event::NETWORK_FLOW.name);
            log.set_severity_number(Severity::Info);
            log.set_timestamp(system_time(record.timestamp));
            log.set_observed_timestamp(system_time(record.observed));
            Record::Flow(&record).attributes(&mut Attributes(&mut log));
            logger.emit(log);
        }
    }
    provider
        .shutdown_with_timeout(Duration::from_mins(1))
        .map_err(|error| anyhow!("the last records: {error}"))
}

/// Encodes and sends.
#[derive(Debug)]
struct Exporter(Mutex<Sending>);

struct Sending {
    runtime: Runtime,
    transport: Otlp,
    compressor: Compressor,
}

impl std::fmt::Debug for Sending {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Sending")
    }
}

impl Exporter {
    fn new(compression: &str) -> Result<Self> {
        let variable = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://127.0.0.1:4317".to_owned()),
            "OTEL_EXPORTER_OTLP_COMPRESSION" => Some(compression.to_owned()),
            _ => None,
        };
        let settings = Settings::read(Signal::Logs, &variable)?.context("there is an endpoint")?;
        Ok(Self(Mutex::new(Sending {
            runtime: Builder::new_current_thread().enable_all().build()?,
            compressor: Compressor::new(settings.compression)?,
            transport: Otlp::new(settings, Arc::default())?,
        })))
    }

    fn send(&self, batch: &LogBatch<'_>) -> OTelSdkResult {
        let failure = |words: String| OTelSdkError::InternalFailure(words);
        let resource = ResourceAttributesWithSchema::default();
        let resource_logs = group_logs_by_resource_and_scope(batch, &resource);
        let request = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
        let mut sending = self.0.lock().map_err(|error| failure(error.to_string()))?;
        let Sending { runtime, transport, compressor } = &mut *sending;
        let payload = compressor.compress(request);
        let sent = runtime.block_on(transport.send(&payload));
        sent.map(drop).map_err(|refused| failure(refused.cause))
    }
}

impl LogExporter for Exporter {
    fn export(&self, batch: LogBatch<'_>) -> impl Future<Output = OTelSdkResult> + Send {
        ready(self.send(&batch))
    }
}

/// A record as the agent makes them of the bench's flows.
fn record(flow: u32, reading: u32, hook: &Hook) -> FlowRecord<'_> {
    let [_, b, c, d] = flow.to_be_bytes();
    let second = 1_000_000_000;
    let start = WallTime(1_764_000_000 * second + u64::from(flow) * 25_000);
    let end = |address: IpAddr, port: u32, octet: u8, packets: u64| Endpoint {
        address,
        port: u16::try_from(port).ok(),
        mac: Some(Mac([2, 0, 0, 0, 0, octet])),
        counts: Counts { packets, bytes: packets * 142 },
        dscp: Some(0),
        ecn: Ecn(1),
        disorder: Disorder::default(),
    };
    FlowRecord {
        id: FlowId(0x0123_4567_89ab_cdef << 64 | u128::from(flow.wrapping_mul(0x9e37_79b9))),
        sequence: reading / 2,
        start,
        interval_start: WallTime(start.0 + u64::from(reading / 2) * 5 * second),
        timestamp: WallTime(start.0 + u64::from(reading / 2 + 1) * 5 * second),
        observed: WallTime(1_764_000_003 * second + u64::from(reading) * 2_500_000_000),
        duration: u64::from(reading / 2 + 1) * 5 * second,
        end_reason: EndReason::ActiveTimeout,
        evidence: Evidence::FirstPacket,
        source: end(IpAddr::from([10, 77, 1, 1]), 40_000 + flow / 50_000, 1, 2),
        destination: end(IpAddr::from([10, b, c, d]), flow % 50_000 + 1, 2, 0),
        protocol: 17,
        ip_version: 4,
        community_id: None,
        hook: Some(hook),
        hook_is_reverse: false,
        vlan: Vlan::default(),
        tcp_flags: None,
        connection: None,
        application: None,
        sample: std::num::NonZeroU32::MIN,
        icmp: None,
        path: &[],
        drops: &[],
        icmp_errors: &[],
    }
}

fn system_time(time: WallTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(time.0)
}
