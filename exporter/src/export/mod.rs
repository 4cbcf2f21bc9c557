//! Delivery: batches of encoded records wait in a bounded queue and go to an OTLP receiver over gRPC.
//!
//! The flow thread pushes a [`Batch`] into the [`Queue`]; the task [`run`] takes it out, sends it through a [`Transport`] until
//! the receiver has it, refuses it, or its time is over, and tells [`Settle`] what became of what the batch accounts for. No
//! batch leaves this stage without being either handed back by [`Queue::push`] or settled.

mod backoff;
mod batch;
mod classify;
mod delivery;
mod exporter;
mod grpc;
mod headers;
mod outage;
mod queue;
mod response;
mod settings;
mod transport;

pub use self::batch::{Batch, Signal};
pub use self::classify::{Verdict, classify};
pub use self::exporter::{Limits, Outcome, Settle, run};
pub use self::grpc::{GrpcError, GrpcTransport};
pub use self::headers::HeaderProblem;
pub use self::queue::{Fill, Queue};
pub use self::response::{PartialSuccess, ResponseError, decode_response};
pub use self::settings::{Settings, SettingsError};
pub use self::transport::{Failure, Transport};

#[cfg(test)]
mod delivery_tests;
