//! The delivery task: one batch at a time, oldest first, until it arrives or is given up.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::MonotonicTime;
use crate::export::backoff::Backoff;
use crate::export::batch::Batch;
use crate::export::classify::Verdict;
use crate::export::outage::Outage;
use crate::export::queue::Queue;
use crate::export::response::PartialSuccess;
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
    /// The time from the queue's close for all that is still in it.
    pub shutdown: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            age: Duration::from_mins(1),
            shutdown: Duration::from_secs(5),
        }
    }
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took the batch but for some records.
    Delivered {
        /// Records it rejected, at most those of the batch. It does not say which.
        rejected_records: u32,
    },
    /// The receiver refused the batch for good.
    Refused,
    /// The batch was given up, for its age or the shutdown. Parts of the network between may have delivered it all the same.
    Undelivered,
}

/// Keeps account of what became of the batches.
pub trait Settle: Send {
    /// Called once for each batch that was taken from the queue.
    fn settle(&mut self, outcome: Outcome, batch: Batch);
}

/// Delivers what comes through the queue until it is closed and empty, or until the shutdown's time is over. When this ends,
/// every batch has been settled. `now` reads the clock that the batches were stamped with.
pub async fn run(
    queue: &Queue,
    transport: impl Transport,
    mut settle: impl Settle,
    limits: Limits,
    now: impl Fn() -> MonotonicTime + Send,
) {
    let mut delivery = Delivery {
        transport,
        limits,
        now,
        backoff: Backoff::new(limits.first_wait, limits.longest_wait),
        outage: Outage::default(),
        last_words: String::new(),
    };
    let mut deadline = pin!(async {
        queue.closed().await;
        sleep(limits.shutdown).await;
    });
    while let Some(batch) = queue.pop().await {
        let outcome = tokio::select! {
            biased;
            outcome = delivery.deliver(&batch) => outcome,
            () = &mut deadline => {
                settle.settle(Outcome::Undelivered, batch);
                break;
            }
        };
        settle.settle(outcome, batch);
    }
    // Only the deadline leaves something here, so the queue is closed and this does not wait.
    while let Some(batch) = queue.pop().await {
        settle.settle(Outcome::Undelivered, batch);
    }
}

struct Delivery<T, N> {
    transport: T,
    limits: Limits,
    now: N,
    backoff: Backoff,
    outage: Outage,
    /// What the receiver said last about records that it does not take, so that it is logged once and not with each batch.
    last_words: String,
}

