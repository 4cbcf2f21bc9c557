//! `flows`: print what crosses this host's interfaces, with hooks and maps of its own.

use std::env;
use std::future::pending;
use std::io::{self, BufWriter};
use std::sync::Arc;

use tokio::time::sleep;

use crate::command::{Failure, FlowsOptions, OutputFormat, observe};
use crate::kernel::InstanceLock;
use crate::ledger::Ledger;
use crate::outlet::Printing;
use crate::print::{Columns, Format, Width, printer};

/// Prints until the duration is over or a signal comes. Data goes to stdout, everything else to stderr.
///
/// # Errors
/// [`Failure`], before anything is observed or when observing ends early.
pub async fn flows(options: FlowsOptions) -> Result<(), Failure> {
    let columns = options
        .columns
        .as_deref()
        .map(Columns::parse)
        .transpose()
        .map_err(|error| Failure::Usage(format!("--columns: {error}")))?;
    let format = match options.format {
        OutputFormat::Table => Format::Table,
        OutputFormat::Json => Format::Json,
        OutputFormat::Csv => Format::Csv,
    };
    let mut signals = observe::Signals::listen()?;
    let instance = InstanceLock::temporary().map_err(|error| Failure::System(error.to_string()))?;
    let settings = observe::settings(&options.common, instance, options.interval)?;
    let ledger = Arc::new(Ledger::default());
    let width = Width::of_stdout(env::var("COLUMNS").ok().as_deref());
    let printer = printer(format, columns, width, BufWriter::new(io::stdout()));
    let mut agent = observe::start(settings, &ledger, Printing::new(printer, &ledger))?;
    observe::attached(&agent.summary);
    tokio::select! {
        () = signals.stop() => {}
        () = agent.ended() => {}
        () = async { match options.duration {
            Some(duration) => sleep(duration).await,
            None => pending().await,
        } } => {}
    }
    let hooks = Arc::clone(&agent.hooks);
    let ended = observe::stop(agent).await;
    observe::print_ledger(&hooks, &ledger);
    ended
}
