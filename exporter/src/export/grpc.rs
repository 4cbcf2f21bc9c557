//! Delivery over OTLP/gRPC: a unary call whose request is bytes that are already encoded.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Extensions, Request, Status};

use crate::export::batch::Signal;
use crate::export::classify::{Verdict, classify};
use crate::export::response::{PartialSuccess, decode_response};
use crate::export::settings::Settings;
use crate::export::transport::{Failure, Transport};

/// Bytes of a reply that are read: two small fields, and the second is a sentence.
const LONGEST_REPLY: usize = 64 * 1024;

/// A connection to an OTLP/gRPC receiver, made with the first request and again when it broke.
#[derive(Debug)]
pub struct GrpcTransport {
    name: String,
    endpoint: Endpoint,
    client: Grpc<Channel>,
    timeout: Duration,
    metadata: MetadataMap,
    unreadable_reported: bool,
}

/// Why a transport cannot be made from settings.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The program's name and version are no valid header. Settings do not lead to this.
    #[error("cannot prepare the connection to the OTLP endpoint: {0}")]
    Endpoint(#[source] tonic::transport::Error),
}

impl GrpcTransport {
    /// Prepares a connection; nothing is sent yet. Needs a Tokio runtime around it.
    ///
    /// # Errors
    /// [`GrpcError`].
    pub fn new(settings: &Settings) -> Result<Self, GrpcError> {
        let endpoint = Endpoint::from(settings.endpoint.clone())
            .connect_timeout(settings.timeout)
            // OTLP specification, "User Agent".
            .user_agent(concat!("otel-flow-exporter/", env!("CARGO_PKG_VERSION")))
            .map_err(GrpcError::Endpoint)?;
        Ok(Self {
            name: settings.endpoint.to_string().trim_end_matches('/').to_owned(),
            client: client(&endpoint),
            endpoint,
            timeout: settings.timeout,
            metadata: MetadataMap::from_headers(settings.headers.clone()),
            unreadable_reported: false,
        })
    }

    async fn call(&mut self, signal: Signal, payload: Bytes) -> Result<Bytes, Status> {
        // Readiness is where a new connection is made, so its failure is one of the connection.
        self.client.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let mut request = Request::from_parts(self.metadata.clone(), Extensions::default(), payload);
        request.set_timeout(self.timeout);
        Ok(self.client.unary(request, path(signal), RawCodec).await?.into_inner())
    }

    /// The receiver took the request, so that sending it again would double it; only what it says about it is lost.
    fn unreadable(&mut self, problem: &dyn std::fmt::Display) -> PartialSuccess {
        if !self.unreadable_reported {
            self.unreadable_reported = true;
            tracing::warn!(
                endpoint = self.name,
                cause = %problem,
                remedy = "check that the endpoint is an OTLP receiver",
                "the receiver's replies cannot be read; the records count as delivered (said once)"
            );
        }
        PartialSuccess::default()
    }
}

impl Transport for GrpcTransport {
    fn endpoint(&self) -> &str {
        &self.name
    }

    async fn send(&mut self, signal: Signal, payload: Bytes) -> Result<PartialSuccess, Failure> {
        // The deadline in the request is for the receiver; this one also holds for connecting and a reply that stalls.
        let Ok(result) = tokio::time::timeout(self.timeout, self.call(signal, payload)).await else {
            // A connection whose other end is gone without a word stays open for a quarter of an hour; nothing waits for that.
            self.client = client(&self.endpoint);
            return Err(Failure {
                verdict: Verdict::Retry,
                cause: format!("no answer within {} ms", self.timeout.as_millis()),
                remedy: remedy(Code::DeadlineExceeded),
            });
        };
        match result {
            Ok(reply) => Ok(decode_response(&reply).unwrap_or_else(|error| self.unreadable(&error))),
            Err(status) if is_oversized_reply(&status) => Ok(self.unreadable(&status.message())),
            Err(status) => Err(Failure {
                verdict: classify(&status),
                cause: cause(&status),
                remedy: remedy(status.code()),
            }),
        }
    }
}

fn client(endpoint: &Endpoint) -> Grpc<Channel> {
    Grpc::new(endpoint.connect_lazy()).max_decoding_message_size(LONGEST_REPLY)
}

fn path(signal: Signal) -> PathAndQuery {
    PathAndQuery::from_static(match signal {
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    })
}

/// Whether the status is tonic's own, about a reply of more than [`LONGEST_REPLY`]. Only its words tell: a receiver with tonic
/// says the same with another limit about a request, and that is a failure.
fn is_oversized_reply(status: &Status) -> bool {
    status.code() == Code::OutOfRange
        && status.message().starts_with("Error, decoded message length too large")
        && status.message().ends_with(&format!("the limit is: {LONGEST_REPLY} bytes"))
}

/// The code, the words, and the deepest reason that the client library has: "transport error" alone helps nobody.
fn cause(status: &Status) -> String {
    let mut cause = format!("{:?}: {}", status.code(), status.message());
    let mut source = std::error::Error::source(status);
    let mut deepest = None;
    while let Some(error) = source {
        deepest = Some(error.to_string());
        source = error.source();
    }
    if let Some(deepest) = deepest.filter(|deepest| !cause.ends_with(deepest.as_str())) {
        cause = format!("{cause}: {deepest}");
    }
    cause
}

fn remedy(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated | Code::PermissionDenied => {
            "check the credentials in OTEL_EXPORTER_OTLP_HEADERS"
        }
        Code::Unimplemented | Code::NotFound => {
            "check that the endpoint is the OTLP/gRPC port of a receiver with a logs pipeline"
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            "check the receiver's load and the network, or raise OTEL_EXPORTER_OTLP_TIMEOUT"
        }
        Code::Unavailable | Code::Unknown | Code::Internal => {
            "check that an OTLP/gRPC receiver listens at the endpoint and that the network lets it be reached"
        }
        _ => "see the receiver's own log",
    }
}

/// Passes messages through as they are.
#[derive(Clone, Copy, Debug)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = RawEncoder;
    type Decoder = RawDecoder;

    fn encoder(&mut self) -> RawEncoder {
        RawEncoder
    }

    fn decoder(&mut self) -> RawDecoder {
        RawDecoder
    }
}

#[derive(Clone, Copy, Debug)]
struct RawEncoder;

impl Encoder for RawEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, payload: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(payload.len());
        buffer.put(payload);
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct RawDecoder;

impl Decoder for RawDecoder {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        // Replies are a few bytes; tonic's default is for messages.
        BufferSettings::new(512, 512)
    }
}
