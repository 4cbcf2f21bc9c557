//! What the user types, and what the program answers with.

pub mod check;
mod config;
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
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::config::{ConfigError, ConfigFile};
pub use self::end::LAST_WORDS;
pub use self::exit::Failure;
pub use self::filtering::FilterOptions;
pub use self::flows::flows;
pub use self::options::{
    CheckOptions, Common, FlowsOptions, MetricOptions, OtlpOptions, ReplayOptions, RunOptions,
    TelemetryOptions,
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
    /// A file in YAML that says what these options and the variables of OpenTelemetry say; docs/configuration.md has all of it
    #[arg(long, value_name = "FILE", global = true, env = "OTEL_FLOW_EXPORTER_CONFIG")]
    pub config: Option<PathBuf>,
    /// What that file says.
    #[clap(skip)]
    pub file: ConfigFile,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// A configuration file that is at hand as text, for fuzzing.
#[cfg(any(test, feature = "check"))]
pub(crate) fn read_config(text: &str) -> Result<ConfigFile, ConfigError> {
    ConfigFile::parse("input".as_ref(), text, &run_command())
}

/// `run` as clap has it: the command that can be told most.
fn run_command() -> clap::Command {
    let mut command = Cli::command();
    command.find_subcommand_mut("run").map(std::mem::take).unwrap_or_default()
}

/// Why there is nothing that could be done.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The command line or the environment is wrong, or wants nothing but help or the version.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The configuration file is wrong.
    #[error(transparent)]
    File(#[from] ConfigError),
}

impl Cli {
    /// Reads the command line, the environment and the configuration file, each going before the next.
    ///
    /// # Errors
    /// What is wrong with them, or the answer to a request for help or the version.
    pub fn read() -> Result<Self, ReadError> {
        let line: Vec<OsString> = env::args_os().collect();
        let cli = Self::with(&ConfigFile::default(), &line)?;
        let Some(path) = cli.config else { return Ok(cli) };
        let file = ConfigFile::read(&path, &run_command())?;
        Ok(Self { file: file.clone(), ..Self::with(&file, &line)? })
    }

    fn with(file: &ConfigFile, line: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::command()
            .mut_args(without_empty_variable)
            .mut_subcommands(|command| file.defaults(command).mut_args(without_empty_variable));
        let matches = command.try_get_matches_from_mut(line)?;
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
    /// both to OTEL_EXPORTER_OTLP_ENDPOINT or --otlp-endpoint; how to deliver is taken from the other OTEL_EXPORTER_OTLP_ variables of
    /// OpenTelemetry's specification. A flag goes before a variable, that before --config's file.
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
