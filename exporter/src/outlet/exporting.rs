//! Records into the export queue.

use std::io;
use std::sync::Arc;

use crate::clock::Clock;
use crate::export::{Batch, Compressor, Queue};
use crate::flow::{Counts, HookId, Record, RecordSink};
use crate::ledger::{Ledger, LossReason};
use crate::otlp::{LogsRequest, LogsWriter};
use crate::pipeline::Outlet;

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
    /// The queue makes room by itself.
    fn make_room(&mut self) {}

    fn flush(&mut self) -> io::Result<()> {
        self.writer.finish();
        self.enqueue_finished();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
