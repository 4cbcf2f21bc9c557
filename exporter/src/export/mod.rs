//! Delivery: batches of encoded records wait in a bounded queue and go to an OTLP receiver, over gRPC or HTTP.
//!
//! The flow thread pushes a [`Batch`] into the [`Queue`]; the task [`run`] takes it out, sends it through a [`Transport`] until
//! the receiver has it, refuses it, or its time is over, and tells [`Settle`] what became of what the batch accounts for. No
//! batch leaves this stage without being either handed back by [`Queue::push`] or settled.

mod backoff;
mod batch;
#[cfg(any(test, feature = "check"))]
pub(crate) mod check;
mod classify;
mod client;
mod connect;
mod delivery;
mod exporter;
mod grpc;
mod halve;
mod http;
mod outage;
mod payload;
mod protobuf;
mod queue;
mod reply;
mod request_size;
mod response;
mod settings;
mod signal;
mod tls;
mod token;
mod transport;
mod watched;
mod words;

pub use self::batch::Batch;
pub use self::classify::Verdict;
pub use self::client::{ConnectError, Otlp};
pub use self::exporter::{Limits, Outcome, Settle, run};
pub use self::outage::{Outage, Outages};
pub use self::payload::{Compressor, Encoding, Payload};
pub use self::protobuf::ProtobufError;
pub use self::queue::{Fill, Queue};
pub use self::request_size::RequestSize;
pub use self::response::{PartialSuccess, decode_response};
pub use self::settings::{
    Destination, EndpointProblem, FileSetting, Form, Given, HeaderProblem, MetricsSettings, Protocol, Proxy,
    ProxyProblem, Route, Said, Setting, Settings, SettingsError, Source, Sources, UnixAddress,
};
pub use self::signal::Signal;
pub use self::tls::{Identity, TlsError, TlsFiles};
pub use self::token::TokenError;
pub use self::transport::{Failure, Transport};

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod route_tests;
#[cfg(test)]
mod settled;
