//! Records as text to the output.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;

use super::writer::{Chunk, Writer};
use crate::flow::{Counts, HookId, Record, RecordSink};
use crate::ledger::Ledger;
use crate::pipeline::Outlet;
use crate::print::Print;

/// Prints records; what is written is delivered.
pub(crate) struct Printing {
    printer: Box<dyn Print + Send>,
    ledger: Arc<Ledger>,
    chunk: Chunk,
    writer: Writer,
}

impl Printing {
    /// Prints to `output`, from a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn new(
        mut printer: Box<dyn Print + Send>,
        output: impl Write + Send + 'static,
        ledger: &Arc<Ledger>,
    ) -> io::Result<Self> {
        let mut chunk = Chunk::new();
        printer.begin(&mut chunk.text);
        let writer = Writer::start(output, Arc::clone(ledger))?;
        Ok(Self { printer, ledger: Arc::clone(ledger), chunk, writer })
    }

    /// A handle of what writes, for whoever has to end it in time.
    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    fn hand_over(&mut self) {
        self.writer.push(mem::replace(&mut self.chunk, Chunk::new()));
    }
}

impl RecordSink for Printing {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        self.printer.record(record, &mut self.chunk.text);
        for &(hook, counts) in accounted {
            self.ledger.queued(hook, counts);
            self.chunk.account(hook, counts);
        }
    }
}

impl Outlet for Printing {
    fn make_room(&mut self) {
        if self.chunk.text.len() >= Chunk::FULL {
            self.hand_over();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.chunk.text.is_empty() {
            self.hand_over();
        }
        self.writer.check()
    }

    fn finish(&mut self) -> io::Result<()> {
        let flushed = self.flush();
        flushed.and(self.writer.finish())
    }
}
