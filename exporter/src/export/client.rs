//! The connection to a receiver, for both protocols of OTLP: each is a request of HTTP with a limit in time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use http::header::{AUTHORIZATION, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use tonic::Code;

use crate::cause::cause;
use crate::connections::OwnConnections;
use crate::export::classify::Verdict;
use crate::export::connect::{Connector, forwards};
use crate::export::payload::Payload;
use crate::export::reply::{Answer, Reply};
use crate::export::response::PartialSuccess;
use crate::export::settings::{Protocol, Proxy, Route, Settings};
use crate::export::tls::{self, TlsError};
use crate::export::token::{Token, TokenError};
use crate::export::transport::{Failure, Transport};
use crate::export::watched::Watched;
use crate::export::{grpc, http as otlp_http};

/// OTLP specification, "User Agent".
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("otel-flow-exporter/", env!("CARGO_PKG_VERSION")));
/// Behind a balancer of connections, one that stayed for ever would never reach a receiver that came later.
const CONNECTION_AGE: Duration = Duration::from_mins(5);

/// A way to an OTLP receiver: connects with the first request, and again when the connection broke, grew old, or when a
/// certificate changed.
#[derive(Debug)]
pub struct Otlp {
    settings: Settings,
    own: Arc<OwnConnections>,
    /// From the certificates that could last be used.
    tls: ClientConfig,
    client: HttpClient,
    connected: Instant,
    connection_age: Duration,
    certificates: Watched,
    token: Option<Token>,
    name: String,
    unreadable_reported: bool,
}

/// What goes before the payload, and the payload.
type Body = Full<Chain<Bytes, Bytes>>;
type HttpClient = Client<HttpsConnector<Connector>, Body>;

