//! `run`: the agent. Exports by OTLP where there is an endpoint, else prints, unless that is not wanted either.

use std::env;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::command::end::{self, Signals, say};
use crate::command::{Failure, RunOptions, observe};
use crate::export::{self, Compressor, Destination, Limits, Otlp, Queue, Signal, Transport};
use crate::kernel::InstanceLock;
use crate::ledger::Ledger;
use crate::otlp::{LogsWriter, Observer, describe};
use crate::outlet::Exporting;
use crate::print::Format;

const EXPORT_INTERVAL: Duration = Duration::from_secs(10);
const PRINT_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of a request. Receivers take 4 MiB by default.
const REQUEST: usize = 1 << 20;

/// Observes until a signal comes.
///
/// # Errors
/// [`Failure`], before anything is observed or when observing ends early.
pub async fn run(options: RunOptions) -> Result<(), Failure> {
    let destination = Destination::read(Signal::Logs, &|name| env::var(name).ok())
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    let instance =
        InstanceLock::acquire(&options.instance).map_err(|error| Failure::Unavailable(error.to_string()))?;
    match destination {
        Destination::Otlp(endpoint) => export(&options, instance, *endpoint).await,
        Destination::Console => print(&options, instance, "flows are printed; Ctrl-C ends").await,
        Destination::Unset => {
            let hint = "no OTLP endpoint is set (OTEL_EXPORTER_OTLP_ENDPOINT), so flows are printed here; Ctrl-C ends";
            print(&options, instance, hint).await
        }
        Destination::Nothing { variable } => idle(variable).await,
    }
}

/// Observes nothing, but stays: a supervisor would start a process that ended again.
async fn idle(variable: &str) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    say(format_args!("{variable} turns the export off, so nothing is observed"));
    signals.stop().await;
    Ok(())
}

async fn print(options: &RunOptions, instance: InstanceLock, hint: &str) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let settings = observe::settings(&options.common, instance, options.interval.unwrap_or(PRINT_INTERVAL))?;
    let ledger = Arc::new(Ledger::default());
    let printing = observe::printing(Format::Table, None, &ledger)?;
    let writer = printing.writer();
    let agent = observe::start(settings, &ledger, printing)?;
    observe::attached(&agent.summary);
    say(hint);
    observe::print(agent, ledger, writer, &mut signals, pending()).await
}

async fn export(
    options: &RunOptions,
    instance: InstanceLock,
    endpoint: export::Settings,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let settings = observe::settings(&options.common, instance, options.interval.unwrap_or(EXPORT_INTERVAL))?;
    let ledger = Arc::new(Ledger::default());
    let queue = Arc::new(Queue::new(usize::try_from(settings.plan.queue_bytes).unwrap_or(usize::MAX)));
    let resource = describe(&Observer::on_this_host(&options.instance));
    let compressor = Compressor::new(endpoint.compression)
        .map_err(|error| Failure::System(format!("cannot prepare compression: {error}")))?;
    let protocol = endpoint.protocol;
    let transport = Otlp::new(endpoint).map_err(|error| Failure::Configuration(error.to_string()))?;
    let outlet = Exporting {
        writer: LogsWriter::new(&resource, REQUEST),
        compressor,
        queue: Arc::clone(&queue),
        ledger: Arc::clone(&ledger),
    };
    let mut agent = observe::start(settings, &ledger, outlet)?;
    observe::attached(&agent.summary);
    tracing::info!(endpoint = transport.endpoint(), %protocol, "exporting flows as OTLP logs");
    let accounts = Accounts::new(&ledger);
    let rejected = accounts.rejected();
    let limits = Limits::default();
    let delivery = tokio::spawn({
        let queue = Arc::clone(&queue);
        let now = || Clock::now().monotonic();
        async move { export::run(&queue, transport, accounts, limits, now).await }
    });
    tokio::select! {
        () = signals.stop() => {}
        () = agent.ended() => {}
    }
    let deadline = end::deadline(limits.shutdown);
    let hooks = Arc::clone(&agent.hooks);
    let ending = async {
        let ending = end::stop(agent, deadline).await;
        queue.close();
        let delivered = delivery.await;
        let ended = end::conclude(ending, hooks, ledger, rejected.sentence()).await;
        delivered.map_err(|_| Failure::Software("the task that exports has panicked".to_owned()))?;
        ended
    };
    signals.orderly(ending).await
}
