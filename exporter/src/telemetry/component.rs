//! An exporter and the queue before it, as OpenTelemetry's conventions for the metrics of an SDK see them.

use std::sync::Arc;

use http::uri::Scheme;
use opentelemetry::KeyValue;
use semconv::attribute;
use semconv::value::otel_component_type as component_type;

use super::tally::Tally;
use super::timed::Durations;
use crate::export::{Protocol, Queue, Settings, Signal};

/// An exporter with its queue.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) signal: Signal,
    pub(crate) subject: Subject,
    pub(crate) queue: Arc<Queue>,
    pub(crate) tally: Tally,
    pub(crate) durations: Durations,
    /// Where it sends to, for messages.
    pub(crate) endpoint: String,
    /// Attributes of the exporter.
    exporter: Vec<KeyValue>,
    /// Attributes of the queue: log records have it in a component of its own, a processor.
    queueing: Vec<KeyValue>,
}

/// What an exporter sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Flows.
    Flows,
    /// The agent itself.
    Agent,
}

impl Component {
    pub(crate) fn new(signal: Signal, subject: Subject, settings: &Settings, queue: &Arc<Queue>) -> Self {
        let kind = match (signal, settings.protocol) {
            (Signal::Logs, Protocol::Grpc) => component_type::OTLP_GRPC_LOG_EXPORTER,
            (Signal::Logs, Protocol::HttpProtobuf) => component_type::OTLP_HTTP_LOG_EXPORTER,
            (Signal::Metrics, Protocol::Grpc) => component_type::OTLP_GRPC_METRIC_EXPORTER,
            (Signal::Metrics, Protocol::HttpProtobuf) => component_type::OTLP_HTTP_METRIC_EXPORTER,
        };
        let mut exporter = described(kind, subject);
        let queueing = match signal {
            Signal::Logs => described(component_type::BATCHING_LOG_PROCESSOR, subject),
            Signal::Metrics => exporter.clone(),
        };
        let endpoint = &settings.endpoint;
        let default_port = if endpoint.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = endpoint.port_u16().unwrap_or(default_port);
        let address = endpoint.host().unwrap_or_default().trim_matches(['[', ']']);
        exporter.push(KeyValue::new(attribute::SERVER_ADDRESS.key, address.to_owned()));
        exporter.push(KeyValue::new(attribute::SERVER_PORT.key, i64::from(port)));
        Self {
            signal,
            subject,
            queue: Arc::clone(queue),
            tally: Tally::default(),
            durations: Durations::default(),
            endpoint: settings.endpoint_name(),
            exporter,
            queueing,
        }
    }

    pub(super) fn exporter(&self) -> &[KeyValue] {
        &self.exporter
    }

    pub(super) fn queueing(&self) -> &[KeyValue] {
        &self.queueing
    }

    /// Records, or data points, that the exporter has and whose export is not over.
    pub(super) fn in_flight(&self) -> u64 {
        // In this order: what is settled has been taken before.
        let settled = self.tally.settled().total();
        let fill = self.queue.fill();
        let waiting = match self.signal {
            // They are the processor's.
            Signal::Logs => 0,
            Signal::Metrics => fill.records,
        };
        (waiting + fill.taken_records).saturating_sub(settled)
    }
}

/// `otel.component.name` is unique among those of a type.
fn described(kind: &'static str, subject: Subject) -> Vec<KeyValue> {
    let number = match subject {
        Subject::Flows => 0,
        Subject::Agent => 1,
    };
    vec![
        KeyValue::new(attribute::OTEL_COMPONENT_NAME.key, format!("{kind}/{number}")),
        KeyValue::new(attribute::OTEL_COMPONENT_TYPE.key, kind),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::tests::{batch, settings};

    fn exporter(endpoint: &str, signal: Signal) -> Vec<(String, String)> {
        let queue = Arc::new(Queue::new(1 << 20));
        let component = Component::new(signal, Subject::Flows, &settings(endpoint), &queue);
        let text = |attribute: &KeyValue| (attribute.key.to_string(), attribute.value.to_string());
        component.exporter().iter().map(text).collect()
    }

    #[test]
    fn an_exporter_is_described_by_its_type_and_its_receiver() {
        let expected = |kind: &str, address: &str, port: &str| {
            let name = format!("{kind}/0");
            [
                ("otel.component.name", name.as_str()),
                ("otel.component.type", kind),
                ("server.address", address),
                ("server.port", port),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec()
        };
        let logs = exporter("http://collector:4317", Signal::Logs);
        assert_eq!(logs, expected("otlp_grpc_log_exporter", "collector", "4317"));
        let metrics = exporter("https://[::1]/v1/metrics", Signal::Metrics);
        assert_eq!(metrics, expected("otlp_http_metric_exporter", "::1", "443"));
    }

    #[tokio::test]
    async fn what_waits_is_in_flight_for_metrics_alone() {
        for (signal, waiting, taken) in [(Signal::Logs, 0, 5), (Signal::Metrics, 5, 5)] {
            let queue = Arc::new(Queue::new(1 << 20));
            let component = Component::new(signal, Subject::Flows, &settings("http://x:4317"), &queue);
            assert!(queue.push(batch(5)).is_empty());
            assert_eq!(component.in_flight(), waiting);
            queue.pop().await.unwrap();
            assert_eq!(component.in_flight(), taken);
        }
    }
}
