//! A receiver's answer before it is understood.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::cause::cause;
use crate::export::response::PartialSuccess;
use crate::export::transport::Failure;

/// Bytes of a reply that are read: two small fields, and the second is a sentence.
pub(super) const LONGEST: usize = 64 * 1024;

/// What came, in the time there was for it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Body, BodyProblem>,
}

#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) trailers: HeaderMap,
}

/// Why a body was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyProblem {
    #[error("the reply has more than {LONGEST} bytes")]
    TooLong,
    #[error("the reply did not end in time")]
    Late,
    #[error("the reply broke off: {0}")]
    Broken(String),
}

/// What a reply says about the request.
#[derive(Debug)]
pub(super) enum Answer {
    /// The receiver took it.
    Taken(PartialSuccess),
    /// The receiver took it, and what else it says cannot be read. Sending it again would double it.
    Unreadable(String),
    /// It did not take it, or it is not sure that it did.
    Failed(Failure),
}

impl Reply {
    pub(super) async fn read(head: response::Parts, body: Incoming, deadline: Instant) -> Self {
        let body = match timeout_at(deadline, Limited::new(body, LONGEST).collect()).await {
            Err(_) => Err(BodyProblem::Late),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyProblem::TooLong),
            Ok(Err(error)) => Err(BodyProblem::Broken(cause(&*error))),
            Ok(Ok(body)) => {
                let trailers = body.trailers().cloned().unwrap_or_default();
                Ok(Body { bytes: body.to_bytes(), trailers })
            }
        };
        Self { status: head.status, headers: head.headers, body }
    }
}
