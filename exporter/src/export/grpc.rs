//! OTLP over gRPC: a unary call as an HTTP/2 request (gRPC, doc/PROTOCOL-HTTP2.md), whose message is bytes that are already
//! encoded and compressed.

use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tonic::{Code, Status};

use crate::export::classify::Verdict;
use crate::export::payload::{Encoding, Payload};
use crate::export::reply::{Answer, Body, BodyProblem, LONGEST, Reply};
use crate::export::response::decode_response;
use crate::export::transport::Failure;
use crate::export::words::Words;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A `google.rpc.Status` with what a status has beside its code and its sentence.
const DETAILS: &str = "grpc-status-details-bin";
/// Of headers with binary values, which may be padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The headers of a call.
pub(super) fn headers(headers: &mut HeaderMap, payload: &Payload, timeout: Duration) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert("grpc-timeout", grpc_timeout(timeout));
    if let Some(name) = payload.encoding.name() {
        headers.insert("grpc-encoding", HeaderValue::from_static(name));
    }
}

/// What goes before the payload.
pub(super) fn prefix(payload: &Payload) -> Bytes {
    let mut prefix = BytesMut::with_capacity(PREFIX);
    prefix.put_u8(payload.encoding.name().is_some().into());
    // Requests are far below 4 GiB; a receiver would refuse the call if one were not.
    prefix.put_u32(payload.bytes.len().try_into().unwrap_or(u32::MAX));
    prefix.freeze()
}

/// At most eight digits and a unit.
fn grpc_timeout(timeout: Duration) -> HeaderValue {
    let (number, unit) = match timeout.as_millis() {
        milliseconds @ ..=99_999_999 => (milliseconds, 'm'),
        milliseconds => ((milliseconds / 1000).min(99_999_999), 'S'),
    };
    HeaderValue::try_from(format!("{number}{unit}")).unwrap_or(HeaderValue::from_static("10S"))
}

/// What the reply says.
pub(super) fn answer(reply: Reply) -> Answer {
    // A call that fails at once has its status in the headers.
    let status = status(&reply.headers);
    let body = match (status, reply.body) {
        (Some(status), _) if status.code() != Code::Ok => return Answer::Failed(failure(&status)),
        (_, Ok(body)) => body,
        // Only a call that succeeds has a message in its reply.
        (_, Err(problem @ BodyProblem::TooLong)) if reply.status == StatusCode::OK => {
            return Answer::Unreadable(problem.to_string());
        }
        // The status would have come at the end.
        (_, Err(problem)) => {
            return Answer::Failed(Failure {
                verdict: Verdict::RETRY,
                cause: problem.to_string(),
                remedy: remedy(Code::Unavailable),
            });
        }
    };
    match self::status(&body.trailers).or_else(|| self::status(&reply.headers)) {
        Some(status) if status.code() == Code::Ok => {
            let partial = message(&body, &reply.headers)
                .and_then(|message| decode_response(&message).map_err(|error| error.to_string()));
            partial.map_or_else(Answer::Unreadable, Answer::Taken)
        }
        Some(status) => Answer::Failed(failure(&status)),
        None => Answer::Failed(failure(&status_of(reply.status))),
    }
}

/// The status that headers have, if they have one. Details that are no base64 say nothing; tonic would panic.
pub(super) fn status(headers: &HeaderMap) -> Option<Status> {
    let mut headers = headers.clone();
    let details = headers.remove(DETAILS).and_then(|details| BASE64.decode(details.as_bytes()).ok());
    let status = Status::from_header_map(&headers)?;
    Some(Status::with_details(status.code(), status.message(), details.unwrap_or_default().into()))
}

/// The one message of a reply. Servers in Go compress it as the request was, asked or not.
fn message(body: &Body, headers: &HeaderMap) -> Result<Bytes, String> {
    let Some((&[compressed, a, b, c, d], _)) = body.bytes.split_first_chunk::<PREFIX>() else {
        return Err("the reply has no message of gRPC".to_owned());
    };
    let message = body.bytes.slice(PREFIX..);
    if u32::try_from(message.len()) != Ok(u32::from_be_bytes([a, b, c, d])) {
        return Err("the reply is not one message".to_owned());
    }
    if compressed == 0 {
        return Ok(message);
    }
    let name = headers.get("grpc-encoding").and_then(|name| name.to_str().ok()).unwrap_or_default();
    let encoding = Encoding::of_name(name).ok_or_else(|| format!("the reply is compressed by {name:?}"))?;
    encoding.decompress(&message, LONGEST).map_err(|error| format!("the reply is no {name}: {error}"))
}

