//! A signal's way to its receiver: the task that empties its queue.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::clock::Clock;
use crate::command::Failure;
use crate::connections::OwnConnections;
use crate::export::{self, Limits, Otlp, Outages, Protocol, Proxy, Queue, Route, Settings, Settle, Signal};
use crate::telemetry::{Component, Subject, Tallied, Timed};

/// A running task, and what it does in words.
pub(super) struct Delivery {
    component: Component,
    task: JoinHandle<()>,
    protocol: Protocol,
    proxy: Option<String>,
}

impl Delivery {
    /// Starts delivering what comes through the queue.
    ///
    /// # Errors
    /// [`Failure::Configuration`] if a file that the settings name cannot be used.
    pub(super) fn start(
        signal: Signal,
        subject: Subject,
        settings: Settings,
        queue: Arc<Queue>,
        own: Arc<OwnConnections>,
        outages: &Outages,
        settle: impl Settle + 'static,
    ) -> Result<Self, Failure> {
        let protocol = settings.protocol;
        let proxy = match &settings.route {
            Route::Proxy(Proxy { uri, variable, .. }) => Some(format!("{uri} of {variable}")),
            Route::Direct | Route::Unix(_) => None,
        };
        let component = Component::new(signal, subject, &settings, &queue);
        let now = || Clock::now().monotonic();
        let settle = Tallied::new(settle, &component.tally, now);
        let outage = outages.of(&settings);
        let transport =
            Otlp::new(settings, own).map_err(|error| Failure::Configuration(error.to_string()))?;
        let transport = Timed::new(transport, &component.durations);
        let limits = limits(subject);
        let run = async move { export::run(&queue, transport, settle, limits, outage, now).await };
        // Over gRPC all have the same endpoint, so that only this tells their log lines apart.
        let task = tokio::spawn(run.instrument(match (subject, signal) {
            (Subject::Flows, Signal::Logs) => tracing::error_span!("logs"),
            (Subject::Flows, Signal::Metrics) => tracing::error_span!("metrics"),
            (Subject::Agent, _) => tracing::error_span!("telemetry"),
        }));
        Ok(Self { component, task, protocol, proxy })
    }

    /// Its exporter, for the agent's own metrics.
    pub(super) fn component(&self) -> &Component {
        &self.component
    }

    /// How long it may take from the end of its queue to its own.
    pub(super) fn shutdown(&self) -> Duration {
        limits(self.component.subject).shutdown
    }

    /// Says where it goes.
    pub(super) fn announce(&self) {
        let Self { component: Component { endpoint, signal, subject, .. }, protocol, proxy, .. } = self;
        match (subject, signal) {
            (Subject::Flows, Signal::Logs) => {
                tracing::info!(endpoint, %protocol, proxy, "exporting flows as OTLP logs");
            }
            (Subject::Flows, Signal::Metrics) => {
                tracing::info!(endpoint, %protocol, proxy, "exporting metrics of flows by OTLP");
            }
            (Subject::Agent, _) => {
                tracing::info!(endpoint, %protocol, proxy, "exporting metrics of the agent itself by OTLP");
            }
        }
    }
}

/// How long a delivery tries.
pub(super) fn limits(subject: Subject) -> Limits {
    match subject {
        Subject::Flows => Limits::default(),
        // After the flows have had their time, what is left to say is little.
        Subject::Agent => Limits { shutdown: Duration::from_secs(2), ..Limits::default() },
    }
}

/// Nothing more comes: waits until everything is delivered or lost, for [`Delivery::shutdown`] at most.
///
/// # Errors
/// [`Failure::Software`] if a task has panicked.
pub(super) async fn end(deliveries: Vec<Delivery>) -> Result<(), Failure> {
    for delivery in &deliveries {
        delivery.component.queue.close();
    }
    let mut ended = Ok(());
    for delivery in deliveries {
        let panicked = |_| Failure::Software("a task that exports has panicked".to_owned());
        ended = ended.and(delivery.task.await.map_err(panicked));
        let Component { endpoint, queue, .. } = &delivery.component;
        let (peak_bytes, capacity) = (queue.fill().peak_bytes, queue.capacity());
        tracing::debug!(endpoint, peak_bytes, capacity, "how full the export queue was");
    }
    ended
}
