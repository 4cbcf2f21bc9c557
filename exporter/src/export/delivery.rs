//! The attempts for one batch, and what is said about them.

use std::time::Duration;

use tokio::time::sleep;

use crate::clock::MonotonicTime;
use crate::export::backoff::Backoff;
use crate::export::batch::Batch;
use crate::export::classify::Verdict;
use crate::export::exporter::{Limits, Outcome};
use crate::export::outage::Outage;
use crate::export::response::PartialSuccess;
use crate::export::transport::Transport;

/// A transport with what is remembered from batch to batch.
pub(super) struct Delivery<T, N> {
    transport: T,
    limits: Limits,
    now: N,
    backoff: Backoff,
    outage: Outage,
    /// What the receiver said last about records that it does not take, so that it is logged once and not with each batch.
    last_words: String,
}

impl<T: Transport, N: Fn() -> MonotonicTime + Send> Delivery<T, N> {
    pub(super) fn new(transport: T, limits: Limits, now: N) -> Self {
        Self {
            transport,
            limits,
            now,
            backoff: Backoff::new(limits.first_wait, limits.longest_wait),
            outage: Outage::default(),
            last_words: String::new(),
        }
    }

    /// Tries until the receiver has the batch, refuses it, or the batch is too old.
    pub(super) async fn deliver(&mut self, batch: &Batch) -> Outcome {
        loop {
            let failure = match self.transport.send(batch.signal, batch.payload.clone()).await {
                Ok(partial) => {
                    self.answered();
                    let rejected_records = self.rejected(batch, &partial);
                    // Without a single record that arrived there is no doubt about any.
                    return if rejected_records > 0 && rejected_records == batch.records {
                        Outcome::Refused
                    } else {
                        Outcome::Delivered { rejected_records }
                    };
                }
                Err(failure) => failure,
            };
            if failure.verdict == Verdict::Reject {
                self.answered();
                self.log_words(
                    "the receiver refuses a batch of records for good",
                    &failure.cause,
                    failure.remedy,
                );
                return Outcome::Refused;
            }
            let now = (self.now)();
            self.outage.attempt_failed(self.transport.endpoint(), &failure, now);
            let wait = self.backoff.wait();
            let left = self.left(batch, now);
            if left.is_zero() {
                self.outage.batch_lost();
                // The next batch waits as well, or a queue of old batches would be a burst on a receiver in trouble.
                sleep(wait).await;
                return Outcome::Undelivered;
            }
            // The last attempt is at the age limit, however long the wait would be.
            sleep(wait.min(left)).await;
        }
    }

    /// The time until the batch is too old.
    fn left(&self, batch: &Batch, now: MonotonicTime) -> Duration {
        self.limits.age.saturating_sub(Duration::from_nanos(now.since(batch.created)))
    }

    fn answered(&mut self) {
        self.backoff.reset();
        self.outage.answered(self.transport.endpoint(), (self.now)());
    }

    fn rejected(&mut self, batch: &Batch, partial: &PartialSuccess) -> u32 {
        let rejected = u32::try_from(partial.rejected.max(0)).unwrap_or(u32::MAX).min(batch.records);
        if rejected > 0 {
            self.log_words(
                "the receiver rejects some records",
                &partial.message,
                "see the receiver's own log",
            );
        } else if !partial.message.is_empty() {
            self.log_words(
                "the receiver takes the records and warns",
                &partial.message,
                "see the receiver's own log",
            );
        }
        rejected
    }

    fn log_words(&mut self, what: &'static str, words: &str, remedy: &'static str) {
        /// Bytes of a receiver's message that a log line holds.
        const SHOWN: usize = 512;

        let words = &words[..words.floor_char_boundary(SHOWN)];
        if self.last_words != words {
            words.clone_into(&mut self.last_words);
            tracing::warn!(endpoint = self.transport.endpoint(), cause = words, remedy, "{what}");
        }
    }
}
