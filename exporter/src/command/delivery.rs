//! A signal's way to its receiver: the task that empties its queue.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::Instrument;

use crate::clock::Clock;
use crate::command::Failure;
use crate::connections::OwnConnections;
use crate::export::{self, Limits, Otlp, Protocol, Proxy, Queue, Route, Settings, Settle, Signal, Transport};

/// A running task, and what it does in words.
pub(super) struct Delivery {
    queue: Arc<Queue>,
    task: JoinHandle<()>,
    signal: Signal,
    endpoint: String,
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
        settings: Settings,
        queue: Arc<Queue>,
        own: Arc<OwnConnections>,
        settle: impl Settle + 'static,
    ) -> Result<Self, Failure> {
        let protocol = settings.protocol;
        let proxy = match &settings.route {
            Route::Proxy(Proxy { uri, variable, .. }) => Some(format!("{uri} of {variable}")),
            Route::Direct | Route::Unix(_) => None,
        };
        let transport =
            Otlp::new(settings, own).map_err(|error| Failure::Configuration(error.to_string()))?;
        let endpoint = transport.endpoint().to_owned();
        let task = tokio::spawn({
            let queue = Arc::clone(&queue);
            let now = || Clock::now().monotonic();
            let run = async move { export::run(&queue, transport, settle, Limits::default(), now).await };
            // Over gRPC both signals have the same endpoint, so that only this tells their log lines apart.
            run.instrument(match signal {
                Signal::Logs => tracing::error_span!("logs"),
                Signal::Metrics => tracing::error_span!("metrics"),
            })
        });
        Ok(Self { queue, task, signal, endpoint, protocol, proxy })
    }

    /// Says where it goes.
    pub(super) fn announce(&self) {
        let Self { endpoint, protocol, proxy, .. } = self;
        match self.signal {
            Signal::Logs => tracing::info!(endpoint, %protocol, proxy, "exporting flows as OTLP logs"),
            Signal::Metrics => {
                tracing::info!(endpoint, %protocol, proxy, "exporting metrics of flows by OTLP");
            }
        }
    }
}

/// Nothing more comes: waits until everything is delivered or lost, for [`Limits::shutdown`] at most.
///
/// # Errors
/// [`Failure::Software`] if a task has panicked.
pub(super) async fn end(deliveries: Vec<Delivery>) -> Result<(), Failure> {
    for delivery in &deliveries {
        delivery.queue.close();
    }
    let mut ended = Ok(());
    for delivery in deliveries {
        let panicked = |_| Failure::Software("a task that exports has panicked".to_owned());
        ended = ended.and(delivery.task.await.map_err(panicked));
        let (peak_bytes, capacity) = (delivery.queue.fill().peak_bytes, delivery.queue.capacity());
        tracing::debug!(endpoint = delivery.endpoint, peak_bytes, capacity, "how full the export queue was");
    }
    ended
}
