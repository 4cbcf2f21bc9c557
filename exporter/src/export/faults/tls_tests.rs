//! Who is trusted, who the agent is, and what it says it is, as a receiver sees it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use http::Version;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::certificates::{Authority, Shown, Signed};
use super::receiver::Receiver;
use super::settings;
use crate::export::delivery_tests::batch;
use crate::export::{Failure, Otlp, Protocol, Transport, Verdict};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

struct Lab {
    folder: TempDir,
    receiver: Receiver,
    transport: Otlp,
}

impl Lab {
    /// A receiver with TLS that asks for a certificate of `clients`, and a way to it.
    async fn new(protocol: Protocol, clients: Option<&Authority>) -> Self {
        let authority = Authority::new("of the receiver");
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::new(vec![], false, vec![authority.server(Shown::Right, clients)]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        receiver.serve(listener);
        fs::write(folder.path().join("ca"), authority.pem()).unwrap();
        fs::write(folder.path().join("token"), "first").unwrap();
        let path = |name| folder.path().join(name).display().to_string();
        let mut variables = vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", path("ca")),
            ("OTEL_FLOW_EXPORTER_BEARER_TOKEN_FILE", path("token")),
        ];
        if let Some(clients) = clients {
            write(folder.path(), &clients.client());
            variables.push(("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path("certificate")));
            variables.push(("OTEL_EXPORTER_OTLP_CLIENT_KEY", path("key")));
        }
        let transport = Otlp::new(settings(protocol, &variables), Arc::default()).unwrap();
        Self { folder, receiver, transport }
    }

    async fn send(&mut self) -> Result<(), Failure> {
        self.transport.send(&batch(1).payload).await.map(drop)
    }
}

fn write(folder: &Path, signed: &Signed) {
    fs::write(folder.join("certificate"), &signed.certificate).unwrap();
    fs::write(folder.join("key"), &signed.key).unwrap();
}

#[tokio::test]
async fn both_protocols_go_over_tls_to_the_path_of_the_signal() {
    for protocol in BOTH {
        let mut lab = Lab::new(protocol, None).await;
        lab.send().await.unwrap();
        let asked = lab.receiver.asked();
        let path = match protocol {
            Protocol::Grpc => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Protocol::HttpProtobuf => "/v1/logs",
        };
        assert_eq!((asked[0].path.as_str(), asked[0].version), (path, Version::HTTP_2));
    }
}

#[tokio::test]
async fn a_token_is_read_again_between_two_requests() {
    for protocol in BOTH {
        let mut lab = Lab::new(protocol, None).await;
        lab.send().await.unwrap();
        fs::write(lab.folder.path().join("token"), "second").unwrap();
        lab.send().await.unwrap();
        let tokens: Vec<_> =
            lab.receiver.asked().iter().map(|asked| asked.headers["authorization"].clone()).collect();
        assert_eq!(tokens, ["Bearer first", "Bearer second"]);
    }
}

#[tokio::test]
async fn a_receiver_may_ask_who_the_agent_is() {
    for protocol in BOTH {
        let (clients, others) = (Authority::new("of agents"), Authority::new("of others"));
        let mut lab = Lab::new(protocol, Some(&clients)).await;
        lab.send().await.unwrap();
        // A certificate that the receiver does not know, and then one that it does: each is used when it is there.
        write(lab.folder.path(), &others.client());
        let failure = lab.send().await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::RETRY, "{failure}");
        write(lab.folder.path(), &clients.client());
        lab.send().await.unwrap();
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_leaves_the_certificate_of_before_in_use() {
    for protocol in BOTH {
        let clients = Authority::new("of agents");
        let mut lab = Lab::new(protocol, Some(&clients)).await;
        lab.send().await.unwrap();
        let next = clients.client();
        fs::write(lab.folder.path().join("certificate"), &next.certificate).unwrap();
        lab.send().await.unwrap();
        fs::write(lab.folder.path().join("key"), &next.key).unwrap();
        lab.send().await.unwrap();
    }
}
