//! Records as text to the output.
//!
//! Records that a reading makes (for want of room in the flow table) cannot wait: the kernel's counts are to be read. Their lines
//! are kept, as many bytes as the plan has for a queue, until the reading is over; more are lost.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use super::writer::{Chunk, Writer};
use crate::flow::{Counts, HookId, Record, RecordSink};
use crate::ledger::{Ledger, LossReason};
use crate::pipeline::Outlet;
use crate::print::Print;

/// Prints records; what is written is delivered.
pub(crate) struct Printing {
    printer: Box<dyn Print + Send>,
    ledger: Arc<Ledger>,
    chunk: Chunk,
    /// Full ones that the writer had no room for.
    kept: VecDeque<Chunk>,
    /// Bytes of these.
    kept_bytes: usize,
    /// The most bytes that are kept.
    room: usize,
    writer: Writer,
}

impl Printing {
    /// Prints to `output`, from a thread of its own; keeps at most `room` bytes of lines that cannot wait.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn new(
        mut printer: Box<dyn Print + Send>,
        output: impl Write + Send + 'static,
        ledger: &Arc<Ledger>,
        room: usize,
    ) -> io::Result<Self> {
        let mut chunk = Chunk::new();
        printer.begin(&mut chunk.text);
        let writer = Writer::start(output, Arc::clone(ledger))?;
        let (kept, kept_bytes) = (VecDeque::new(), 0);
        Ok(Self { printer, ledger: Arc::clone(ledger), chunk, kept, kept_bytes, room, writer })
    }

    /// A handle of what writes, for whoever has to end it in time.
    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Waits until everything is handed over.
    fn hand_over(&mut self) {
        self.kept_bytes = 0;
        for chunk in self.kept.drain(..) {
            self.writer.push(chunk);
        }
        self.writer.push(mem::replace(&mut self.chunk, Chunk::new()));
    }

    /// Puts a full chunk aside, and hands over what needs no wait.
    fn keep(&mut self) {
        let chunk = mem::replace(&mut self.chunk, Chunk::new());
        self.kept_bytes += chunk.size();
        self.kept.push_back(chunk);
        while let Some(chunk) = self.kept.pop_front() {
            let size = chunk.size();
            if let Err(chunk) = self.writer.offer(chunk) {
                return self.kept.push_front(chunk);
            }
            self.kept_bytes -= size;
        }
    }
}

impl RecordSink for Printing {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        if self.chunk.text.len() >= Chunk::FULL {
            self.keep();
        }
        let is_full = self.kept_bytes + self.chunk.size() > self.room;
        if !is_full {
            self.printer.record(record, &mut self.chunk.text);
        }
        for &(hook, counts) in accounted {
            self.ledger.queued(hook, counts);
            if is_full {
                self.ledger.lost_after_queue(hook, LossReason::QueueFull, counts);
            } else {
                self.chunk.account(hook, counts);
            }
        }
    }
}

impl Outlet for Printing {
    fn make_room(&mut self) {
        if self.chunk.text.len() >= Chunk::FULL || !self.kept.is_empty() {
            self.hand_over();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.chunk.text.is_empty() || !self.kept.is_empty() {
            self.hand_over();
        }
        self.writer.check()
    }

    fn finish(&mut self) -> io::Result<()> {
        let flushed = self.flush();
        flushed.and(self.writer.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::flow::samples;
    use crate::print::{Format, Width, printer};

    const HOOK: HookId = HookId(0);
    const ONE: Counts = Counts { packets: 1, bytes: 100 };
    const ROOM: usize = 300_000;
    /// Far more than the writer and the room take together.
    const RECORDS: u64 = 10_000;

    /// Takes nothing until its other end is gone, then everything.
    struct Stalled(Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Delivered, lost for want of room, on their way.
    fn packets(ledger: &Ledger) -> (u64, u64, u64) {
        let row = ledger.snapshot()[0].1;
        assert!(row.balances(), "{row:?}");
        let lost = row.lost[LossReason::QueueFull as usize];
        assert_eq!(lost, row.all_lost());
        (row.delivered.packets, lost.packets, row.queued.packets)
    }

    #[test]
    fn lines_that_cannot_wait_are_kept_up_to_the_room_and_the_others_are_lost() {
        let (reads, stalled) = channel();
        let ledger = Arc::new(Ledger::default());
        let printer = printer(Format::Json, None, Width::of_stdout(None));
        let mut printing = Printing::new(printer, Stalled(stalled), &ledger, ROOM).unwrap();
        let hook = samples::hook();
        let flow = samples::tcp(&hook);
        let record = |printing: &mut Printing| {
            ledger.observed(HOOK, ONE);
            printing.record(Record::Flow(&flow), &[(HOOK, ONE)]);
        };
        for _ in 0..RECORDS {
            record(&mut printing);
            assert!(
                printing.kept_bytes + printing.chunk.size() < ROOM + 4096,
                "{} bytes",
                printing.kept_bytes
            );
        }
        let (delivered, lost, waits) = packets(&ledger);
        assert_eq!((delivered, lost + waits), (0, RECORDS));
        assert!(lost > 0 && waits > 0, "{lost} lost, {waits} wait");
        drop(reads);
        printing.make_room();
        assert_eq!((printing.kept_bytes, printing.chunk.size()), (0, 0));
        record(&mut printing);
        printing.finish().unwrap();
        assert_eq!(packets(&ledger), (RECORDS - lost + 1, lost, 0));
    }
}
