//! Which failures are worth another attempt.

use std::error::Error;

use tonic::{Code, Status};

/// What to do with a request that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Send it again later.
    Retry,
    /// Give it up: another attempt would end the same way.
    Reject,
}

/// Judges a gRPC status by the table of the OTLP specification, "OTLP/gRPC Response", 1.x.
///
/// A failure of the connection itself is always retried: whatever code the client library chose for it (`UNKNOWN` for a reset
/// in the middle of a request), the receiver did not judge the request.
#[must_use]
pub fn classify(status: &Status) -> Verdict {
    if status.source().is_some() {
        return Verdict::Retry;
    }
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Verdict::Retry,
        // RESOURCE_EXHAUSTED is retryable only where the receiver sends a RetryInfo, which nothing reads yet.
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::Unauthenticated => Verdict::Reject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classify_follows_the_table_of_the_specification() {
        // Code numbers of gRPC, doc/statuscodes.md.
        let retryable: Vec<i32> =
            (0..=16).filter(|&code| classify(&Status::new(Code::from(code), "")) == Verdict::Retry).collect();
        assert_eq!(retryable, [1, 4, 10, 11, 14, 15]);
    }

    #[test]
    fn classify_retries_what_no_receiver_said() {
        let status = Status::from_error("connection reset".into());
        assert_eq!(status.code(), Code::Unknown);
        assert_eq!(classify(&status), Verdict::Retry);
    }
}
