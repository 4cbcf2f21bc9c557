//! The headers that variables name are in each signal's requests, over both protocols.

use std::sync::Arc;

use super::delivery_tests::{PATIENCE, batch, listen};
use super::faults::Receiver;
use super::*;

/// What a receiver gets with the first request of the signal: its path, and two headers.
async fn sent(signal: Signal, protocol: Protocol, headers: &[(&str, &str)]) -> (String, [Option<String>; 2]) {
    let (listener, address) = listen().await;
    let receiver = Receiver::default();
    receiver.serve(listener);
    let lookup = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some(format!("http://{address}")),
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some(protocol.to_string()),
        name => headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
    };
    let settings = Settings::read(signal, &lookup).unwrap().unwrap();
    let mut transport = Otlp::new(settings, Arc::default()).unwrap();
    let payload = batch(1).payload;
    let answer = tokio::time::timeout(PATIENCE, transport.send(&payload)).await.expect("an answer");
    assert_eq!(answer, Ok(PartialSuccess::default()));
    let [asked] = receiver.asked().try_into().unwrap();
    let header = |name| asked.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    (asked.path.clone(), ["x-tenant", "x-key"].map(header))
}

#[tokio::test]
async fn each_signal_sends_the_headers_for_all_or_its_own() {
    const ALL: (&str, &str) = ("OTEL_EXPORTER_OTLP_HEADERS", "X-Tenant=blue%20team,x-key=a=b");
    const LOGS: (&str, &str) = ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-tenant=logs");
    const METRICS: (&str, &str) = ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-tenant=metrics");

    let header = |value: &str| Some(value.to_owned());
    let of_all = [header("blue team"), header("a=b")];
    for (signal, protocol, path, own) in [
        (Signal::Logs, Protocol::Grpc, "/opentelemetry.proto.collector.logs.v1.LogsService/Export", "logs"),
        (Signal::Logs, Protocol::HttpProtobuf, "/v1/logs", "logs"),
        (
            Signal::Metrics,
            Protocol::Grpc,
            "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            "metrics",
        ),
        (Signal::Metrics, Protocol::HttpProtobuf, "/v1/metrics", "metrics"),
    ] {
        let path = path.to_owned();
        assert_eq!(sent(signal, protocol, &[ALL]).await, (path.clone(), of_all.clone()));
        // A signal's variable takes the place of the one for all.
        let own_alone = [header(own), None];
        assert_eq!(sent(signal, protocol, &[ALL, LOGS, METRICS]).await, (path.clone(), own_alone));
        let other = if signal == Signal::Logs { METRICS } else { LOGS };
        assert_eq!(sent(signal, protocol, &[other]).await, (path, [None, None]));
    }
}
