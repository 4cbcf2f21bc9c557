//! The attempts for one batch, and what is said about them.

use std::time::Duration;

use tokio::time::sleep;

use crate::clock::MonotonicTime;
use crate::export::backoff::Backoff;
use crate::export::batch::Batch;
use crate::export::classify::Verdict;
use crate::export::exporter::{Limits, Outcome, Settle};
use crate::export::outage::Outage;
use crate::export::payload::Payload;
use crate::export::request_size::RequestSize;
use crate::export::response::PartialSuccess;
use crate::export::transport::{Failure, Transport};

/// A transport with what is remembered from batch to batch.
pub(super) struct Delivery<'a, T, N> {
    transport: T,
    size: &'a RequestSize,
    /// When the size is tried to be raised, if it is known.
    larger_at: MonotonicTime,
    limits: Limits,
    now: N,
    backoff: Backoff,
    outage: Outage,
    /// What the receiver said last about records that it does not take, so that it is logged once and not with each batch.
    last_words: Option<(&'static str, String)>,
}

/// How the attempts for one request ended.
enum End {
    Taken(PartialSuccess),
    Refused(Failure),
    TooLarge(Failure),
    TooOld,
}

impl<'a, T: Transport, N: Fn() -> MonotonicTime + Send> Delivery<'a, T, N> {
    pub(super) fn new(transport: T, size: &'a RequestSize, limits: Limits, outage: Outage, now: N) -> Self {
        Self {
            transport,
            size,
            larger_at: MonotonicTime::default(),
            limits,
            now,
            backoff: Backoff::new(limits.first_wait, limits.longest_wait),
            outage,
            last_words: None,
        }
    }

    /// Tries until the receiver has the batch, refuses it, or the batch is too old, and settles it. What is too large goes in
    /// halves, and what was too large before does so at once; each part is settled by itself. `parts` is the batch, and then what
    /// there is still to settle of it, the next part last; so nothing is missing when this ends early.
    pub(super) async fn deliver(&mut self, parts: &mut Vec<Batch>, settle: &mut impl Settle) {
        self.may_be_larger();
        while let Some(part) = parts.last() {
            if part.payload.uncompressed > self.size.most()
                && let Some(halves) = part.halve()
            {
                go_on_with(parts, halves);
                continue;
            }
            let outcome = match self.attempt(&part.payload, part.created).await {
                End::Taken(partial) => self.taken(part.records, &partial),
                End::Refused(failure) => {
                    self.refused(&failure);
                    Outcome::Refused
                }
                End::TooLarge(failure) => {
                    if let Some(halves) = part.halve() {
                        self.too_large(halves.each_ref().map(|half| half.payload.uncompressed));
                        go_on_with(parts, halves);
                        continue;
                    }
                    self.refused(&failure);
                    Outcome::Refused
                }
                // So are the others.
                End::TooOld => return give_up(parts, settle),
            };
            if let Some(part) = parts.pop() {
                settle.settle(outcome, part);
            }
        }
    }

    /// Sends one request until there is an answer that another attempt would not change.
    async fn attempt(&mut self, payload: &Payload, created: MonotonicTime) -> End {
        loop {
            let failure = match self.transport.send(payload).await {
                Ok(partial) => {
                    self.answered();
                    return End::Taken(partial);
                }
                Err(failure) => failure,
            };
            let asked = match failure.verdict {
                Verdict::Retry { after } => after.map(|after| after.min(self.limits.age)),
                Verdict::Reject => {
                    self.answered();
                    return End::Refused(failure);
                }
                Verdict::Halve => {
                    self.answered();
                    return End::TooLarge(failure);
                }
            };
            let now = (self.now)();
            self.outage.attempt_failed(self.transport.endpoint(), &failure, now);
            let wait = self.backoff.wait().max(asked.unwrap_or_default());
            let left = self.limits.age.saturating_sub(Duration::from_nanos(now.since(created)));
            // The last attempt is at the age limit, however long the wait would be, unless the receiver forbids it.
            if left.is_zero() || asked.is_some_and(|asked| asked > left) {
                self.outage.batch_lost();
                // The next batch waits as well, or a queue of old batches would be a burst on a receiver in trouble.
                sleep(wait).await;
                return End::TooOld;
            }
            sleep(wait.min(left)).await;
        }
    }

    /// The receiver may take requests of the size of these halves, and none much larger.
    fn too_large(&mut self, [first, second]: [usize; 2]) {
        let bytes = first.max(second);
        self.size.lower(bytes);
        self.larger_at = (self.now)().after(nanoseconds(self.limits.larger_after));
        tracing::info!(
            endpoint = self.transport.endpoint(),
            bytes,
            "the receiver takes no requests of this agent's size; they are smaller from now on"
        );
    }

    fn may_be_larger(&mut self) {
        let now = (self.now)();
        if self.size.is_known() && now >= self.larger_at {
            self.size.raise();
            self.larger_at = now.after(nanoseconds(self.limits.larger_after));
        }
    }

    fn answered(&mut self) {
        self.backoff.reset();
        self.outage.answered(self.transport.endpoint(), (self.now)());
    }

    fn refused(&mut self, failure: &Failure) {
        self.log_words("the receiver refuses records for good", &failure.cause, failure.remedy);
    }

    /// The receiver took so many records, but for those that it names a number of.
    fn taken(&mut self, records: u32, partial: &PartialSuccess) -> Outcome {
        let rejected = u32::try_from(partial.rejected.max(0)).unwrap_or(u32::MAX).min(records);
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
        // Without a single record that arrived there is no doubt about any.
        if rejected > 0 && rejected == records {
            Outcome::Refused
        } else {
            Outcome::Delivered { rejected_records: rejected }
        }
    }

    fn log_words(&mut self, what: &'static str, words: &str, remedy: &'static str) {
        /// Bytes of a receiver's message that a log line holds.
        const SHOWN: usize = 512;

        let words = &words[..words.floor_char_boundary(SHOWN)];
        if self.last_words.as_ref().is_none_or(|(last, of_last)| *last != what || of_last != words) {
            self.last_words = Some((what, words.to_owned()));
            tracing::warn!(endpoint = self.transport.endpoint(), cause = words, remedy, "{what}");
        }
    }
}

/// The next part in its halves.
fn go_on_with(parts: &mut Vec<Batch>, [first, second]: [Batch; 2]) {
    parts.pop();
    parts.extend([second, first]);
}

/// Settles what is left of a batch as lost.
pub(super) fn give_up(parts: &mut Vec<Batch>, settle: &mut impl Settle) {
    while let Some(part) = parts.pop() {
        settle.settle(Outcome::Undelivered, part);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
