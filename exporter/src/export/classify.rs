//! Which failures are worth another attempt.

use std::time::{Duration, SystemTime};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use tonic::Code;

/// What to do with a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it again later.
    Retry {
        /// Not before this time is over, if the receiver named one.
        after: Option<Duration>,
    },
    /// Send it in two halves: the receiver takes none of this size.
    Halve,
    /// Give it up: another attempt would end the same way.
    Reject,
}

impl Verdict {
    /// Of a failure that is not the receiver's judgement, such as a broken connection.
    pub(super) const RETRY: Self = Self::Retry { after: None };

    /// By the table of the OTLP specification, "OTLP/gRPC Response", 1.x.
    pub(super) fn of_grpc(code: Code, message: &str, after: Option<Duration>) -> Self {
        match code {
            // A large request is OUT_OF_RANGE to some servers (tonic), and would be the same at every attempt.
            Code::ResourceExhausted | Code::OutOfRange if after.is_none() && is_about_size(message) => {
                Self::Halve
            }
            // Only by a RetryInfo does the receiver say that it will recover.
            Code::ResourceExhausted if after.is_none() => Self::Reject,
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => Self::Retry { after },
            Code::Ok
            | Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Unimplemented
            | Code::Internal
            | Code::Unauthenticated => Self::Reject,
        }
    }

    /// By the table of the OTLP specification, "OTLP/HTTP Response", 1.x, but for what says that the request is too large.
    pub(super) fn of_http(status: StatusCode, message: &str, after: Option<Duration>) -> Self {
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => Self::Halve,
            // Some backends answer 400 or 503 (Loki) to a request that will be too large at every attempt.
            _ if after.is_none() && is_about_size(message) => Self::Halve,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::Retry { after },
            _ => Self::Reject,
        }
    }
}

/// The time in a `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The sentences of gRPC's libraries (Go and C++, Java, tonic) and of the Collector's HTTP receiver.
fn is_about_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["message larger than max", "exceeds maximum size", "message length too large", "request body too large"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Option<Duration> = Some(Duration::from_secs(1));

    #[test]
    fn grpc_follows_the_table_of_the_specification() {
        // Code numbers of gRPC, doc/statuscodes.md.
        let retryable = |after| -> Vec<i32> {
            let verdict = |code: i32| Verdict::of_grpc(Code::from(code), "no", after);
            (0..=16).filter(|&code| verdict(code) == Verdict::Retry { after }).collect()
        };
        assert_eq!(retryable(None), [1, 4, 10, 11, 14, 15]);
        assert_eq!(retryable(AFTER), [1, 4, 8, 10, 11, 14, 15]);
    }

    #[test]
    fn http_follows_the_table_of_the_specification() {
        for after in [None, AFTER] {
            let verdict = |code: u16| Verdict::of_http(StatusCode::from_u16(code).unwrap(), "no", after);
            let retryable: Vec<u16> =
                (300..600).filter(|&code| verdict(code) == Verdict::Retry { after }).collect();
            assert_eq!(retryable, [429, 502, 503, 504]);
        }
    }

    #[test]
    fn what_is_too_large_is_halved() {
        for message in [
            "grpc: received message larger than max (5000000 vs. 4194304)",
            "gRPC message exceeds maximum size 4194304: 5000000",
            "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes",
            "http: request body too large",
        ] {
            assert_eq!(Verdict::of_grpc(Code::ResourceExhausted, message, None), Verdict::Halve, "{message}");
            assert_eq!(Verdict::of_grpc(Code::OutOfRange, message, None), Verdict::Halve, "{message}");
            assert_eq!(Verdict::of_http(StatusCode::BAD_REQUEST, message, None), Verdict::Halve, "{message}");
        }
        assert_eq!(Verdict::of_http(StatusCode::PAYLOAD_TOO_LARGE, "", None), Verdict::Halve);
    }

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, after) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), after.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
