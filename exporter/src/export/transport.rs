//! What the delivery task needs of a way to a receiver.

use std::future::Future;

use crate::export::classify::Verdict;
use crate::export::payload::Payload;
use crate::export::response::PartialSuccess;

/// A way to one receiver.
pub trait Transport: Send {
    /// Where the receiver is, for messages. Holds no secret.
    fn endpoint(&self) -> &str;

    /// Makes one attempt to deliver a whole export request; ends within the transport's own time limit.
    ///
    /// # Errors
    /// [`Failure`] if the receiver did not take the request, or may not have.
    fn send(&mut self, payload: &Payload) -> impl Future<Output = Result<PartialSuccess, Failure>> + Send;
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// What to do with the request.
    pub verdict: Verdict,
    /// What happened, in the receiver's words where it has some.
    pub cause: String,
    /// What the user can do about it.
    pub remedy: &'static str,
}
