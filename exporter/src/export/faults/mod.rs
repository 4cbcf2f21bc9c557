//! What becomes of records when a receiver fails: each row of docs/delivery.md, against a receiver that does just that.

mod cases;
mod certificates;
mod receiver;
mod tls_tests;

use std::fmt::Write;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpSocket;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use self::cases::{CASES, Case, Script, Tls};
pub(super) use self::certificates::{Authority, Shown};
pub(super) use self::receiver::Receiver;
use super::delivery_tests::{PATIENCE, batch, counts};
use super::*;
use crate::accounts::Accounts;
use crate::clock::Clock;
use crate::flow::HookId;
use crate::ledger::{Ledger, LossReason, Row};

/// The hook of [`batch`].
const HOOK: HookId = HookId(3);
/// Longer than the waits of a delivery without a wish of the receiver, also on a slow machine, and shorter than those with one.
const NAMED: Duration = Duration::from_secs(10);

/// Keeps what the delivery task does.
struct Observed {
    transport: Otlp,
    failed: Arc<Notify>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    attempts: u32,
}

impl Transport for Observed {
    fn endpoint(&self) -> &str {
        self.transport.endpoint()
    }

    async fn send(&mut self, payload: &Payload) -> Result<PartialSuccess, Failure> {
        {
            self.seen.lock().unwrap().attempts += 1;
        }
        let result = self.transport.send(payload).await;
        if let Err(failure) = &result {
            assert!(!failure.cause.is_empty() && !failure.remedy.is_empty());
            self.failed.notify_one();
        }
        result
    }
}

/// Variables for a receiver on this machine.
pub(super) fn settings(protocol: Protocol, more: &[(&str, String)]) -> Settings {
    let lookup = |name: &str| match name {
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some(protocol.to_string()),
        name => more.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()),
    };
    Settings::read(Signal::Logs, &lookup).unwrap().unwrap()
}

/// Delivers a batch to a receiver that fails by the script, and then one that has to arrive. Tells what was done and what the
/// ledger says.
async fn play(protocol: Protocol, script: Script) -> String {
    let (authority, other) = (Authority::new("right"), Authority::new("other"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let (first_authority, shown) = match script.tls {
        Tls::Off => (&authority, vec![]),
        Tls::Shown(first, later) => (&authority, vec![first, later]),
        Tls::OtherAuthority => (&other, vec![Shown::Right]),
    };
    fs::write(file.path(), first_authority.pem()).unwrap();
    let shown = shown.into_iter().map(|shown| authority.server(shown, None)).collect();
    let receiver = Receiver::new(script.steps.clone(), script.for_ever, shown);

    // A port that is taken but does not listen refuses connections, and nobody else can get it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let scheme = if script.tls == Tls::Off { "http" } else { "https" };
    let endpoint = format!("{scheme}://{}", socket.local_addr().unwrap());
    let time = if script.impatient { Duration::from_secs(1) } else { PATIENCE };
    let settings = settings(
        protocol,
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", time.as_millis().to_string()),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd".to_owned()),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.path().display().to_string()),
        ],
    );
    let seen = Arc::<Mutex<Seen>>::default();
    let failed = Arc::<Notify>::default();
    let transport = Observed {
        transport: Otlp::new(settings, Arc::default()).unwrap(),
        failed: Arc::clone(&failed),
        seen: Arc::clone(&seen),
    };
    if !script.late {
        receiver.serve(socket.listen(16).unwrap());
    } else if script.for_ever {
        std::mem::forget(socket);
    } else {
        let (failed, receiver) = (Arc::clone(&failed), receiver.clone());
        tokio::spawn(async move {
            failed.notified().await;
            receiver.serve(socket.listen(16).unwrap());
        });
    }
    if script.tls == Tls::OtherAuthority {
        let (path, right) = (file.path().to_owned(), authority.pem());
        tokio::spawn(async move {
            failed.notified().await;
            fs::write(path, right).unwrap();
        });
    }

    let ledger = Arc::new(Ledger::default());
    let queue = Queue::new(usize::MAX);
    let mut compressor = Compressor::new(Encoding::Zstd).unwrap();
    let batches: Vec<Batch> = (1..=if script.for_ever { 1 } else { 2 })
        .map(|number| {
            let mut batch = batch(number);
            batch.payload = compressor.compress(batch.payload.bytes.to_vec());
            batch
        })
        .collect();
    let sent: Vec<Bytes> = batches.iter().map(|batch| batch.payload.bytes.clone()).collect();
    let limits = Limits {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        age: if script.for_ever { Duration::from_secs(2) } else { PATIENCE },
        shutdown: PATIENCE,
        ..Limits::default()
    };
    let accounts = Accounts::new(&ledger);
    let rejected = accounts.rejected();
    let now = || Clock::now().monotonic();
    let run = run(&queue, transport, accounts, limits, Outage::default(), now);
    let feed = async {
        for batch in batches {
            let counts = batch.accounted.by_hook()[&HOOK];
            ledger.observed(HOOK, counts);
            ledger.queued(HOOK, counts);
            assert!(queue.push(batch).is_empty());
            while !row_of(&ledger).queued.is_zero() {
                sleep(Duration::from_millis(10)).await;
            }
            // So that the end of a connection arrives before the next request.
            sleep(Duration::from_millis(300)).await;
        }
        queue.close();
    };
    timeout(PATIENCE, async { tokio::join!(run, feed) }).await.expect("the delivery ends");
    let done = done(&script, &seen.lock().unwrap(), &sent, &receiver);
    format!("{done} | {}", account(&ledger, rejected.records()))
}

