//! The metrics of `run`: from its options and the variables to what counts and what delivers.

use std::sync::Arc;

use crate::accounts::MetricsAccounts;
use crate::aggregate::{Aggregator, Config};
use crate::clock::Clock;
use crate::command::delivery::Delivery;
use crate::command::{Failure, MetricOptions, run};
use crate::connections::OwnConnections;
use crate::export::{Destination, MetricsSettings, Queue, Settings, SettingsError, Signal, Source};
use crate::ledger::Ledger;
use crate::otlp::MetricsWriter;
use crate::outlet::Metering;
use crate::telemetry::Subject;

/// Where metrics go, and how.
pub(super) struct Metrics {
    endpoint: Settings,
    settings: MetricsSettings,
}

impl Metrics {
    /// Reads what is said of metrics. `None` if none are wanted.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the place and the remedy.
    pub(super) fn read(source: &dyn Source) -> Result<Option<Self>, SettingsError> {
        match Destination::read(Signal::Metrics, source)? {
            Destination::Otlp(endpoint) => {
                Ok(Some(Self { endpoint: *endpoint, settings: MetricsSettings::read(source)? }))
            }
            Destination::Console | Destination::Unset | Destination::Nothing { .. } => Ok(None),
        }
    }

    /// Where metrics of the agent itself go, and how: the same.
    pub(super) fn receiver(&self) -> (Settings, MetricsSettings) {
        (self.endpoint.clone(), self.settings)
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

    /// What counts records of the observer with this encoded `Resource`, and the running task that delivers.
    ///
    /// # Errors
    /// [`Failure`] if a file that the settings name cannot be used, or if there is no memory for compression.
    pub(super) fn start(
        self,
        options: &MetricOptions,
        resource: &[u8],
        ledger: &Arc<Ledger>,
        own: &Arc<OwnConnections>,
    ) -> Result<(Metering, Delivery), Failure> {
        let config = self.config(options);
        let Self { endpoint, settings: MetricsSettings { interval, temporality, .. } } = self;
        let now = Clock::now();
        let queue = Arc::new(Queue::new(options.queue_bytes()));
        let metering = Metering::new(
            Aggregator::new(config, &now),
            MetricsWriter::new(resource, temporality),
            run::compressor(&endpoint)?,
            Arc::clone(&queue),
            temporality,
            interval,
            &now,
        );
        let accounts = MetricsAccounts::new(ledger, temporality);
        let own = Arc::clone(own);
        Ok((metering, Delivery::start(Signal::Metrics, Subject::Flows, endpoint, queue, own, accounts)?))
    }
}
