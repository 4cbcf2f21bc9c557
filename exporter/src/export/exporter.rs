//! The delivery task: one batch at a time, oldest first, and none left without an outcome.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::MonotonicTime;
use crate::export::batch::Batch;
use crate::export::delivery::{Delivery, give_up};
use crate::export::outage::Outage;
use crate::export::queue::Queue;
use crate::export::transport::Transport;

/// How long the delivery task tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The wait after a first failed attempt; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait between two attempts.
    pub longest_wait: Duration,
    /// The age from which a batch is not tried again. A batch that is older when its turn comes gets one attempt.
    pub age: Duration,
    /// After this long without a request that was too large, they may be twice as large again.
    pub larger_after: Duration,
    /// The time from the queue's close for all that is still in it.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            age: Duration::from_mins(1),
            larger_after: Duration::from_mins(10),
            shutdown: Duration::from_secs(5),
        }
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took the batch but for some records.
    Delivered {
        /// Records it rejected, fewer than the batch has. It does not say which.
        rejected_records: u32,
    },
    /// The receiver refused the batch for good, as a whole or record by record.
    Refused,
    /// The batch was given up, for its age or the shutdown. It may have arrived all the same: an answer can be lost.
    Undelivered,
}

/// Keeps account of what became of the batches.
pub trait Settle: Send {
    /// Called once for each batch that was taken from the queue, or for each part of it if it went in parts.
    fn settle(&mut self, outcome: Outcome, batch: Batch);
}

/// Delivers what comes through the queue until it is closed and empty, or until the shutdown's time is over. When this ends,
/// every batch has been settled. What is said of a receiver that is away goes by `outage`. `now` reads the clock that the batches were stamped with.
pub async fn run(
    queue: &Queue,
    transport: impl Transport,
    mut settle: impl Settle,
    limits: Limits,
    outage: Outage,
    now: impl Fn() -> MonotonicTime + Send,
) {
    let mut delivery = Delivery::new(transport, queue.request_size(), limits, outage, now);
    let mut deadline = pin!(async {
        queue.closed().await;
        sleep(limits.shutdown).await;
    });
    let mut parts = Vec::new();
    while let Some(batch) = queue.pop().await {
        parts.push(batch);
        tokio::select! {
            biased;
            () = delivery.deliver(&mut parts, &mut settle) => {}
            () = &mut deadline => break,
        }
    }
    give_up(&mut parts, &mut settle);
    // Only the deadline leaves something here, so the queue is closed and this does not wait.
    while let Some(batch) = queue.pop().await {
        settle.settle(Outcome::Undelivered, batch);
    }
}

#[cfg(test)]
mod tests;
