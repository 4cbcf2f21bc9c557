//! An OpenTelemetry-native network flow exporter.
//!
//! The modules follow the way of a packet; `docs/architecture.md` draws it.

mod accounts;
mod agent;
pub mod aggregate;
#[cfg(test)]
mod captured;
mod cause;
#[cfg(any(test, feature = "check"))]
pub mod check;
pub mod clock;
pub mod command;
pub mod connections;
pub mod export;
mod features;
pub mod flow;
pub mod kernel;
pub mod ledger;
pub mod otlp;
mod outlet;
pub mod payload;
mod pipeline;
pub mod print;
pub mod replay;
mod sync;
pub mod table;
pub mod telemetry;
