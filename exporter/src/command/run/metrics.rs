//! The metrics of `run`: from its options and the variables to what counts and what delivers.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use crate::accounts::MetricsAccounts;
use crate::aggregate::{Aggregator, Config};
use crate::clock::Clock;
use crate::command::delivery::Delivery;
use crate::command::{Failure, MetricOptions, run};
use crate::connections::OwnConnections;
use crate::export::{Destination, MetricsSettings, Outages, Queue, Settings, SettingsError, Signal, Source};
use crate::ledger::Ledger;
use crate::otlp::MetricsWriter;
use crate::outlet::{Console, Metering, MetricsOutlet, Writer};
use crate::telemetry::Subject;

/// Where metrics go, and how.
pub(super) struct Metrics {
    /// `None`: they are printed.
    endpoint: Option<Settings>,
    settings: MetricsSettings,
}

/// What counts records, and what runs beside it.
pub(super) struct Started {
    pub(super) outlet: MetricsOutlet,
    /// What delivers to a receiver.
    pub(super) delivery: Option<Delivery>,
    /// What prints.
    pub(super) console: Option<Writer>,
}

impl Metrics {
    /// Reads what is said of metrics. `None` if none are wanted.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the place and the remedy.
    pub(super) fn read(source: &dyn Source) -> Result<Option<Self>, SettingsError> {
        let endpoint = match Destination::read(Signal::Metrics, source)? {
            Destination::Otlp(endpoint) => Some(*endpoint),
            Destination::Console => None,
            Destination::Unset | Destination::Nothing { .. } => return Ok(None),
        };
        Ok(Some(Self { endpoint, settings: MetricsSettings::read(source)? }))
    }

    /// Where metrics of the agent itself go, and how: the same, if it is a receiver.
    pub(super) fn receiver(&self) -> Option<(Settings, MetricsSettings)> {
        Some((self.endpoint.clone()?, self.settings))
    }

    /// Whether they are printed.
    pub(super) fn are_printed(&self) -> bool {
        self.endpoint.is_none()
    }

    /// Bytes of memory that they may take: all series that there may be, and the queue.
    pub(super) fn bytes(&self, options: &MetricOptions) -> u64 {
        let bytes = self.config(options).bytes().saturating_add(options.queue_bytes());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    fn config(&self, options: &MetricOptions) -> Config {
        Config {
            dimensions: options.metric_dimensions.clone(),
            series_limit: options.metric_series_limit.get(),
            idle_timeout: options.metric_idle_timeout,
            temporality: self.settings.temporality,
            histogram: self.settings.histogram,
        }
    }

    /// What counts records of the observer with this encoded `Resource`, and what runs beside it.
    ///
    /// # Errors
    /// [`Failure`] if a file that the settings name cannot be used, or if there is no memory for compression, or no thread to print.
    pub(super) fn start(
        self,
        options: &MetricOptions,
        resource: &[u8],
        shared: &Shared<'_>,
    ) -> Result<Started, Failure> {
        let aggregator = Aggregator::new(self.config(options), &Clock::now());
        let Self { endpoint, settings } = self;
        match endpoint {
            Some(endpoint) => export(aggregator, endpoint, settings, options, resource, shared),
            None => print(aggregator, settings, shared.ledger),
        }
    }
}

/// What all that is delivered has in common.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) ledger: &'a Arc<Ledger>,
    pub(super) own: &'a Arc<OwnConnections>,
    pub(super) outages: &'a Outages,
}

fn export(
    aggregator: Aggregator,
    endpoint: Settings,
    MetricsSettings { interval, temporality, .. }: MetricsSettings,
    options: &MetricOptions,
    resource: &[u8],
    Shared { ledger, own, outages }: &Shared<'_>,
) -> Result<Started, Failure> {
    let queue = Arc::new(Queue::new(options.queue_bytes()));
    let metering = Metering::new(
        aggregator,
        MetricsWriter::new(resource, temporality),
        run::compressor(&endpoint)?,
        Arc::clone(&queue),
        temporality,
        interval,
        &Clock::now(),
    );
    let accounts = MetricsAccounts::new(ledger, temporality, metering.arrivals().clone());
    let own = Arc::clone(own);
    let delivery = Delivery::start(Signal::Metrics, Subject::Flows, endpoint, queue, own, outages, accounts)?;
    let outlet = MetricsOutlet::Export(Box::new(metering));
    Ok(Started { outlet, delivery: Some(delivery), console: None })
}

/// To the standard error, beside the log, so that the standard output has flows and nothing else.
fn print(
    aggregator: Aggregator,
    settings: MetricsSettings,
    ledger: &Arc<Ledger>,
) -> Result<Started, Failure> {
    let output = io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let console = output
        .and_then(|output| Console::new(aggregator, output, ledger, settings.interval, &Clock::now()))
        .map_err(|error| Failure::System(format!("cannot prepare the output of metrics: {error}")))?;
    let writer = console.writer();
    Ok(Started { outlet: MetricsOutlet::Console(Box::new(console)), delivery: None, console: Some(writer) })
}
