//! What the listener answers.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use prometheus::{Registry, TextEncoder};

use super::health::Health;
use crate::clock::MonotonicTime;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Prometheus, "Text-based format".
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const READS: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// The pages and what they are made of.
#[derive(Clone)]
pub(crate) struct Pages {
    /// Gives the agent's own metrics, if it has some.
    pub(crate) metrics: Option<Registry>,
    pub(crate) health: Health,
}

impl Pages {
    /// The answer to a request, whose body nobody reads.
    pub(super) fn answer(&self, method: &Method, path: &str, now: MonotonicTime) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut refusal = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned());
            refusal.headers_mut().insert(ALLOW, READS);
            return refusal;
        }
        match (path, &self.metrics) {
            ("/healthz", _) => verdict(self.health.is_alive(now)),
            ("/readyz", _) => verdict(self.health.is_ready(now)),
            ("/metrics", Some(registry)) => metrics(registry),
            _ => text(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n".to_owned()),
        }
    }
}

fn verdict(verdict: Result<(), String>) -> Response<Full<Bytes>> {
    match verdict {
        Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
        Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
    }
}

fn metrics(registry: &Registry) -> Response<Full<Bytes>> {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(body) => response(StatusCode::OK, METRICS, body),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write the metrics: {error}\n")),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    response(status, TEXT, body)
}

fn response(status: StatusCode, content_type: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
