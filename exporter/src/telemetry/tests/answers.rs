//! Whether the agent is alive and ready, as the listener says it.

use std::time::Duration;

use opentelemetry_sdk::Resource;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::hostile::WIDE;
use super::*;
use crate::export::{self, Failure, PartialSuccess, Transport, Verdict, run};
use crate::telemetry::{Health, Listener, Metrics, Pages};

const SECOND: u64 = 1_000_000_000;

fn health(attached: u64, components: Vec<Component>) -> Health {
    Health::Observing(sources(&Arc::default(), attached, components))
}

/// Why it is not ready a second after the start.
fn not_ready(attached: u64, components: &[Component]) -> Option<String> {
    health(attached, components.to_vec()).is_ready(MonotonicTime(SECOND)).err()
}

#[test]
fn it_is_alive_as_long_as_the_kernel_is_read() {
    let health = health(2, Vec::new());
    assert_eq!(health.is_alive(MonotonicTime(30 * SECOND)), Ok(()));
    let silent = health.is_alive(MonotonicTime(47 * SECOND)).unwrap_err();
    assert!(silent.contains("47 s"), "{silent}");
    assert_eq!(health.is_ready(MonotonicTime(47 * SECOND)), Err(silent), "what hangs is not ready either");
}

#[test]
fn without_hooks_it_is_not_ready() {
    assert_eq!(not_ready(1, &[]), None);
    assert!(not_ready(0, &[]).unwrap().contains("no hook"));
}

#[test]
fn it_is_ready_as_long_as_nothing_was_given_up() {
    let components = [component(Signal::Logs, Subject::Flows), component(Signal::Metrics, Subject::Flows)];
    let all = Outcome::Delivered { rejected_records: 0 };
    let is_ready = || not_ready(1, &components);
    assert_eq!(is_ready(), None, "nothing is due, or it is tried");
    settle(&components[0], all, 1);
    assert_eq!(is_ready(), None);
    for (outcome, words) in [(Outcome::Undelivered, "too old"), (Outcome::Refused, "refused")] {
        settle(&components[1], outcome, 1);
        let why = is_ready().unwrap();
        assert!(
            why.contains("metrics") && why.contains("http://collector:4317") && why.contains(words),
            "{why}"
        );
        settle(&components[1], all, 1);
        assert_eq!(is_ready(), None, "it recovers");
    }
}

/// Of an agent with hooks that reads the kernel all the time.
fn lively(components: Vec<Component>) -> Arc<Sources> {
    let limits = Limits { observations: 1, losses: 1, flows: 1, memory: 1 };
    let progress = Arc::new(Progress::new(limits, MonotonicTime(u64::MAX)));
    let attaching = || AttachCounters { attached: 2, ..AttachCounters::default() };
    Arc::new(Sources::new(&Arc::default(), &progress, attaching, components, &Arc::default()))
}

#[test]
fn a_failure_that_nothing_came_after_counts_two_minutes() {
    let logs = component(Signal::Logs, Subject::Flows);
    let health = Health::Observing(lively(vec![logs.clone()]));
    for (given_up, outcome) in [(100, Outcome::Undelivered), (500, Outcome::Refused)] {
        settle_at(MonotonicTime(given_up * SECOND), &logs, outcome, 1);
        let ready = |second: u64| health.is_ready(MonotonicTime(second * SECOND));
        let why = ready(given_up + 119).unwrap_err();
        assert!(why.ends_with("119 s ago"), "{why}");
        assert_eq!(ready(given_up + 120), Ok(()));
        // In an outage the next request is given up before that.
        settle_at(MonotonicTime((given_up + 75) * SECOND), &logs, outcome, 1);
        assert!(ready(given_up + 120).is_err());
    }
}

/// A receiver that never takes anything.
struct Away;

impl Transport for Away {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn endpoint(&self) -> &str {
        "http://collector:4317"
    }

    async fn send(&mut self, _: &Payload) -> Result<PartialSuccess, Failure> {
        Err(Failure { verdict: Verdict::Retry { after: None }, cause: "away".to_owned(), remedy: "" })
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_shows_as_long_as_something_is_due_and_a_quiet_node_is_ready_after_it() {
    let logs = component(Signal::Logs, Subject::Flows);
    let health = Health::Observing(lively(vec![logs.clone()]));
    let start = Instant::now();
    let now = move || MonotonicTime(u64::try_from(start.elapsed().as_nanos()).unwrap());
    let settle = Tallied::new(Nothing, &logs.tally, now);
    let run = run(&logs.queue, Away, settle, export::Limits::default(), export::Outage::default(), now);
    let observe = async {
        // Half a minute apart: always one of them is tried.
        for _ in 0..20 {
            assert!(logs.queue.push(Batch { created: now(), ..batch(1) }).is_empty());
            sleep(Duration::from_secs(30)).await;
            let given_up = logs.tally.settled().total() > 0;
            assert_eq!(health.is_ready(now()).is_err(), given_up, "at {:?}", start.elapsed());
        }
        sleep(Duration::from_mins(4)).await;
        assert_eq!(logs.tally.settled().undelivered, 20);
        assert_eq!(health.is_ready(now()), Ok(()), "nothing is due");
        logs.queue.close();
    };
    tokio::join!(run, observe);
}

#[test]
fn its_own_metrics_are_worth_no_alarm() {
    let own = component(Signal::Metrics, Subject::Agent);
    settle(&own, Outcome::Refused, 1);
    assert_eq!(not_ready(1, &[own]), None);
}

#[test]
fn who_has_nothing_to_do_is_alive_and_ready() {
    assert_eq!(Health::Idle.is_alive(MonotonicTime(u64::MAX)), Ok(()));
    assert_eq!(Health::Idle.is_ready(MonotonicTime(u64::MAX)), Ok(()));
}

/// The whole answer to a request's head.
async fn ask(stream: &mut TcpStream, head: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_listener_answers_each_path() {
    let logs = component(Signal::Logs, Subject::Flows);
    let sources = lively(vec![logs.clone()]);
    let metrics = Metrics::start(Resource::builder_empty().build(), &sources, None).unwrap();
    let pages = Pages { metrics: Some(metrics.registry()), health: Health::Observing(sources) };
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.address().unwrap();
    let serving = listener.serve_within(WIDE, pages);
    let get = async |head: &str| ask(&mut TcpStream::connect(address).await.unwrap(), head).await;

    for (path, status, words) in [
        ("/healthz", "200", "ok"),
        ("/readyz", "200", "ok"),
        ("/metrics", "200", "flow_exporter_hook_attached 2"),
        ("/metrics?name=x", "200", "flow_exporter_hook_attached 2"),
        ("/", "404", "/readyz"),
    ] {
        let answer = get(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(words),
            "{path}: {answer}"
        );
    }
    settle(&logs, Outcome::Undelivered, 1);
    let answer = get("GET /readyz HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 503 ") && answer.contains("log records do not arrive"), "{answer}");
    let answer = get("POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD"), "{answer}");
    let answer = get("HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");

    drop(serving);
    tokio::time::timeout(Duration::from_secs(30), async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the listener ends");
}
