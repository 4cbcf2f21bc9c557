//! `run`: the agent. Exports by OTLP where there is an endpoint, else prints, unless that is not wanted either.

mod metrics;

use std::env;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;

use self::metrics::{Metrics, Shared};
use crate::accounts::Accounts;
use crate::command::delivery::Delivery;
use crate::command::end::{self, Signals, say};
use crate::command::observe::Exports;
use crate::command::outgoing::Outgoing;
use crate::command::telemetry::Telemetry;
use crate::command::{ConfigFile, Failure, RunOptions, observe};
use crate::connections::OwnConnections;
use crate::export::{
    Compressor, Destination, Outages, Queue, Settings, SettingsError, Signal, Source, Sources,
};
use crate::kernel::InstanceLock;
use crate::ledger::Ledger;
use crate::otlp::{LogsWriter, Observer, describe, encode_resource};
use crate::outlet::{Exporting, Outlets};
use crate::pipeline::Outlet;
use crate::print::Format;
use crate::telemetry::Subject;

const EXPORT_INTERVAL: Duration = Duration::from_secs(10);
const PRINT_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of a request. Receivers take 4 MiB by default.
const REQUEST: usize = 1 << 20;

/// Observes until a signal comes.
///
/// # Errors
/// [`Failure`], before anything is observed or when observing ends early.
pub async fn run(options: RunOptions, file: ConfigFile) -> Result<(), Failure> {
    let variable = |name: &str| env::var(name).ok();
    let sources = Sources { flags: &options.otlp.given, environment: &variable, file: file.given() };
    let wrong = |error: SettingsError| Failure::Configuration(error.to_string());
    if let Some(path) = file.path() {
        tracing::info!(file = %path.display(), "configured by a file, as far as flags and variables do not say otherwise");
    }
    let logs = Destination::read(Signal::Logs, &sources).map_err(wrong)?;
    let metrics = Metrics::read(&sources).map_err(wrong)?;
    let resource = describe(&Observer::on_this_host(&options.instance), &|name| sources.value(name));
    let instance =
        InstanceLock::acquire(&options.instance).map_err(|error| Failure::Unavailable(error.to_string()))?;
    let receiver = metrics.as_ref().and_then(Metrics::receiver);
    let telemetry = Telemetry::prepare(&options.telemetry, receiver).await?;
    match (logs, metrics) {
        (Destination::Otlp(logs), metrics) => {
            export(&options, instance, resource, Some(*logs), metrics, telemetry).await
        }
        (Destination::Console, metrics) => {
            print(&options, instance, resource, "flows are printed; Ctrl-C ends", metrics, telemetry).await
        }
        // Where metrics are printed nothing is exported either.
        (Destination::Unset, metrics) if metrics.as_ref().is_none_or(Metrics::are_printed) => {
            let hint = "no OTLP endpoint is set (OTEL_EXPORTER_OTLP_ENDPOINT), so flows are printed here; Ctrl-C ends";
            print(&options, instance, resource, hint, metrics, telemetry).await
        }
        (Destination::Nothing { variable }, None) => idle(&variable, telemetry).await,
        (Destination::Unset | Destination::Nothing { .. }, metrics) => {
            export(&options, instance, resource, None, metrics, telemetry).await
        }
    }
}

/// Observes nothing, but stays: a supervisor would start a process that ended again.
async fn idle(variable: &str, telemetry: Telemetry) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let _answering = telemetry.idle();
    say(format_args!("{variable} turns the export off, so nothing is observed"));
    signals.stop().await;
    Ok(())
}

async fn print(
    options: &RunOptions,
    instance: InstanceLock,
    resource: Resource,
    hint: &str,
    metrics: Option<Metrics>,
    telemetry: Telemetry,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let own = Arc::<OwnConnections>::default();
    let outages = Outages::default();
    let interval = options.interval.unwrap_or(PRINT_INTERVAL);
    let settings =
        observe::settings(&options.common, instance, interval, exports(options, &own, metrics.as_ref()))?;
    let ledger = Arc::new(Ledger::default());
    let printing = observe::printing(Format::Table, None, &ledger, &settings.plan)?;
    let writer = printing.writer();
    let mut outlet = Outlets { records: Some(Box::new(printing)), metrics: None };
    let (mut deliveries, mut console) = (Vec::new(), None);
    if let Some(metrics) = metrics {
        let encoded = encode_resource(&resource);
        let shared = Shared { ledger: &ledger, own: &own, outages: &outages };
        let started = metrics.start(&options.metrics, &encoded, &shared)?;
        outlet.metrics = Some(started.outlet);
        deliveries.extend(started.delivery);
        console = started.console;
    }
    let (mut agent, first_pass) = observe::start(settings, &ledger, outlet)?;
    let telemetry = telemetry.start(resource, &agent, &ledger, &own, &outages, &deliveries)?;
    let outgoing = Outgoing { deliveries, telemetry, console };
    let attached = observe::attached(first_pass, &mut agent, &mut signals).await;
    if attached.is_some() {
        outgoing.announce();
        say(hint);
    }
    observe::print(agent, attached, ledger, writer, &mut signals, pending(), outgoing).await
}