/// Of a reply that has no status of gRPC (gRPC, doc/http-grpc-status-mapping.md).
fn status_of(status: StatusCode) -> Status {
    let code = match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    Status::new(code, format!("HTTP status {} and no status of gRPC", status.as_u16()))
}

fn failure(status: &Status) -> Failure {
    // Details that cannot be read say nothing, the code still does.
    let after = Words::read(status.details()).ok().and_then(|words| words.retry_after);
    Failure {
        verdict: Verdict::of_grpc(status.code(), status.message(), after),
        cause: format!("{:?}: {}", status.code(), status.message()),
        remedy: remedy(status.code()),
    }
}

pub(super) fn remedy(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated | Code::PermissionDenied => {
            "check the credentials in OTEL_EXPORTER_OTLP_HEADERS"
        }
        Code::Unimplemented | Code::NotFound => {
            "check that the endpoint is the OTLP/gRPC port of a receiver with a pipeline for the signal, or set \
             OTEL_LOGS_EXPORTER or OTEL_METRICS_EXPORTER to none"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::words;

    #[test]
    fn time_limits_have_at_most_eight_digits() {
        for (timeout, text) in [
            (Duration::from_millis(1), "1m"),
            (Duration::from_secs(10), "10000m"),
            (Duration::from_millis(99_999_999), "99999999m"),
            (Duration::from_millis(u32::MAX.into()), "4294967S"),
        ] {
            assert_eq!(grpc_timeout(timeout), text);
        }
    }

    #[test]
    fn details_that_are_no_base64_leave_code_and_sentence() {
        let failure = |details: &[u8]| {
            let headers = [("grpc-status", &b"8"[..]), ("grpc-message", b"busy"), (DETAILS, details)];
            let header = |(name, value)| {
                (http::HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
            };
            let headers = headers.into_iter().map(header).collect();
            match answer(Reply { status: StatusCode::OK, headers, body: Ok(Body::default()) }) {
                Answer::Failed(failure) => (failure.verdict, failure.cause),
                other => panic!("{other:?}"),
            }
        };
        let cause = "ResourceExhausted: busy".to_owned();
        for details in [&b"\xff\xff"[..], b"=", b"a", b"no base64"] {
            assert_eq!(failure(details), (Verdict::Reject, cause.clone()), "{}", details.escape_ascii());
        }
        let details = words::tests::status(8, "busy", Some((3, 0)));
        let padded = BASE64.encode(details);
        let after = Verdict::Retry { after: Some(Duration::from_secs(3)) };
        for details in [&*padded, padded.trim_end_matches('=')] {
            assert_eq!(failure(details.as_bytes()), (after, cause.clone()), "{details}");
        }
    }

    fn read(reply: &'static [u8], encoding: Option<&'static str>) -> Result<Bytes, String> {
        let body = Body { bytes: Bytes::from_static(reply), trailers: HeaderMap::new() };
        let name = http::HeaderName::from_static("grpc-encoding");
        message(
            &body,
            &encoding.into_iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect(),
        )
    }

    #[test]
    fn what_is_no_single_message_is_told_apart() {
        for (reply, part) in [
            (&b""[..], "no message"),
            (&[0, 0, 0, 0], "no message"),
            (&[0, 0, 0, 0, 2, 7], "not one message"),
            (&[0, 0, 0, 0, 1, 7, 7], "not one message"),
            (&[1, 0, 0, 0, 1, 7], "compressed by \"\""),
        ] {
            assert!(read(reply, None).unwrap_err().contains(part), "{reply:?}");
        }
        assert!(read(&[1, 0, 0, 0, 1, 7], Some("snappy")).unwrap_err().contains("snappy"));
        assert!(read(&[1, 0, 0, 0, 1, 7], Some("gzip")).unwrap_err().contains("no gzip"));
        assert_eq!(read(&[0, 0, 0, 0, 1, 7], Some("gzip")).unwrap(), [7][..]);
        // An empty frame of zstd.
        let empty = &[1, 0, 0, 0, 9, 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0];
        assert_eq!(read(empty, Some("zstd")).unwrap(), [][..]);
    }
}