/// What was done for the first batch.
fn done(script: &Script, seen: &Seen, sent: &[Bytes], receiver: &Receiver) -> &'static str {
    let asked = receiver.asked();
    let halves = asked.iter().any(|asked| !sent.iter().any(|sent| asked.body.ends_with(sent)));
    let second = u32::from(!script.for_ever);
    match seen.attempts - second {
        1 => "sent once",
        _ if halves => "sent in halves",
        _ if script.for_ever => "sent again until it is too old",
        // As the receiver sees it, so that no delay in between makes a wait shorter than it is.
        2 if matches!(&*asked, [first, second, ..] if second.at - first.at >= NAMED) => {
            "sent again after the time that is named"
        }
        2 => "sent again",
        // How often nobody listens until somebody does is for the clock to say.
        _ if script.late => "sent again",
        attempts => panic!("{attempts} attempts"),
    }
}

/// What became of the first batch. The second always arrives.
fn account(ledger: &Ledger, rejected: u64) -> String {
    let row = row_of(ledger);
    assert!(row.balances() && row.queued.is_zero(), "{row:?}");
    let (all, half) = (counts(1, 100), counts(1, 50));
    if !row.all_lost().is_zero() {
        let lost = |reason: &LossReason| row.lost[*reason as usize] == row.all_lost();
        let reason = LossReason::ALL.into_iter().find(lost).expect("one reason").name();
        let lost = row.all_lost();
        assert!(rejected == 0 && (lost == all || lost == half), "{row:?}");
        return if lost == all {
            format!("lost: {reason}")
        } else {
            format!("half delivered, half lost: {reason}")
        };
    }
    assert!(row.delivered == row.seen, "{row:?}");
    if rejected > 0 { format!("delivered, {rejected} records rejected") } else { "delivered".to_owned() }
}

fn row_of(ledger: &Ledger) -> Row {
    ledger.snapshot()[HOOK.0 as usize].1
}

/// The row of a case, as the document has it.
async fn row((what, script): Case) -> String {
    let mut row = format!("| {what} ");
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        match script(protocol) {
            Some(script) => write!(row, "| {} ", play(protocol, script).await).unwrap(),
            None => row.push_str("| | "),
        }
    }
    row.push('|');
    row
}

#[tokio::test]
async fn the_table_of_the_documentation_is_what_happens() {
    let document = include_str!("../../../../docs/delivery.md");
    let documented: Vec<&str> = document
        .lines()
        .skip_while(|line| !line.starts_with("| what happens |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let rows: Vec<_> = CASES.into_iter().map(|case| tokio::spawn(row(case))).collect();
    let mut happened = Vec::new();
    for row in rows {
        happened.push(row.await.unwrap());
    }
    assert!(documented == happened, "docs/delivery.md does not say what happens:\n{}", happened.join("\n"));
}
