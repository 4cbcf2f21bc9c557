//! What the user types, and what the program answers with.

pub mod check;
mod delivery;
mod end;
mod exit;
mod filtering;
mod flows;
mod observe;
mod options;
mod outgoing;
mod replay;
mod run;
mod telemetry;
mod value;

use std::env;
use std::ffi::OsStr;

use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::end::LAST_WORDS;
pub use self::exit::Failure;
pub use self::filtering::FilterOptions;
pub use self::flows::flows;
pub use self::options::{
    CheckOptions, Common, FlowsOptions, MetricOptions, ReplayOptions, RunOptions, TelemetryOptions,
};
pub use self::replay::replay;
pub use self::run::run;

/// OpenTelemetry-native network flow exporter.
#[derive(Debug, Parser)]
#[command(
    name = "otel-flow-exporter",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("EXPORTER_COMMIT"), ")"),
    max_term_width = 100,
    disable_help_subcommand = true,
    mut_subcommands(options::with_switches)
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the command line and the environment.
    ///
    /// # Errors
    /// What is wrong with them, or the answer to a request for help or the version.
    pub fn read() -> Result<Self, clap::Error> {
        let mut command = Self::command().mut_subcommands(|command| command.mut_args(without_empty_variable));
        let matches = command.try_get_matches_from_mut(env::args_os())?;
        Self::from_arg_matches_mut(&mut { matches }).map_err(|error| error.format(&mut command))
    }
}

/// An empty variable is the same as none (OpenTelemetry specification, "Environment Variable Specification"); to clap it is an
/// empty value.
fn without_empty_variable(argument: Arg) -> Arg {
    let empty = argument.get_env().and_then(env::var_os).is_some_and(|value| is_blank(&value));
    if empty { argument.env(None::<&'static str>) } else { argument }
}

fn is_blank(value: &OsStr) -> bool {
    value.as_encoded_bytes().trim_ascii().is_empty()
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Observe this host and export its flows by OTLP; without an endpoint, print them.
    ///
    /// Flows go as logs to OTEL_EXPORTER_OTLP_LOGS_ENDPOINT, metrics of them to OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, and
    /// both to OTEL_EXPORTER_OTLP_ENDPOINT; how to deliver is taken from the other OTEL_EXPORTER_OTLP_ variables of OpenTelemetry's specification.
    Run(RunOptions),
    /// Print flows, with hooks of its own beside a running agent's.
    Flows(FlowsOptions),
    /// Print the flows of a capture file.
    ///
    /// The programs that observe this host's interfaces parse each frame of the file; no interface is touched. Times are those of
    /// the file.
    Replay(ReplayOptions),
    /// Say what this kernel, these privileges and this configuration allow.
    Check(CheckOptions),
}
