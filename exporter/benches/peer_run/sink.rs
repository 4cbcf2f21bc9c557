//! A receiver of OTLP/gRPC that counts, and keeps nothing.

use std::convert::Infallible;
use std::fmt;
use std::io::Read as _;
use std::pin::pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use exporter::export::Encoding;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;
use semconv::attribute;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The most bytes of a request before its compression.
const LARGEST: usize = 8 << 20;

/// What came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) requests: u64,
    pub(crate) records: u64,
    /// In the records, of both directions.
    pub(crate) packets: u64,
    /// Of the messages as they came, compressed or not.
    pub(crate) bytes: u64,
    /// Of the messages before their compression.
    pub(crate) uncompressed: u64,
}

impl fmt::Display for Counted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, records, packets, bytes, uncompressed } = self;
        write!(formatter, "{requests} {records} {packets} {bytes} {uncompressed}")
    }
}

impl FromStr for Counted {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [requests, records, packets, bytes, uncompressed] = numbers[..] else {
            return Err(anyhow!("the sink did not say what it counted: {text:?}"));
        };
        Ok(Self { requests, records, packets, bytes, uncompressed })
    }
}

/// Receives until its input ends; then answers what it has read, and says what it counted.
pub(crate) fn run() -> Result<()> {
    let (end, ended) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = end.send(true);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let counted = Arc::<Mutex<Counted>>::default();
    runtime.block_on(serve(Arc::clone(&counted), ended))?;
    let counted = *counted.lock().map_err(|_| anyhow!("a connection panicked"))?;
    println!("{counted}");
    Ok(())
}

async fn serve(counted: Arc<Mutex<Counted>>, mut ended: watch::Receiver<bool>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:4317").await?;
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted?.0,
            _ = ended.changed() => break,
        };
        connections.spawn(connection(stream, Arc::clone(&counted), ended.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn connection(
    stream: tokio::net::TcpStream,
    counted: Arc<Mutex<Counted>>,
    mut ended: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| answer(request, Arc::clone(&counted)));
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = ended.changed() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

async fn answer(
    request: Request<Incoming>,
    counted: Arc<Mutex<Counted>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let encoding =
        request.headers().get("grpc-encoding").and_then(|name| name.to_str().ok()).map(str::to_owned);
    let mut trailers = HeaderMap::new();
    let status = match request.into_body().collect().await {
        Ok(body) => match count(&body.to_bytes(), encoding.as_deref(), &counted) {
            Ok(()) => "0",
            // INVALID_ARGUMENT: the records are then lost as rejected, which the bench sees.
            Err(_) => "3",
        },
        // UNAVAILABLE
        Err(_) => "14",
    };
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    // A message without fields.
    let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(async { Some(Ok(trailers)) }).boxed();
    let mut response = Response::new(body);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}

fn count(message: &Bytes, encoding: Option<&str>, counted: &Mutex<Counted>) -> Result<()> {
    let content = message.slice(5..);
    let encoding = match encoding {
        None => Encoding::None,
        Some("zstd") => Encoding::Zstd,
        Some("gzip") => Encoding::Gzip,
        Some(other) => return Err(anyhow!("compressed by {other}")),
    };
    let bytes = u64::try_from(message.len())?;
    let request = encoding.decompress(&content, LARGEST)?;
    let uncompressed = u64::try_from(request.len())?;
    let (mut records, mut packets) = (0, 0);
    let request = ExportLogsServiceRequest::decode(request)?;
    for record in request
        .resource_logs
        .iter()
        .flat_map(|resource| &resource.scope_logs)
        .flat_map(|scope| &scope.log_records)
    {
        records += 1;
        for attribute in &record.attributes {
            let is_packets = [attribute::SOURCE_PACKETS.key, attribute::DESTINATION_PACKETS.key]
                .contains(&&*attribute.key);
            if let Some(Value::IntValue(number)) =
                attribute.value.as_ref().and_then(|value| value.value.as_ref())
                && is_packets
            {
                packets += number.unsigned_abs();
            }
        }
    }
    let mut counted = counted.lock().ok().context("another connection panicked")?;
    counted.requests += 1;
    counted.records += records;
    counted.packets += packets;
    counted.bytes += bytes;
    counted.uncompressed += uncompressed;
    Ok(())
}
