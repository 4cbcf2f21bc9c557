//! The delivery task: one batch at a time, oldest first, and none left without an outcome.

use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;

use crate::clock::MonotonicTime;
use crate::export::batch::Batch;
use crate::export::delivery::Delivery;
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
    /// The batch was given up, for its age or the shutdown. It may have arrived all the same: an answer can be lost, and of a
    /// batch that went in halves one may be there.
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
    let mut delivery = Delivery::new(transport, queue.request_size(), limits, now);
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use tokio::time::Instant;

    use super::*;
    use crate::captured::Captured;
    use crate::export::classify::Verdict;
    use crate::export::payload::Payload;
    use crate::export::response::PartialSuccess;
    use crate::export::transport::Failure;
    use crate::flow::{Counts, HookId};

    type Answer = Result<PartialSuccess, Failure>;

    /// Gives the scripted answers in turn; after them silence, or the last one for ever.
    struct Scripted {
        answers: VecDeque<Answer>,
        then_silent: bool,
        attempts: Arc<AtomicUsize>,
    }

    impl Transport for Scripted {
        #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
        fn endpoint(&self) -> &str {
            "http://receiver:4317"
        }

        async fn send(&mut self, _: &Payload) -> Answer {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            if self.answers.len() == 1 && !self.then_silent {
                return self.answers[0].clone();
            }
            match self.answers.pop_front() {
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

    const TAKEN: Answer = Ok(PartialSuccess { rejected: 0, message: String::new() });

    fn failure(verdict: Verdict) -> Failure {
        Failure { verdict, cause: "down".to_owned(), remedy: "start it" }
    }

    fn batch(number: u8) -> Batch {
        Batch {
            payload: Payload::plain(vec![number]),
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
        let attempts = Arc::new(AtomicUsize::new(0));
        let transport = Scripted {
            answers: answers.into_iter().collect(),
            then_silent: false,
            attempts: Arc::clone(&attempts),
        };
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
        let attempts = attempts.load(Ordering::Relaxed);
        (settled.into_iter().map(|(outcome, _)| outcome).collect(), attempts)
    }

    const ALL: Outcome = Outcome::Delivered { rejected_records: 0 };

    #[tokio::test(start_paused = true)]
    async fn each_batch_is_settled_once_and_in_order() {
        assert_eq!(deliver([TAKEN], 3).await, (vec![ALL; 3], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_retryable_failure_is_tried_again() {
        let answers = [Err(failure(Verdict::RETRY)), Err(failure(Verdict::RETRY)), TAKEN];
        assert_eq!(deliver(answers, 1).await, (vec![ALL], 3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_batch_is_not_tried_again() {
        assert_eq!(
            deliver([Err(failure(Verdict::Reject)), TAKEN], 2).await,
            (vec![Outcome::Refused, ALL], 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn rejected_records_are_never_more_than_were_sent() {
        let part = |rejected_records| Outcome::Delivered { rejected_records };
        for (said, outcome) in [
            (3, part(3)),
            (9, part(9)),
            (10, Outcome::Refused),
            (i64::MAX, Outcome::Refused),
            (0, part(0)),
            (-1, part(0)),
            (i64::MIN, part(0)),
        ] {
            let answer = PartialSuccess { rejected: said, message: "too old".to_owned() };
            assert_eq!(deliver([Ok(answer)], 1).await, (vec![outcome], 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_given_up_at_its_age_and_an_old_one_gets_one_attempt() {
        let (outcomes, attempts) = deliver([Err(failure(Verdict::RETRY))], 2).await;
        assert_eq!(outcomes, [Outcome::Undelivered; 2]);
        // 100 ms doubling to 5 s reach 60 s in 17 to 33 waits, depending on the jitter; one attempt for the second batch.
        assert!((17..=35).contains(&attempts), "{attempts} attempts");
    }

    /// A failure with a time that the receiver named.
    fn busy(seconds: u64) -> Answer {
        Err(failure(Verdict::Retry { after: Some(Duration::from_secs(seconds)) }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_the_receiver_names_is_kept() {
        let start = Instant::now();
        assert_eq!(deliver([busy(30), TAKEN], 1).await, (vec![ALL], 2));
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_named_wait_beyond_the_age_limit_costs_the_batch_and_is_kept_up_to_that_limit() {
        let start = Instant::now();
        assert_eq!(deliver([busy(40), busy(7200), TAKEN], 2).await, (vec![Outcome::Undelivered, ALL], 3));
        assert_eq!(start.elapsed().as_secs(), 100);
    }

    /// Takes requests of at most so many bytes, and keeps their sizes.
    struct Narrow(Arc<AtomicUsize>, Arc<Mutex<Vec<usize>>>);

    impl Transport for Narrow {
        #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
        fn endpoint(&self) -> &str {
            "http://receiver:4317"
        }

        async fn send(&mut self, payload: &Payload) -> Answer {
            self.1.lock().unwrap().push(payload.uncompressed);
            let fits = payload.uncompressed <= self.0.load(Ordering::Relaxed);
            if fits { TAKEN } else { Err(failure(Verdict::Halve)) }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_goes_in_halves_and_a_record_that_alone_is_too_large_is_refused() {
        // Two levels around records of 2 + 2, 2 + 2 and 2 + 20 bytes.
        let records =
            [[0x12, 2].as_slice(), &[0x08, 1], &[0x12, 2], &[0x08, 2], &[0x12, 20], &[0; 20]].concat();
        let request = [&[0x0a, 32, 0x12, 30][..], &records].concat();
        let sizes = Arc::default();
        let settled = Settled::default();
        let queue = Queue::new(usize::MAX);
        assert!(queue.push(Batch { payload: Payload::plain(request), records: 3, ..batch(0) }).is_empty());
        queue.close();
        let now = || MonotonicTime(0);
        run(
            &queue,
            Narrow(Arc::new(AtomicUsize::new(12)), Arc::clone(&sizes)),
            settled.clone(),
            Limits::default(),
            now,
        )
        .await;
        assert_eq!(*sizes.lock().unwrap(), [34, 8, 30, 8, 26]);
        assert_eq!(settled.0.lock().unwrap()[0].0, Outcome::Delivered { rejected_records: 1 });
    }

    /// A request of two levels around so many records of 102 bytes each.
    fn large(records: u8) -> Batch {
        let content = [&[0x12, 100][..], &[0; 100]].concat().repeat(records.into());
        let field = |content: Vec<u8>, tag| {
            // A length of two bytes.
            let [low, high] = u16::try_from(content.len()).unwrap().to_le_bytes();
            [vec![tag, low | 0x80, high << 1 | low >> 7], content].concat()
        };
        let payload = Payload::plain(field(field(content, 0x12), 0x0a));
        Batch { payload, records: records.into(), ..batch(0) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_receivers_size_is_remembered_and_after_a_while_tried_to_be_raised() {
        let (limit, sizes) = (Arc::new(AtomicUsize::new(500)), Arc::<Mutex<Vec<usize>>>::default());
        let (queue, settled) = (Queue::new(usize::MAX), Settled::default());
        let start = Instant::now();
        let now = move || MonotonicTime(u64::try_from(start.elapsed().as_nanos()).unwrap());
        let transport = Narrow(Arc::clone(&limit), Arc::clone(&sizes));
        let run = run(&queue, transport, settled.clone(), Limits::default(), now);
        let feed = async {
            let sent = async || {
                assert!(queue.push(Batch { created: now(), ..large(8) }).is_empty());
                // Time stands still as long as there is something to do.
                sleep(Duration::from_secs(1)).await;
                std::mem::take(&mut *sizes.lock().unwrap())
            };
            assert_eq!(queue.request_size().most(), usize::MAX);
            let (whole, half) = (8 * 102 + 6, 4 * 102 + 6);
            assert_eq!(sent().await, [whole, half, half]);
            assert_eq!(queue.request_size().most(), half);
            assert_eq!(sent().await, [half, half], "known before");
            sleep(Limits::default().larger_after).await;
            assert_eq!(sent().await, [whole, half, half], "asked again");
            assert_eq!(sent().await, [half, half]);
            limit.store(usize::MAX, Ordering::Relaxed);
            sleep(Limits::default().larger_after).await;
            assert_eq!(sent().await, [whole]);
            for _ in 0..20 {
                sleep(Limits::default().larger_after).await;
                assert_eq!(sent().await, [whole]);
            }
            assert_eq!(queue.request_size().most(), usize::MAX);
            queue.close();
        };
        tokio::join!(run, feed);
        assert!(settled.0.lock().unwrap().iter().all(|(outcome, _)| *outcome == ALL));
    }

    #[tokio::test(start_paused = true)]
    async fn the_shutdown_settles_what_a_silent_receiver_leaves() {
        let queue = Queue::new(usize::MAX);
        for number in 0..3 {
            assert!(queue.push(batch(number)).is_empty());
        }
        let transport = Scripted { answers: [TAKEN].into(), then_silent: true, attempts: Arc::default() };
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
        let log = Captured::default();
        let guard = tracing::subscriber::set_default(log.subscriber());
        let answers =
            [Err(failure(Verdict::RETRY)), Err(failure(Verdict::RETRY)), Err(failure(Verdict::RETRY)), TAKEN];
        deliver(answers, 2).await;
        drop(guard);

        let text = log.text();
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
