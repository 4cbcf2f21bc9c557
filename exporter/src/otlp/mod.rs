//! Records as OTLP, written straight to protobuf bytes. Pure: it knows neither where records come from nor where bytes go.

mod alike;
mod logs;
mod metrics;
mod resource;
#[cfg(test)]
mod tests;
mod wire;

pub use self::logs::{LogAttributes, LogsRequest, LogsWriter};
pub(crate) use self::metrics::{MetricsRequest, MetricsWriter};
pub use self::resource::{Observer, describe, encode_resource};
