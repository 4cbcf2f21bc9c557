//! OTLP over HTTP: a POST of protobuf (OTLP specification, "OTLP/HTTP").

use std::time::SystemTime;

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::export::classify::{Verdict, retry_after};
use crate::export::payload::Payload;
use crate::export::reply::{Answer, Reply};
use crate::export::response::decode_response;
use crate::export::transport::Failure;
use crate::export::words::Words;

const PROTOBUF: &str = "application/x-protobuf";

/// The headers of a request.
pub(super) fn headers(headers: &mut HeaderMap, payload: &Payload) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    if let Some(name) = payload.encoding.name() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    }
}

/// What the reply says. `now` is what a date in it is compared with.
pub(super) fn answer(reply: Reply, now: SystemTime) -> Answer {
    if reply.status.is_success() {
        // The status came first: whatever happened to the body, the receiver has the request.
        return match reply.body {
            Ok(body) => match decode_response(&body.bytes) {
                Ok(partial) => Answer::Taken(partial),
                Err(error) => Answer::Unreadable(error.to_string()),
            },
            Err(problem) => Answer::Unreadable(problem.to_string()),
        };
    }
    let words = reply.body.map(|body| words(&reply.headers, &body.bytes)).unwrap_or_default();
    let after = retry_after(&reply.headers, now).or(words.retry_after);
    Answer::Failed(Failure {
        verdict: Verdict::of_http(reply.status, &words.message, after),
        cause: format!("HTTP {}: {}", reply.status, words.message),
        remedy: remedy(reply.status),
    })
}

/// What the receiver says: a `google.rpc.Status`, or a text where it is something else, such as a proxy.
fn words(headers: &HeaderMap, body: &[u8]) -> Words {
    let protobuf =
        headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(PROTOBUF.as_bytes()));
    if protobuf && let Ok(words) = Words::read(body) {
        return words;
    }
    let text = str::from_utf8(body).unwrap_or("(no text)");
    Words { message: text.split_whitespace().collect::<Vec<_>>().join(" "), retry_after: None }
}

pub(super) fn remedy(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "check the credentials in OTEL_EXPORTER_OTLP_HEADERS",
        300..=399 | 404 | 405 | 415 => {
            "check that the endpoint is the OTLP/HTTP port and path of a receiver with a pipeline for the signal, or \
             set OTEL_LOGS_EXPORTER or OTEL_METRICS_EXPORTER to none"
        }
        407 => "write the proxy's credentials into its variable: http://user:password@host:port",
        408 | 504 => "check the receiver's load and the network, or raise OTEL_EXPORTER_OTLP_TIMEOUT",
        _ => "see the receiver's own log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::words;

    #[test]
    fn the_receivers_words_are_a_status_or_a_text() {
        let typed =
            |kind: &'static str| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let status = words::tests::status(3, "what is this", None);
        assert_eq!(words(&typed(PROTOBUF), &status).message, "what is this");
        assert_eq!(words(&typed("text/html"), b"<h1>Bad\r\n Gateway</h1>").message, "<h1>Bad Gateway</h1>");
        assert_eq!(words(&typed(PROTOBUF), b"<plain words>").message, "<plain words>");
        assert_eq!(words(&HeaderMap::new(), &[0xff]).message, "(no text)");
    }
}
