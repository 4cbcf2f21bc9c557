//! Says once that a receiver is away and once that it is back.

use std::time::Duration;

use crate::clock::MonotonicTime;
use crate::export::transport::Failure;

/// The outage that there is, if there is one: from the first failed attempt to the next answer.
#[derive(Debug, Default)]
pub(super) struct Outage(Option<Current>);

#[derive(Debug)]
struct Current {
    since: MonotonicTime,
    attempts: u64,
    undelivered: u64,
}

impl Outage {
    /// An attempt failed; the first one of an outage is logged.
    pub(super) fn attempt_failed(&mut self, endpoint: &str, failure: &Failure, now: MonotonicTime) {
        let current = self.0.get_or_insert_with(|| {
            tracing::warn!(
                endpoint,
                cause = failure.cause,
                remedy = failure.remedy,
                "the receiver does not take requests; they are kept and sent again until they are too old"
            );
            Current { since: now, attempts: 0, undelivered: 0 }
        });
        current.attempts += 1;
    }

    /// A batch was given up.
    pub(super) fn batch_lost(&mut self) {
        if let Some(current) = &mut self.0 {
            current.undelivered += 1;
        }
    }

    /// The receiver answered; if that ends an outage, it is logged.
    pub(super) fn answered(&mut self, endpoint: &str, now: MonotonicTime) {
        if let Some(Current { since, attempts, undelivered }) = self.0.take() {
            let seconds = Duration::from_nanos(now.since(since)).as_secs_f64();
            tracing::info!(
                endpoint,
                seconds,
                failed_attempts = attempts,
                undelivered_batches = undelivered,
                "the receiver answers again"
            );
        }
    }
}
