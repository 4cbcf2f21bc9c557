//! What is delivered as one request.

use std::mem::{size_of, size_of_val};

use bytes::Bytes;

use crate::clock::MonotonicTime;
use crate::flow::{Counts, HookId};

/// The kind of telemetry in a batch; it decides the request's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// Log records: `opentelemetry.proto.collector.logs.v1`.
    Logs,
}

/// One encoded request and what is lost if it does not arrive. It refers to nothing outside, so that it can be kept anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What the payload is.
    pub signal: Signal,
    /// A whole export request in protobuf, for logs an `ExportLogsServiceRequest`; uncompressed.
    pub payload: Bytes,
    /// Records in the payload.
    pub records: u32,
    /// What the records account for at each hook.
    pub accounted: Vec<(HookId, Counts)>,
    /// When the batch was made; its age is counted from here.
    pub created: MonotonicTime,
}

impl Batch {
    /// Bytes of memory that the batch takes in a queue.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.payload.len() + size_of_val(self.accounted.as_slice())
    }
}
