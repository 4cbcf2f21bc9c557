//! What the user types, and what the program answers with.

pub mod check;
mod end;
mod exit;
mod flows;
mod observe;
mod options;
mod run;
mod value;

use clap::{Parser, Subcommand};

pub use self::end::LAST_WORDS;
pub use self::exit::Failure;
pub use self::flows::flows;
pub use self::options::{CheckOptions, Common, FlowsOptions, RunOptions};
pub use self::run::run;

/// OpenTelemetry-native network flow exporter.
#[derive(Debug, Parser)]
#[command(
    name = "otel-flow-exporter",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("EXPORTER_COMMIT"), ")"),
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Observe this host and export its flows by OTLP; without an endpoint, print them.
    ///
    /// The endpoint is taken from OTEL_EXPORTER_OTLP_LOGS_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT.
    Run(RunOptions),
    /// Print flows, with hooks of its own beside a running agent's.
    Flows(FlowsOptions),
    /// Say what this kernel, these privileges and this configuration allow.
    Check(CheckOptions),
}
