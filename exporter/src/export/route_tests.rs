//! Delivery through a real proxy, and to a receiver behind a Unix socket.

use std::convert::Infallible;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr as UnixSocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixListener};

use crate::export::delivery_tests::batch;
use crate::export::faults::{Authority, Receiver, Shown, settings};
use crate::export::{Otlp, Protocol, Signal, Transport, Verdict};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];
/// The name in the certificate of [`Shown::OtherName`]. Nobody looks it up: the proxy knows where the receiver is.
const HOST: &str = "elsewhere.example:4317";

/// A proxy of HTTP/1.1 before one receiver, whatever host it is asked for.
#[derive(Clone)]
struct TestProxy {
    receiver: std::net::SocketAddr,
    /// Without it, it answers with 407.
    authorization: Option<&'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    async fn start(receiver: std::net::SocketAddr, authorization: Option<&'static str>) -> (Self, String) {
        let proxy = Self { receiver, authorization, asked: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let accepting = proxy.clone();
        tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let proxy = accepting.clone();
                let service = service_fn(move |request| proxy.clone().answer(request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(connection), service)
                    .with_upgrades();
                tokio::spawn(connection);
            }
        });
        (proxy, address)
    }

    /// What it was asked: method and target.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        self.asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        let shown =
            request.headers().get(PROXY_AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        if self.authorization.map(ToOwned::to_owned) != shown {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::PROXY_AUTHENTICATION_REQUIRED;
            return Ok(response);
        }
        let mut receiver = TcpStream::connect(self.receiver).await.unwrap();
        if request.method() == Method::CONNECT {
            tokio::spawn(async move {
                let mut client = TokioIo::new(hyper::upgrade::on(request).await.unwrap());
                // It ends as its ends do.
                let _ = copy_bidirectional(&mut client, &mut receiver).await;
            });
            return Ok(Response::default());
        }
        assert!(request.uri().authority().is_some(), "a proxy is told the host: {}", request.uri());
        let (mut receiver, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(receiver)).await.unwrap();
        tokio::spawn(connection);
        let (head, body) = receiver.send_request(request).await.unwrap().into_parts();
        Ok(Response::from_parts(head, Full::new(body.collect().await.unwrap().to_bytes())))
    }
}

/// A receiver, and an endpoint of this scheme that only the proxy can reach.
async fn receiver(scheme: &str, authority: &Authority) -> (Receiver, std::net::SocketAddr) {
    let shown = if scheme == "https" { vec![authority.server(Shown::OtherName, None)] } else { vec![] };
    let receiver = Receiver::new(vec![], false, shown);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    receiver.serve(listener);
    (receiver, address)
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_unless_it_can_send_the_request_on() {
    let authority = Authority::new("right");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority.pem()).unwrap();
    for protocol in BOTH {
        for (scheme, variable) in [("https", "https_proxy"), ("http", "http_proxy")] {
            for (user, authorization) in [("", None), ("user:pass@", Some("Basic dXNlcjpwYXNz"))] {
                let (receiver, address) = receiver(scheme, &authority).await;
                let (proxy, at) = TestProxy::start(address, authorization).await;
                let settings = settings(
                    protocol,
                    &[
                        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("{scheme}://{HOST}")),
                        ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.path().display().to_string()),
                        (variable, format!("http://{user}{at}")),
                    ],
                );
                let mut transport = Otlp::new(settings, Arc::default()).unwrap();
                for number in 1..=2 {
                    transport.send(&batch(number).payload).await.unwrap();
                }
                assert_eq!(receiver.asked().len(), 2);
                let request = match (protocol, scheme) {
                    (Protocol::HttpProtobuf, "http") => format!("POST http://{HOST}/v1/logs"),
                    _ => format!("CONNECT {HOST}"),
                };
                let requests = proxy.asked();
                assert!(requests.iter().all(|asked| *asked == request), "{requests:?} is not {request}");
                assert_eq!(requests.len() == 1, request.starts_with("CONNECT"), "a tunnel is used again");
                let own = receiver
                    .asked()
                    .iter()
                    .all(|asked| scheme == "http" || !asked.headers.contains_key(PROXY_AUTHORIZATION));
                assert!(own, "a receiver does not see the proxy's password");
            }
        }
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_with_its_variable_and_without_its_password() {
    for (protocol, scheme, variable) in [
        (Protocol::Grpc, "http", "http_proxy"),
        (Protocol::Grpc, "https", "https_proxy"),
        (Protocol::HttpProtobuf, "https", "all_proxy"),
    ] {
        let (_proxy, at) = TestProxy::start("127.0.0.1:1".parse().unwrap(), Some("Basic other")).await;
        let settings = settings(
            protocol,
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("{scheme}://{HOST}")),
                (variable, format!("http://user:secret@{at}")),
            ],
        );
        let failure = Otlp::new(settings, Arc::default()).unwrap().send(&batch(1).payload).await.unwrap_err();
        assert_eq!(failure.verdict, Verdict::RETRY);
        assert!(failure.cause.contains(variable) && failure.cause.contains("authorization"), "{failure:?}");
        assert!(failure.remedy.contains("no_proxy") && !format!("{failure:?}").contains("secret"));
    }
    let (_proxy, at) = TestProxy::start("127.0.0.1:1".parse().unwrap(), Some("Basic other")).await;
    let settings = settings(
        Protocol::HttpProtobuf,
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{HOST}")), ("http_proxy", format!("http://{at}"))],
    );
    let failure = Otlp::new(settings, Arc::default()).unwrap().send(&batch(1).payload).await.unwrap_err();
    assert!(
        failure.cause.contains("407") && failure.remedy.contains("the proxy's credentials"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_receiver_may_listen_at_a_socket_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("otlp.sock");
    let name = format!("otel-flow-exporter-test-{}", std::process::id());
    for protocol in BOTH {
        let receiver = Receiver::new(vec![], false, vec![]);
        let in_files = UnixListener::bind(&path).unwrap();
        let by_name = UnixSocketAddr::from_abstract_name(&name).unwrap();
        let by_name = std::os::unix::net::UnixListener::bind_addr(&by_name).unwrap();
        by_name.set_nonblocking(true).unwrap();
        let serving = [in_files, UnixListener::from_std(by_name).unwrap()]
            .map(|listener| receiver.serve_unix(listener));
        for endpoint in [format!("unix://{}", path.display()), format!("unix:@{name}")] {
            let variables = [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.clone()),
                ("all_proxy", "http://nowhere.example".to_owned()),
            ];
            let mut transport = Otlp::new(settings(protocol, &variables), Arc::default()).unwrap();
            transport
                .send(&batch(1).payload)
                .await
                .unwrap_or_else(|failure| panic!("{endpoint}: {failure:?}"));
        }
        let paths: Vec<_> = receiver.asked().into_iter().map(|asked| asked.path).collect();
        let expected =
            if protocol == Protocol::Grpc { Signal::Logs.grpc_path() } else { Signal::Logs.http_path() };
        assert_eq!(paths, [expected, expected]);
        for task in serving {
            task.abort();
            let _ = task.await;
        }
        std::fs::remove_file(&path).unwrap();
        let nobody = [("OTEL_EXPORTER_OTLP_ENDPOINT", format!("unix:{}", path.display()))];
        let mut transport = Otlp::new(settings(protocol, &nobody), Arc::default()).unwrap();
        let failure = transport.send(&batch(1).payload).await.unwrap_err();
        assert!(failure.verdict == Verdict::RETRY && failure.remedy.contains("socket"), "{failure:?}");
    }
}
