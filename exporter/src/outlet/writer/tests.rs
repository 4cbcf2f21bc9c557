use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

const HOOK: HookId = HookId(0);

/// An output that takes what it is told to, when it is told to.
struct Scripted {
    answers: Receiver<io::Result<usize>>,
    asked: Sender<()>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.asked.send(());
        match self.answers.recv() {
            Ok(answer) => answer.map(|most| most.min(bytes.len())),
            // The test is over.
            Err(_) => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn scripted() -> (Writer, Arc<Ledger>, Sender<io::Result<usize>>, Receiver<()>) {
    let (answer, answers) = channel();
    let (asked, was_asked) = channel();
    let ledger = Arc::new(Ledger::default());
    let writer = Writer::start(Scripted { answers, asked }, Arc::clone(&ledger)).unwrap();
    (writer, ledger, answer, was_asked)
}

/// `lines` lines of ten bytes and one packet each.
fn chunk(ledger: &Ledger, lines: u64) -> Chunk {
    let packet = Counts { packets: 1, bytes: 100 };
    let mut chunk = Chunk::new();
    for _ in 0..lines {
        ledger.observed(HOOK, packet);
        ledger.queued(HOOK, packet);
        chunk.text.push_str("123456789\n");
        chunk.account(HOOK, packet);
    }
    chunk
}

/// Packets delivered, lost, and on their way.
fn account(ledger: &Ledger) -> (u64, u64, u64) {
    let row = ledger.snapshot()[0].1;
    assert!(row.balances(), "{row:?}");
    let lost = row.lost[LossReason::Output as usize];
    assert_eq!(lost, row.all_lost());
    (row.delivered.packets, lost.packets, row.queued.packets)
}

#[test]
fn a_record_is_delivered_when_its_whole_line_is_written() {
    let (writer, ledger, answer, asked) = scripted();
    writer.push(chunk(&ledger, 3));
    asked.recv().unwrap();
    assert_eq!(account(&ledger), (0, 0, 3));
    answer.send(Ok(19)).unwrap();
    asked.recv().unwrap();
    assert_eq!(account(&ledger), (1, 0, 2));
    drop(answer);
    writer.finish().unwrap();
    assert_eq!(account(&ledger), (3, 0, 0));
}

#[test]
fn what_an_error_leaves_is_lost_and_the_error_is_said_once() {
    let (writer, ledger, answer, _asked) = scripted();
    answer.send(Ok(10)).unwrap();
    answer.send(Err(ErrorKind::Interrupted.into())).unwrap();
    answer.send(Err(ErrorKind::StorageFull.into())).unwrap();
    writer.push(chunk(&ledger, 3));
    writer.push(chunk(&ledger, 2));
    assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(account(&ledger), (1, 4, 0));
    writer.push(chunk(&ledger, 5));
    assert_eq!(account(&ledger), (1, 9, 0));
    assert!(writer.check().is_ok());
}

#[test]
fn output_that_takes_no_bytes_is_an_error() {
    let (writer, ledger, answer, _asked) = scripted();
    answer.send(Ok(0)).unwrap();
    writer.push(chunk(&ledger, 1));
    assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::WriteZero);
}

#[test]
fn a_wait_for_a_stalled_output_ends_at_the_deadline() {
    let (writer, ledger, answer, asked) = scripted();
    let waiting = thread::spawn({
        let (writer, ledger) = (writer.clone(), Arc::clone(&ledger));
        move || {
            for _ in 0..=ROOM + 1 {
                writer.push(chunk(&ledger, 1));
            }
        }
    });
    // One chunk is being written, the room is full, and one more waits for it.
    asked.recv().unwrap();
    let on_their_way = ROOM as u64 + 2;
    while account(&ledger) != (0, 0, on_their_way) {
        thread::yield_now();
    }
    assert!(!waiting.is_finished());
    writer.stop_by(Instant::now() + Duration::from_millis(50));
    waiting.join().unwrap();
    assert_eq!(writer.finish().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(account(&ledger), (0, on_their_way, 0));
    // The write ends after all: nobody counts on it any more.
    answer.send(Ok(10)).unwrap();
    drop(answer);
    assert!(asked.recv().is_err(), "the thread has ended");
    assert_eq!(account(&ledger), (0, on_their_way, 0));
}

#[test]
fn an_output_that_makes_progress_has_until_the_deadline() {
    let (writer, ledger, answer, asked) = scripted();
    writer.push(chunk(&ledger, 2));
    asked.recv().unwrap();
    writer.stop_by(Instant::now() + Duration::from_mins(1));
    answer.send(Ok(10)).unwrap();
    answer.send(Ok(10)).unwrap();
    writer.finish().unwrap();
    assert_eq!(account(&ledger), (2, 0, 0));
}
