//! What the agent says of itself: from its options to the running listener and the delivery of its metrics.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use tokio::task::spawn_blocking;

use crate::accounts::{Arrivals, MetricsAccounts};
use crate::agent::Agent;
use crate::command::delivery::{self, Delivery};
use crate::command::{Failure, TelemetryOptions, run};
use crate::connections::OwnConnections;
use crate::export::{MetricsSettings, Outages, Queue, Settings, Signal};
use crate::ledger::Ledger;
use crate::telemetry::{Health, Listener, Metrics, Pages, Push, Serving, Sources, Subject};

/// Bytes of the queue of the agent's own metrics: some 30 requests without compression, where at the usual interval no more than
/// one or two wait before they are too old.
const QUEUE: usize = 256 << 10;

/// What is prepared before anything is observed.
pub(super) struct Telemetry {
    listener: Option<Listener>,
    /// Where the agent's own metrics go, and how.
    receiver: Option<(Settings, MetricsSettings)>,
}

/// What runs beside the agent.
#[derive(Default)]
pub(super) struct Running {
    metrics: Option<Metrics>,
    delivery: Option<Delivery>,
    _serving: Option<Serving>,
}

impl Telemetry {
    /// Takes the listener's address, so that it is there or the start ends here. The metrics go to `receiver`, unless that is not
    /// wanted.
    ///
    /// # Errors
    /// [`Failure`]: the address cannot be had.
    pub(super) async fn prepare(
        options: &TelemetryOptions,
        receiver: Option<(Settings, MetricsSettings)>,
    ) -> Result<Self, Failure> {
        let listener = match options.listen {
            Some(address) => {
                Some(Listener::bind(address).await.map_err(|error| no_listener(address, &error))?)
            }
            None => None,
        };
        Ok(Self { listener, receiver: receiver.filter(|_| options.self_telemetry) })
    }

    /// Begins to measure the agent, and to answer.
    ///
    /// # Errors
    /// [`Failure`]: a file that the settings name cannot be used, or there is no memory for compression.
    pub(super) fn start(
        self,
        resource: Resource,
        agent: &Agent,
        ledger: &Arc<Ledger>,
        connections: &Arc<OwnConnections>,
        outages: &Outages,
        deliveries: &[Delivery],
    ) -> Result<Running, Failure> {
        let Self { listener, receiver } = self;
        if listener.is_none() && receiver.is_none() {
            return Ok(Running::default());
        }
        let (mut push, mut own) = (None, None);
        if let Some((endpoint, settings)) = receiver {
            let queue = Arc::new(Queue::new(QUEUE));
            push = Some(Push::new(&queue, run::compressor(&endpoint)?, settings));
            let accounts = MetricsAccounts::new(ledger, settings.temporality, Arrivals::default());
            let connections = Arc::clone(connections);
            let started = Delivery::start(
                Signal::Metrics,
                Subject::Agent,
                endpoint,
                queue,
                connections,
                outages,
                accounts,
            );
            own = Some(started?);
        }
        let components = deliveries.iter().chain(&own).map(|delivery| delivery.component().clone()).collect();
        let view = agent.attaching();
        let sources = Sources::new(ledger, &agent.progress, move || view.read(), components, &agent.features);
        let sources = Arc::new(sources);
        let metrics = Metrics::start(resource, &sources, push);
        let metrics = metrics.map_err(|error| Failure::Software(error.to_string()))?;
        let pages = Pages { metrics: Some(metrics.registry()), health: Health::Observing(sources) };
        let serving = listener.map(|listener| serve(listener, pages));
        Ok(Running { metrics: Some(metrics), delivery: own, _serving: serving })
    }

    /// Answers for a process that observes nothing.
    pub(super) fn idle(self) -> Running {
        let pages = Pages { metrics: None, health: Health::Idle };
        let serving = self.listener.map(|listener| serve(listener, pages));
        Running { _serving: serving, ..Running::default() }
    }
}

impl Running {
    /// Says where the agent's own metrics go.
    pub(super) fn announce(&self) {
        self.delivery.iter().for_each(Delivery::announce);
    }

    /// How long its end may take.
    pub(super) fn shutdown(&self) -> Duration {
        self.delivery.as_ref().map_or(Duration::ZERO, Delivery::shutdown)
    }

    /// Sends the metrics a last time: everything else has ended.
    ///
    /// # Errors
    /// [`Failure::Software`] if a task has panicked.
    pub(super) async fn end(self) -> Result<(), Failure> {
        if let Some(metrics) = self.metrics {
            // Waits for a thread of the SDK.
            let _ = spawn_blocking(move || metrics.finish()).await;
        }
        delivery::end(self.delivery.into_iter().collect()).await
    }
}

fn serve(listener: Listener, pages: Pages) -> Serving {
    if let Ok(address) = listener.address() {
        tracing::info!(%address, "listening: /metrics of the agent itself, /healthz, /readyz");
    }
    listener.serve(pages)
}

fn no_listener(address: SocketAddr, error: &io::Error) -> Failure {
    let because = |remedy: &str| format!("cannot listen at {address}: {error}; {remedy}");
    match error.kind() {
        ErrorKind::AddrInUse => Failure::Unavailable(because(
            "end the process that listens there, or choose another port with --listen",
        )),
        ErrorKind::PermissionDenied => Failure::Privilege(because(
            "choose a port from 1024 on with --listen, or give the process CAP_NET_BIND_SERVICE",
        )),
        ErrorKind::AddrNotAvailable => {
            Failure::Configuration(because("give --listen an address of this machine, such as 127.0.0.1"))
        }
        _ => Failure::System(because("choose another address with --listen")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_cannot_be_had_is_told_with_the_remedy() {
        let options = |listen: SocketAddr| TelemetryOptions { self_telemetry: true, listen: Some(listen) };
        let first = Telemetry::prepare(&options("127.0.0.1:0".parse().unwrap()), None).await.unwrap();
        let taken = first.listener.as_ref().unwrap().address().unwrap();
        // TEST-NET-1: no machine has it.
        for (address, code) in [(taken, 69), ("192.0.2.1:9464".parse().unwrap(), 78)] {
            let Err(failure) = Telemetry::prepare(&options(address), None).await else {
                panic!("{address} is there")
            };
            let sentence = failure.to_string();
            assert_eq!(failure.code(), code, "{sentence}");
            assert!(sentence.contains(&address.to_string()) && sentence.contains("--listen"), "{sentence}");
        }
        let denied = no_listener(taken, &ErrorKind::PermissionDenied.into());
        assert_eq!(denied.code(), 77);
    }
}