/// Sends records as logs, counts them in metrics, or both.
async fn export(
    options: &RunOptions,
    instance: InstanceLock,
    resource: Resource,
    logs: Option<Settings>,
    metrics: Option<Metrics>,
    telemetry: Telemetry,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let own = Arc::<OwnConnections>::default();
    let outages = Outages::default();
    let interval = options.interval.unwrap_or(EXPORT_INTERVAL);
    let settings =
        observe::settings(&options.common, instance, interval, exports(options, &own, metrics.as_ref()))?;
    let ledger = Arc::new(Ledger::default());
    let encoded = encode_resource(&resource);
    let mut outlet = Outlets { records: None, metrics: None };
    let (mut deliveries, mut console) = (Vec::new(), None);
    let accounts = Accounts::new(&ledger);
    let rejected = accounts.rejected();
    let alone = logs.is_none();
    if let Some(logs) = logs {
        let bytes = usize::try_from(settings.plan.queue_bytes).unwrap_or(usize::MAX);
        let queue = Arc::new(Queue::new(bytes));
        let exporting = exporting(&logs, &encoded, &queue, &ledger)?;
        outlet.records = Some(Box::new(exporting) as Box<dyn Outlet + Send>);
        deliveries.push(Delivery::start(
            Signal::Logs,
            Subject::Flows,
            logs,
            queue,
            Arc::clone(&own),
            &outages,
            accounts,
        )?);
    }
    if let Some(metrics) = metrics {
        let shared = Shared { ledger: &ledger, own: &own, outages: &outages };
        let started = metrics.start(&options.metrics, &encoded, &shared)?;
        outlet.metrics = Some(if alone { started.outlet.alone(&ledger) } else { started.outlet });
        deliveries.extend(started.delivery);
        console = started.console;
    }
    let (mut agent, first_pass) = observe::start(settings, &ledger, outlet)?;
    let telemetry = telemetry.start(resource, &agent, &ledger, &own, &outages, &deliveries)?;
    let outgoing = Outgoing { deliveries, telemetry, console };
    if observe::attached(first_pass, &mut agent, &mut signals).await.is_some() {
        outgoing.announce();
        tokio::select! {
            () = signals.stop() => {}
            () = agent.ended() => {}
        }
    }
    outgoing.wait_no_longer();
    let deadline = end::deadline(outgoing.shutdown());
    let hooks = Arc::clone(&agent.hooks);
    let ending = async {
        let ending = end::stop(agent, deadline).await;
        let delivered = outgoing.end().await;
        let ended = end::conclude(ending, hooks, ledger, rejected.sentence()).await;
        delivered.and(ended)
    };
    signals.orderly(ending).await
}

fn exports(options: &RunOptions, own: &Arc<OwnConnections>, metrics: Option<&Metrics>) -> Exports {
    Exports {
        excluded: if options.own_traffic { Arc::default() } else { Arc::clone(own) },
        metrics_bytes: metrics.map_or(0, |metrics| metrics.bytes(&options.metrics)),
    }
}

fn exporting(
    logs: &Settings,
    resource: &[u8],
    queue: &Arc<Queue>,
    ledger: &Arc<Ledger>,
) -> Result<Exporting, Failure> {
    Ok(Exporting {
        writer: LogsWriter::new(resource, REQUEST),
        compressor: compressor(logs)?,
        queue: Arc::clone(queue),
        ledger: Arc::clone(ledger),
        request_size: REQUEST,
    })
}

pub(super) fn compressor(settings: &Settings) -> Result<Compressor, Failure> {
    Compressor::new(settings.compression)
        .map_err(|error| Failure::System(format!("cannot prepare compression: {error}")))
}
