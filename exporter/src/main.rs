//! The command line of otel-flow-exporter.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;

use clap::error::ErrorKind;
use exporter::command::{self, Cli, Command, Failure, ReadError};
use exporter::telemetry::RateLimited;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let done = match Cli::read() {
        Ok(cli) => log().and_then(|()| execute(cli)),
        Err(ReadError::CommandLine(error)) => return answer(&error),
        Err(ReadError::File(error)) => Err(Failure::Configuration(error.to_string())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = ExitCode::from(&failure);
            tell(failure);
            code
        }
    }
}

/// Sends log lines to stderr, as many as `RUST_LOG` wants.
fn log() -> Result<(), Failure> {
    let wanted = env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let wanted = if wanted.trim().is_empty() { "info" } else { &wanted };
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Failure::Configuration(format!(
            "RUST_LOG is {wanted:?}: {error}; write a level such as info or debug"
        ))
    })?;
    let is_terminal = io::stderr().is_terminal();
    let format = tracing_subscriber::fmt::format().with_target(false).with_ansi(is_terminal);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(is_terminal)
        .event_format(RateLimited::new(format))
        .init();
    Ok(())
}

fn execute(Cli { command, file, .. }: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::System(format!("cannot start the runtime: {error}")))?;
    let ended = match command {
        Command::Run(options) => runtime.block_on(command::run(options, file)),
        Command::Flows(options) => runtime.block_on(command::flows(options)),
        Command::Replay(options) => command::replay(&options),
        Command::Check(options) => command::check::this_host(&options, &file),
    };
    // What still hangs has had its time.
    runtime.shutdown_background();
    ended
}

/// Says why it failed. Nobody is left to tell if stderr is closed, or if nobody reads it.
fn tell(failure: Failure) {
    let (done, told) = sync_channel(1);
    thread::spawn(move || {
        let _ = writeln!(io::stderr(), "otel-flow-exporter: {failure}");
        let _ = done.send(());
    });
    let _ = told.recv_timeout(command::LAST_WORDS);
}

/// Help and version are answers; anything else is a usage error.
fn answer(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell if the stream is closed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(&Failure::Usage(String::new())),
    }
}
