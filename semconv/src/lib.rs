//! Names of the telemetry that the exporter emits: attributes, their known values, events, metrics, resource and scope.
//!
//! Everything but the types is generated from the registry in `semconv/model`, which says what each name means.

#![no_std]
#![forbid(unsafe_code)]

mod definition;
mod generated;

pub use definition::{Attribute, Event, Instrument, Kind, Metric};
pub use generated::{SCHEMA_URL, SCOPE_NAME, attribute, event, metric, resource, value};
