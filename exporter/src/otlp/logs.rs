//! `ExportLogsServiceRequest`s of flow records.
#![expect(clippy::inline_always, reason = "the attribute is a constant where it is given: see `wire`")]

use semconv::{Attribute, SCHEMA_URL, SCOPE_NAME, event};

use crate::clock::WallTime;
use crate::flow::{AttributeSink, Counts, HookId, Record, RecordCounts, RecordSink, Text};
use crate::otlp::alike::Alike;
use crate::otlp::wire;

// Fields of `ExportLogsServiceRequest`, `ResourceLogs`, `ScopeLogs` and `InstrumentationScope`.
const RESOURCE_LOGS: u8 = wire::delimited(1);
const RESOURCE: u8 = wire::delimited(1);
const SCOPE_LOGS: u8 = wire::delimited(2);
const SCOPE: u8 = wire::delimited(1);
const LOG_RECORDS: u8 = wire::delimited(2);
const SCHEMA_URL_OF_SCOPE: u8 = wire::delimited(3);
const NAME: u8 = wire::delimited(1);
const VERSION: u8 = wire::delimited(2);

// Fields of `LogRecord`.
const TIME_UNIX_NANO: u8 = wire::fixed64(1);
const SEVERITY_NUMBER: u8 = wire::varint(2);
const ATTRIBUTES: u8 = wire::delimited(6);
const OBSERVED_TIME_UNIX_NANO: u8 = wire::fixed64(11);
const EVENT_NAME: u8 = wire::delimited(12);

/// `SEVERITY_NUMBER_INFO`.
const INFO: u8 = 9;

/// The most bytes of a request: gRPC servers take messages up to 4 MiB unless they are told otherwise.
const LARGEST: usize = 4 << 20;
/// Room for the record with which a request is too large.
const ONE_RECORD: usize = 4 << 10;

/// A whole request, ready to be sent.
#[derive(Debug)]
pub struct LogsRequest {
    /// An encoded `ExportLogsServiceRequest`, with little spare capacity.
    pub payload: Vec<u8>,
    /// Log records in it.
    pub records: u32,
    /// Packets that the records carry.
    pub accounted: RecordCounts,
}

/// Writes records into requests of a bounded size. Nothing is allocated per record.
#[derive(Debug)]
pub struct LogsWriter {
    /// The running request. It begins with what does not change from one to the next: resource and scope.
    buffer: Vec<u8>,
    /// Where the first record begins.
    first_record: usize,
    resource_logs: usize,
    scope_logs: usize,
    alike: Alike,
    limit: usize,
    /// Bytes that a buffer is made for.
    room: usize,
    records: u32,
    accounted: RecordCounts,
    finished: Vec<LogsRequest>,
}

impl LogsWriter {
    /// A writer for the observer whose encoded `Resource` is given (as of [`encode_resource`](crate::otlp::encode_resource)). A request has at
    /// most `limit` bytes, and never more than the 4 MiB that gRPC servers take, unless a single record is larger.
    #[must_use]
    pub fn new(resource: &[u8], limit: usize) -> Self {
        let limit = limit.min(LARGEST);
        let room = limit + ONE_RECORD;
        let mut buffer = Vec::with_capacity(room);
        let resource_logs = wire::begin(&mut buffer, RESOURCE_LOGS);
        wire::put_bytes(&mut buffer, RESOURCE, resource);
        let scope_logs = wire::begin(&mut buffer, SCOPE_LOGS);
        let scope = wire::begin(&mut buffer, SCOPE);
        wire::put_bytes(&mut buffer, NAME, SCOPE_NAME.as_bytes());
        wire::put_bytes(&mut buffer, VERSION, env!("CARGO_PKG_VERSION").as_bytes());
        wire::end(&mut buffer, scope);
        wire::put_bytes(&mut buffer, SCHEMA_URL_OF_SCOPE, SCHEMA_URL.as_bytes());
        Self {
            first_record: buffer.len(),
            buffer,
            resource_logs,
            scope_logs,
            alike: Alike::default(),
            limit,
            room,
            records: 0,
            accounted: RecordCounts::default(),
            finished: Vec::new(),
        }
    }