impl<T: Transport, N: Fn() -> MonotonicTime + Send> Delivery<T, N> {
    async fn deliver(&mut self, batch: &Batch) -> Outcome {
        loop {
            let failure = match self.transport.send(batch.signal, batch.payload.clone()).await {
                Ok(partial) => {
                    self.answered();
                    return Outcome::Delivered { rejected_records: self.rejected(batch, partial) };
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

    fn rejected(&mut self, batch: &Batch, partial: PartialSuccess) -> u32 {
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
            // Debug, because the words are foreign and may hold control characters.
            tracing::warn!(endpoint = self.transport.endpoint(), cause = ?words, remedy, "{what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use tokio::time::Instant;

    use super::*;
    use crate::export::batch::Signal;
    use crate::export::transport::Failure;
    use crate::flow::{Counts, HookId};

    /// Gives the scripted answers in turn, then the last one for ever; `None` is silence.
    struct Scripted {
        answers: VecDeque<Option<Result<PartialSuccess, Failure>>>,
        attempts: Arc<Mutex<Vec<Bytes>>>,
    }

    impl Transport for Scripted {
        #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
        fn endpoint(&self) -> &str {
            "http://receiver:4317"
        }

        async fn send(&mut self, _: Signal, payload: Bytes) -> Result<PartialSuccess, Failure> {
            self.attempts.lock().unwrap().push(payload);
            let answer = if self.answers.len() > 1 {
                self.answers.pop_front().unwrap()
            } else {
                self.answers[0].clone()
            };
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    }

    #[derive(Clone, Default)]
    struct Settled(Arc<Mutex<Vec<(Outcome, Batch)>>>);

    impl Settle for Settled {
        fn settle(&mut self, outcome: Outcome, batch: Batch) {
            self.0.lock().unwrap().push((outcome, batch));
        }
    }

    type Answer = Option<Result<PartialSuccess, Failure>>;

    fn taken() -> Answer {
        Some(Ok(PartialSuccess::default()))
    }

    fn rejected(rejected: i64) -> Answer {
        Some(Ok(PartialSuccess { rejected, message: "too old".to_owned() }))
    }

    fn fails(verdict: Verdict) -> Answer {
        Some(Err(Failure { verdict, cause: "down".to_owned(), remedy: "start it" }))
    }

    fn batch(number: u8) -> Batch {
        Batch {
            signal: Signal::Logs,
            payload: Bytes::from(vec![number]),
            records: 10,
            accounted: vec![(HookId(1), Counts { packets: number.into(), bytes: 64 })],
            created: MonotonicTime(0),
        }
    }

    /// Delivers the batches, then shuts down; returns what was settled and how many attempts there were.
    async fn deliver(answers: impl IntoIterator<Item = Answer>, batches: u8) -> (Vec<Outcome>, usize) {
        let queue = Queue::new(usize::MAX);
        for number in 0..batches {
            assert!(queue.push(batch(number)).is_empty());
        }
        let attempts = Arc::default();
        let transport = Scripted { answers: answers.into_iter().collect(), attempts: Arc::clone(&attempts) };
        let settled = Settled::default();
        let start = Instant::now();
        let now = move || MonotonicTime(u64::try_from(start.elapsed().as_nanos()).unwrap());
        let limits = Limits { shutdown: Duration::from_hours(1), ..Limits::default() };
        let run = run(&queue, transport, settled.clone(), limits, now);
        queue.close();
        run.await;
        let settled = std::mem::take(&mut *settled.0.lock().unwrap());
        let expected: Vec<Batch> = (0..batches).map(batch).collect();
        assert_eq!(settled.iter().map(|(_, batch)| batch.clone()).collect::<Vec<_>>(), expected);
        let attempts = attempts.lock().unwrap().len();
        (settled.into_iter().map(|(outcome, _)| outcome).collect(), attempts)
    }

    const ALL: Outcome = Outcome::Delivered { rejected_records: 0 };

    #[tokio::test(start_paused = true)]
    async fn each_batch_is_settled_once_and_in_order() {
        assert_eq!(deliver([taken()], 3).await, (vec![ALL; 3], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_retryable_failure_is_tried_again() {
        let answers = [fails(Verdict::Retry), fails(Verdict::Retry), taken()];
        assert_eq!(deliver(answers, 1).await, (vec![ALL], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_batch_is_not_tried_again() {
        assert_eq!(deliver([fails(Verdict::Reject), taken()], 2).await, (vec![Outcome::Refused, ALL], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn rejected_records_are_never_more_than_were_sent() {
        for (said, counted) in [(3, 3), (10, 10), (i64::MAX, 10), (0, 0), (-1, 0), (i64::MIN, 0)] {
            let outcome = Outcome::Delivered { rejected_records: counted };
            assert_eq!(deliver([rejected(said)], 1).await, (vec![outcome], 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_given_up_at_its_age_and_an_old_one_gets_one_attempt() {
        let (outcomes, attempts) = deliver([fails(Verdict::Retry)], 2).await;
        assert_eq!(outcomes, [Outcome::Undelivered; 2]);
        // 100 ms doubling to 5 s reach 60 s in 17 to 33 waits, depending on the jitter; one attempt for the second batch.
        assert!((17..=35).contains(&attempts), "{attempts} attempts");
    }

    #[tokio::test(start_paused = true)]
    async fn the_shutdown_settles_what_a_silent_receiver_leaves() {
        let queue = Queue::new(usize::MAX);
        for number in 0..3 {
            assert!(queue.push(batch(number)).is_empty());
        }
        let transport = Scripted { answers: [taken(), None].into(), attempts: Arc::default() };
        let settled = Settled::default();
        let now = || MonotonicTime(0);
        let run = run(&queue, transport, settled.clone(), Limits::default(), now);
        queue.close();
        run.await;
        let outcomes: Vec<Outcome> = settled.0.lock().unwrap().iter().map(|(outcome, _)| *outcome).collect();
        assert_eq!(outcomes, [ALL, Outcome::Undelivered, Outcome::Undelivered]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_one_line_at_its_start_and_one_at_its_end() {
        #[derive(Clone, Default)]
        struct Lines(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let answers = [fails(Verdict::Retry), fails(Verdict::Retry), fails(Verdict::Retry), taken()];
        deliver(answers, 2).await;
        drop(guard);

        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        for part in ["WARN", "http://receiver:4317", "down", "start it"] {
            assert!(lines[0].contains(part), "{part} in {}", lines[0]);
        }
        for part in ["INFO", "http://receiver:4317", "seconds=", "failed_attempts=3", "undelivered_batches=0"]
        {
            assert!(lines[1].contains(part), "{part} in {}", lines[1]);
        }
    }
}
