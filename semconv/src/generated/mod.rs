//! The registry as constants.
//!
//! Generated from `semconv/model` by `cargo run -p flow-semconv --example generate`: do not edit.

pub mod attribute;
pub mod event;
pub mod metric;
pub mod resource;
pub mod value;

/// Schema URL of the scope: which version of the names a record uses.
pub const SCHEMA_URL: &str = "https://otel-flow-exporter.example/schemas/0.1.0";

/// Name of the instrumentation scope.
pub const SCOPE_NAME: &str = "otel-flow-exporter";
