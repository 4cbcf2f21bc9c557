//! Where the pipeline's records go: to a printer, or as OTLP requests into the export queue.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::clock::Clock;
use crate::export::{Batch, Compressor, Queue};
use crate::flow::{Counts, HookId, Record, RecordSink};
use crate::ledger::{Ledger, LossReason};
use crate::otlp::{LogsRequest, LogsWriter};
use crate::pipeline::Outlet;
use crate::print::Print;

/// Prints records; what is printed is delivered.
pub(crate) struct Printing {
    printer: Box<dyn Print + Send>,
    ledger: Arc<Ledger>,
    records: Records,
}

/// Whether there were records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Records(Arc<AtomicBool>);

impl Records {
    pub(crate) fn is_none(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

impl Printing {
    pub(crate) fn new(printer: Box<dyn Print + Send>, ledger: &Arc<Ledger>) -> Self {
        Self { printer, ledger: Arc::clone(ledger), records: Records::default() }
    }

    /// A view of whether there were records, for another thread.
    pub(crate) fn records(&self) -> Records {
        self.records.clone()
    }
}

impl RecordSink for Printing {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        self.records.0.store(true, Ordering::Relaxed);
        self.printer.record(record, accounted);
        for &(hook, counts) in accounted {
            self.ledger.queued(hook, counts);
            self.ledger.delivered(hook, counts);
        }
    }
}

impl Outlet for Printing {
    fn flush(&mut self) -> io::Result<()> {
        self.printer.flush()
    }
}

/// Encodes records, and queues the requests as they will go over the wire.
pub(crate) struct Exporting {
    pub(crate) writer: LogsWriter,
    pub(crate) compressor: Compressor,
    pub(crate) queue: Arc<Queue>,
    pub(crate) ledger: Arc<Ledger>,
}

impl Exporting {
    fn enqueue_finished(&mut self) {
        for LogsRequest { payload, records, accounted } in self.writer.take_finished() {
            let created = Clock::now().monotonic();
            let batch = Batch { payload: self.compressor.compress(payload), records, accounted, created };
            for lost in self.queue.push(batch) {
                for (hook, counts) in lost.accounted {
                    self.ledger.lost_after_queue(hook, LossReason::QueueFull, counts);
                }
            }
        }
    }
}

impl RecordSink for Exporting {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        for &(hook, counts) in accounted {
            self.ledger.queued(hook, counts);
        }
        self.writer.record(record, accounted);
        self.enqueue_finished();
    }
}

impl Outlet for Exporting {
    fn flush(&mut self) -> io::Result<()> {
        self.writer.finish();
        self.enqueue_finished();
        Ok(())
    }
}