    /// From now on a request has at most `limit` bytes, under the conditions of [`new`](Self::new).
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(LARGEST);
    }

    /// Takes the requests that are full, oldest first.
    pub fn take_finished(&mut self) -> impl Iterator<Item = LogsRequest> {
        self.finished.drain(..)
    }

    /// Ends the running request, if it has a record.
    pub fn finish(&mut self) {
        self.cut(self.buffer.len());
    }

    /// Ends the running request before the byte at `end`; what is behind begins the next one.
    fn cut(&mut self, end: usize) {
        if self.records == 0 {
            return;
        }
        let mut payload = if self.buffer.capacity() - end <= self.room / 32 {
            self.replace_buffer(end)
        } else {
            // A copy of just its size: a request may wait in a queue that counts its bytes, and the running buffer's room, which is
            // that of the largest request, must not wait with it.
            let payload = self.buffer[..end].to_vec();
            self.buffer.drain(self.first_record..end);
            self.buffer.shrink_to(self.room);
            payload
        };
        wire::end(&mut payload, self.scope_logs);
        wire::end(&mut payload, self.resource_logs);
        self.finished.push(LogsRequest {
            payload,
            records: std::mem::take(&mut self.records),
            accounted: self.accounted.take(),
        });
    }

    /// Gives the running buffer up to the byte at `end`, and begins another one with what is behind.
    fn replace_buffer(&mut self, end: usize) -> Vec<u8> {
        let mut next = Vec::with_capacity(self.room);
        next.extend_from_slice(&self.buffer[..self.first_record]);
        next.extend_from_slice(&self.buffer[end..]);
        let mut payload = std::mem::replace(&mut self.buffer, next);
        payload.truncate(end);
        payload
    }

    /// Writes one record: when it happened, when it was read, and what `attributes` gives.
    pub fn append(
        &mut self,
        time: WallTime,
        observed: WallTime,
        attributes: impl FnOnce(&mut LogAttributes<'_>),
    ) {
        let out = &mut self.buffer;
        let before = out.len();
        let start = wire::begin(out, LOG_RECORDS);
        wire::put_fixed64(out, TIME_UNIX_NANO, time.0);
        wire::put_fixed64(out, OBSERVED_TIME_UNIX_NANO, observed.0);
        out.extend_from_slice(&[SEVERITY_NUMBER, INFO]);
        wire::put_bytes(out, EVENT_NAME, event::NETWORK_FLOW.name.as_bytes());
        attributes(&mut LogAttributes { out, alike: &mut self.alike });
        wire::end(out, start);
        if out.len() > self.limit {
            self.cut(before);
        }
        self.records += 1;
    }
}

impl RecordSink for LogsWriter {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        let (time, observed) = times(&record);
        self.append(time, observed, |attributes| record.attributes(attributes));
        // The one that has just been written.
        let number = self.records.saturating_sub(1);
        for &(hook, counts) in accounted {
            self.accounted.add(number, hook, counts);
        }
    }
}

/// When the flow was last seen, and when that was read.
fn times(record: &Record<'_>) -> (WallTime, WallTime) {
    match record {
        Record::Flow(flow) => (flow.timestamp, flow.observed),
        Record::Other(other) => (other.observed, other.observed),
    }
}

/// The attributes of the record that is being written.
#[derive(Debug)]
pub struct LogAttributes<'a> {
    out: &'a mut Vec<u8>,
    alike: &'a mut Alike,
}

impl AttributeSink for LogAttributes<'_> {
    #[inline(always)]
    fn text(&mut self, attribute: Attribute, value: &str) {
        wire::put_text(self.out, ATTRIBUTES, attribute.key, value.as_bytes());
    }

    #[inline(always)]
    fn ascii<const N: usize>(&mut self, attribute: Attribute, value: &Text<N>) {
        wire::put_text(self.out, ATTRIBUTES, attribute.key, value.as_bytes());
    }

    #[inline(always)]
    fn int(&mut self, attribute: Attribute, value: i64) {
        wire::put_int(self.out, ATTRIBUTES, attribute.key, value);
    }

    #[inline(always)]
    fn double(&mut self, attribute: Attribute, value: f64) {
        wire::put_double(self.out, ATTRIBUTES, attribute.key, value);
    }

    #[inline(always)]
    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone) {
        wire::put_texts(self.out, ATTRIBUTES, attribute.key, values);
    }

    #[inline(always)]
    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone) {
        wire::put_ints(self.out, ATTRIBUTES, attribute.key, values);
    }

    #[inline(always)]
    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone) {
        wire::put_doubles(self.out, ATTRIBUTES, attribute.key, values);
    }

    fn alike(&mut self, key: impl FnOnce(&mut Vec<u8>), give: impl FnOnce(&mut Self)) {
        if let Some(bytes) = self.alike.find(key) {
            return self.out.extend_from_slice(bytes);
        }
        let begin = self.out.len();
        give(self);
        self.alike.keep(&self.out[begin..]);
    }
}
