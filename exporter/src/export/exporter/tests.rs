//! The delivery task with receivers that answer by a script, in time that passes at once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::*;
use crate::captured::Captured;
use crate::export::classify::Verdict;
use crate::export::payload::Payload;
use crate::export::response::PartialSuccess;
use crate::export::settled::Settled;
use crate::export::transport::Failure;
use crate::flow::{Counts, HookId, RecordCounts};

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

const HOOK: HookId = HookId(1);

const TAKEN: Answer = Ok(PartialSuccess { rejected: 0, message: String::new() });

fn failure(verdict: Verdict) -> Failure {
    Failure { verdict, cause: "down".to_owned(), remedy: "start it" }
}

/// What so many records of a batch account for.
fn counts(number: u8, records: u64) -> Counts {
    Counts { packets: u64::from(number) * records, bytes: 64 * records }
}

fn accounted(number: u8, records: u32) -> RecordCounts {
    (0..records).map(|record| (record, HOOK, counts(number, 1))).collect()
}

fn batch(number: u8) -> Batch {
    Batch {
        payload: Payload::plain(vec![number]),
        records: 10,
        accounted: accounted(number, 10),
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
    let run = run(&queue, transport, settled.clone(), limits, Outage::default(), now);
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
    assert_eq!(deliver([Err(failure(Verdict::Reject)), TAKEN], 2).await, (vec![Outcome::Refused, ALL], 2));
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
    let records = [[0x12, 2].as_slice(), &[0x08, 1], &[0x12, 2], &[0x08, 2], &[0x12, 20], &[0; 20]].concat();
    let request = [&[0x0a, 32, 0x12, 30][..], &records].concat();
    let sizes = Arc::default();
    let settled = Settled::default();
    let queue = Queue::new(usize::MAX);
    let packets = [1, 10, 100].map(|packets| Counts { packets, bytes: 0 });
    let accounted = (0..).zip(packets).map(|(record, counts)| (record, HOOK, counts)).collect();
    let batch = Batch { payload: Payload::plain(request), records: 3, accounted, ..batch(0) };
    assert!(queue.push(batch).is_empty());
    queue.close();
    let now = || MonotonicTime(0);
    run(
        &queue,
        Narrow(Arc::new(AtomicUsize::new(12)), Arc::clone(&sizes)),
        settled.clone(),
        Limits::default(),
        Outage::default(),
        now,
    )
    .await;
    assert_eq!(*sizes.lock().unwrap(), [34, 8, 30, 8, 26]);
    assert_eq!(settled.packets(HOOK), [(ALL, 1), (ALL, 10), (Outcome::Refused, 100)]);
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
    Batch { payload, records: records.into(), accounted: accounted(1, records.into()), ..batch(0) }
}

#[tokio::test(start_paused = true)]
async fn a_receivers_size_is_remembered_and_after_a_while_tried_to_be_raised() {
    let (limit, sizes) = (Arc::new(AtomicUsize::new(500)), Arc::<Mutex<Vec<usize>>>::default());
    let (queue, settled) = (Queue::new(usize::MAX), Settled::default());
    let start = Instant::now();
    let now = move || MonotonicTime(u64::try_from(start.elapsed().as_nanos()).unwrap());
    let transport = Narrow(Arc::clone(&limit), Arc::clone(&sizes));
    let run = run(&queue, transport, settled.clone(), Limits::default(), Outage::default(), now);
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

/// What becomes of a request of 8 records that is too large, and then these answers and silence; packets, one for each record.
async fn deliver_large(answers: impl IntoIterator<Item = Answer>, then_silent: bool) -> Vec<(Outcome, u64)> {
    let (queue, settled) = (Queue::new(usize::MAX), Settled::default());
    assert!(queue.push(large(8)).is_empty());
    queue.close();
    let answers = [Err(failure(Verdict::Halve))].into_iter().chain(answers).collect();
    let transport = Scripted { answers, then_silent, attempts: Arc::default() };
    let start = Instant::now();
    let now = move || MonotonicTime(u64::try_from(start.elapsed().as_nanos()).unwrap());
    // In silence the shutdown is what ends it, and else the age.
    let shutdown = if then_silent { Limits::default().shutdown } else { Duration::from_hours(1) };
    let limits = Limits { shutdown, ..Limits::default() };
    run(&queue, transport, settled.clone(), limits, Outage::default(), now).await;
    settled.packets(HOOK)
}

#[tokio::test(start_paused = true)]
async fn each_half_is_settled_by_itself() {
    let refused = || Err(failure(Verdict::Reject));
    assert_eq!(deliver_large([refused(), TAKEN], false).await, [(Outcome::Refused, 4), (ALL, 4)]);
    assert_eq!(deliver_large([TAKEN, refused()], false).await, [(ALL, 4), (Outcome::Refused, 4)]);
    let some = Outcome::Delivered { rejected_records: 3 };
    let partial = Ok(PartialSuccess { rejected: 3, message: String::new() });
    assert_eq!(deliver_large([partial, TAKEN], false).await, [(some, 4), (ALL, 4)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_batch_is_given_up_and_no_more() {
    let given_up = Outcome::Undelivered;
    // At the shutdown, and at its age.
    assert_eq!(deliver_large([TAKEN], true).await, [(ALL, 4), (given_up, 4)]);
    assert_eq!(deliver_large([TAKEN, Err(failure(Verdict::RETRY))], false).await, [(ALL, 4), (given_up, 4)]);
    let halved = [TAKEN, Err(failure(Verdict::Halve)), TAKEN];
    assert_eq!(deliver_large(halved, true).await, [(ALL, 4), (ALL, 2), (given_up, 2)]);
    assert_eq!(deliver_large([], true).await, [(given_up, 4), (given_up, 4)]);
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
    let run = run(&queue, transport, settled.clone(), Limits::default(), Outage::default(), now);
    queue.close();
    run.await;
    let outcomes = settled.outcomes();
    assert_eq!(outcomes, [ALL, Outcome::Undelivered, Outcome::Undelivered]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_one_line_at_its_start_and_one_at_its_end() {
    let retry = || Err(failure(Verdict::RETRY));
    let lines = logged([retry(), retry(), retry(), TAKEN], 2).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    for part in ["WARN", "http://receiver:4317", "down", "start it"] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
    for part in ["INFO", "http://receiver:4317", "seconds=", "failed_attempts=3", "undelivered_batches=0"] {
        assert!(lines[1].contains(part), "{part} in {}", lines[1]);
    }
}

/// The lines that are logged while batches are delivered with these answers.
async fn logged(answers: impl IntoIterator<Item = Answer>, batches: u8) -> Vec<String> {
    let log = Captured::default();
    let guard = tracing::subscriber::set_default(log.subscriber());
    deliver(answers, batches).await;
    drop(guard);
    log.text().lines().map(ToOwned::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn a_partial_success_is_logged_once_with_the_receivers_words() {
    let partial = |rejected, message: &str| Ok(PartialSuccess { rejected, message: message.to_owned() });
    let answers = [
        partial(3, "entry too far behind"),
        partial(4, "entry too far behind"),
        partial(0, "slow down"),
        partial(0, "slow down"),
        TAKEN,
        partial(1, "entry too far behind"),
    ];
    let lines = logged(answers, 6).await;
    let expected = [
        ("the receiver rejects some records", "entry too far behind"),
        ("the receiver takes the records and warns", "slow down"),
        ("the receiver rejects some records", "entry too far behind"),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, (what, words)) in lines.iter().zip(expected) {
        for part in ["WARN", "http://receiver:4317", what, words, "receiver's own log"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_success_without_words_is_logged_once_too() {
    let silent = || Ok(PartialSuccess { rejected: 3, message: String::new() });
    let lines = logged([silent(), silent(), TAKEN, silent()], 4).await;
    assert!(lines.len() == 1 && lines[0].contains("the receiver rejects some records"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_logged_once_with_its_remedy_and_no_more_words_than_fit() {
    let long = Failure { cause: "ä".repeat(1000), ..failure(Verdict::Reject) };
    let lines = logged([Err(long.clone()), Err(long)], 2).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("the receiver refuses records for good") && lines[0].contains("start it"));
    assert_eq!(lines[0].matches('ä').count(), 256);
}
