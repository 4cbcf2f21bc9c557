//! `run`: the agent. Exports by OTLP where there is an endpoint, else prints.

use std::env;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::command::end::{self, Signals, say};
use crate::command::{Failure, RunOptions, observe};
use crate::export::{self, Batch, GrpcTransport, Limits, Outcome, Queue, Settle};
use crate::kernel::InstanceLock;
use crate::ledger::{Ledger, LossReason};
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
    let endpoint = export::Settings::read(&|name| env::var(name).ok())
        .map_err(|error| Failure::Configuration(error.to_string()))?;
    let instance =
        InstanceLock::acquire(&options.instance).map_err(|error| Failure::Unavailable(error.to_string()))?;
    match endpoint {
        Some(endpoint) => export(&options, instance, &endpoint).await,
        None => print(&options, instance).await,
    }
}

async fn print(options: &RunOptions, instance: InstanceLock) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let settings = observe::settings(&options.common, instance, options.interval.unwrap_or(PRINT_INTERVAL))?;
    let ledger = Arc::new(Ledger::default());
    let printing = observe::printing(Format::Table, None, &ledger)?;
    let writer = printing.writer();
    let agent = observe::start(settings, &ledger, printing)?;
    observe::attached(&agent.summary);
    say("no OTLP endpoint is set (OTEL_EXPORTER_OTLP_ENDPOINT), so flows are printed here; Ctrl-C ends");
    observe::print(agent, ledger, writer, &mut signals, pending()).await
}

async fn export(
    options: &RunOptions,
    instance: InstanceLock,
    endpoint: &export::Settings,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let settings = observe::settings(&options.common, instance, options.interval.unwrap_or(EXPORT_INTERVAL))?;
    let ledger = Arc::new(Ledger::default());
    let queue = Arc::new(Queue::new(usize::try_from(settings.plan.queue_bytes).unwrap_or(usize::MAX)));
    let resource = describe(&Observer::on_this_host(&options.instance));
    let outlet = Exporting {
        writer: LogsWriter::new(&resource, REQUEST),
        queue: Arc::clone(&queue),
        ledger: Arc::clone(&ledger),
    };
    let transport =
        GrpcTransport::new(endpoint).map_err(|error| Failure::Configuration(error.to_string()))?;
    let mut agent = observe::start(settings, &ledger, outlet)?;
    observe::attached(&agent.summary);
    tracing::info!(endpoint = %endpoint.endpoint, "exporting flows as OTLP logs over gRPC");
    let limits = Limits::default();
    let delivery = tokio::spawn({
        let (queue, ledger) = (Arc::clone(&queue), Arc::clone(&ledger));
        let now = || Clock::now().monotonic();
        async move { export::run(&queue, transport, Accounts(ledger), limits, now).await }
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
        let ended = end::conclude(ending, hooks, ledger).await;
        delivered.map_err(|_| Failure::Software("the task that exports has panicked".to_owned()))?;
        ended
    };
    signals.orderly(ending).await
}

/// Enters in the ledger what became of each batch.
struct Accounts(Arc<Ledger>);

impl Settle for Accounts {
    fn settle(&mut self, outcome: Outcome, batch: Batch) {
        for (hook, counts) in batch.accounted {
            match outcome {
                // A receiver that rejects some records does not say which, so their packets cannot be told apart.
                Outcome::Delivered { .. } => self.0.delivered(hook, counts),
                Outcome::Refused => self.0.lost_after_queue(hook, LossReason::Rejected, counts),
                Outcome::Undelivered => self.0.lost_after_queue(hook, LossReason::Undelivered, counts),
            }
        }
    }
}