/// Why there can be no way to the receiver.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Otlp {
    /// Reads the files that the settings name; nothing is sent yet. `own` learns of each connection that is made.
    ///
    /// # Errors
    /// [`ConnectError`], a sentence that names the file.
    pub fn new(settings: Settings, own: Arc<OwnConnections>) -> Result<Self, ConnectError> {
        // Before the files are read, so that no change is missed.
        let certificates = Watched::new(settings.tls.paths());
        let tls = tls_of(&settings)?;
        Ok(Self {
            client: client(&settings, tls.clone(), &own),
            own,
            tls,
            connected: Instant::now(),
            connection_age: CONNECTION_AGE,
            certificates,
            token: settings.token.clone().map(Token::read).transpose()?,
            name: settings.endpoint_name(),
            settings,
            unreadable_reported: false,
        })
    }

    #[cfg(test)]
    pub(super) fn with_connection_age(self, connection_age: Duration) -> Self {
        Self { connection_age, ..self }
    }

    /// Leaves the connection if it is too old, or not of the certificates that there are now.
    fn renew(&mut self) {
        let changed = self.certificates.changed();
        if !changed && self.connected.elapsed() < self.connection_age {
            return;
        }
        match tls_of(&self.settings) {
            Ok(tls) => self.tls = tls,
            Err(error) => tracing::warn!(
                endpoint = self.name,
                cause = %error,
                remedy = "write the file again",
                "the certificates of before stay in use"
            ),
        }
        self.reconnect();
    }

    fn reconnect(&mut self) {
        self.connected = Instant::now();
        self.client = client(&self.settings, self.tls.clone(), &self.own);
    }

    fn request(&mut self, payload: &Payload) -> Request<Body> {
        let (settings, body) = (&self.settings, payload.bytes.clone());
        let prefix = match settings.protocol {
            Protocol::Grpc => grpc::prefix(payload),
            Protocol::HttpProtobuf => Bytes::new(),
        };
        let mut request = Request::new(Full::new(prefix.chain(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = settings.endpoint.clone();
        let headers = request.headers_mut();
        headers.clone_from(&settings.headers);
        headers.entry(USER_AGENT).or_insert(AGENT);
        if let Some(token) = &mut self.token {
            headers.insert(AUTHORIZATION, token.header());
        }
        if let Route::Proxy(Proxy { authorization: Some(authorization), .. }) = &settings.route
            && forwards(settings)
        {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        match settings.protocol {
            Protocol::Grpc => grpc::headers(headers, payload, settings.timeout),
            Protocol::HttpProtobuf => otlp_http::headers(headers, payload),
        }
        request
    }

    fn not_in_time(&mut self) -> Failure {
        // A connection whose other end is gone without a word stays open for a quarter of an hour; nothing waits for that.
        self.reconnect();
        Failure {
            verdict: Verdict::RETRY,
            cause: format!("no answer within {} ms", self.settings.timeout.as_millis()),
            remedy: grpc::remedy(Code::DeadlineExceeded),
        }
    }

    /// The receiver took the request, so that sending it again would double it; only what it says about it is lost.
    fn unreadable(&mut self, cause: &str) -> PartialSuccess {
        if !self.unreadable_reported {
            self.unreadable_reported = true;
            tracing::warn!(
                endpoint = self.name,
                cause,
                remedy = "check that the endpoint is an OTLP receiver",
                "the receiver's replies cannot be read; the records count as delivered (said once)"
            );
        }
        PartialSuccess::default()
    }
}

impl Transport for Otlp {
    fn endpoint(&self) -> &str {
        &self.name
    }

    async fn send(&mut self, payload: &Payload) -> Result<PartialSuccess, Failure> {
        self.renew();
        let deadline = Instant::now() + self.settings.timeout;
        let request = self.request(payload);
        let Ok(response) = timeout_at(deadline, self.client.request(request)).await else {
            return Err(self.not_in_time());
        };
        let (head, body) =
            response.map_err(|error| not_connected(&self.settings.route, &cause(&error)))?.into_parts();
        let reply = Reply::read(head, body, deadline).await;
        if reply.body.is_err() {
            // What comes late belongs to a request that is over.
            self.reconnect();
        }
        let answer = match self.settings.protocol {
            Protocol::Grpc => grpc::answer(reply),
            Protocol::HttpProtobuf => otlp_http::answer(reply, SystemTime::now()),
        };
        match answer {
            Answer::Taken(partial) => Ok(partial),
            Answer::Unreadable(cause) => Ok(self.unreadable(&cause)),
            Answer::Failed(failure) => Err(failure),
        }
    }
}

/// No receiver judged the request, so that it is always worth another attempt.
fn not_connected(route: &Route, cause: &str) -> Failure {
    // rustls' own words, and those of a receiver that does not like this agent's certificate.
    let is_about_certificates = cause.contains("certificate") || cause.contains("fatal alert");
    let (cause, remedy) = match route {
        _ if is_about_certificates => (
            cause.to_owned(),
            "check the receiver's certificate, and the files in OTEL_EXPORTER_OTLP_CERTIFICATE and _CLIENT_CERTIFICATE",
        ),
        Route::Direct => (
            cause.to_owned(),
            "check that an OTLP receiver of this protocol listens at the endpoint and that the network lets it be reached",
        ),
        Route::Proxy(Proxy { uri, variable, .. }) => (
            format!("by the proxy {uri} of {variable}: {cause}"),
            "check that the proxy is there, knows the credentials (http://user:password@host:port) and connects to the \
             endpoint, or name the endpoint's host in no_proxy",
        ),
        Route::Unix(_) => (
            cause.to_owned(),
            "check that an OTLP receiver of this protocol listens at the socket and that the agent may open it",
        ),
    };
    Failure { verdict: Verdict::RETRY, cause, remedy }
}

fn tls_of(settings: &Settings) -> Result<ClientConfig, TlsError> {
    if settings.is_encrypted() { settings.tls.load() } else { tls::none() }
}

/// A client without a connection yet.
fn client(settings: &Settings, tls: ClientConfig, own: &Arc<OwnConnections>) -> HttpClient {
    let wrapped = Connector::new(settings, own);
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let mut client = Client::builder(TokioExecutor::new());
    client.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
    match settings.protocol {
        Protocol::Grpc => client.http2_only(true).build(connector.enable_http2().wrap_connector(wrapped)),
        Protocol::HttpProtobuf => client.build(connector.enable_all_versions().wrap_connector(wrapped)),
    }
}
