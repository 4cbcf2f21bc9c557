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
    /// Bytes of a request before its compression, unless the receiver takes less.
    pub(crate) request_size: usize,
}

impl Exporting {
    fn enqueue_finished(&mut self) {
        for LogsRequest { payload, records, accounted } in self.writer.take_finished() {
            let created = Clock::now().monotonic();
            let batch = Batch { payload: self.compressor.compress(payload), records, accounted, created };
            for lost in self.queue.push(batch) {
                for (hook, counts) in lost.accounted.by_hook() {
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
        self.writer.set_limit(self.request_size.min(self.queue.request_size().most()));
        self.writer.record(record, accounted);
        self.enqueue_finished();
    }

    /// Room for the request that is being written, at its largest.
    fn has_room(&self) -> bool {
        self.queue.has_room(self.request_size)
    }
}

impl Outlet for Exporting {
    /// The queue makes room by itself, for records that were put off for long enough.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Encoding;
    use crate::flow::samples;

    fn exporting(queue: &Arc<Queue>) -> Exporting {
        Exporting {
            writer: LogsWriter::new(&[], usize::MAX),
            compressor: Compressor::new(Encoding::None).unwrap(),
            queue: Arc::clone(queue),
            ledger: Arc::default(),
            request_size: 100_000,
        }
    }

    #[tokio::test]
    async fn there_is_room_until_a_request_more_would_displace_another() {
        let queue = Arc::new(Queue::new(250_000));
        let mut exporting = exporting(&queue);
        let hook = samples::hook();
        let flow = samples::tcp(&hook);
        while exporting.has_room() {
            exporting.record(Record::Flow(&flow), &[]);
        }
        exporting.flush().unwrap();
        assert!(queue.fill().batches >= 2 && queue.fill().displaced_records == 0, "{:?}", queue.fill());
        queue.pop().await.unwrap();
        assert!(exporting.has_room());
    }

    #[tokio::test]
    async fn requests_are_as_large_as_the_receiver_takes() {
        let queue = Arc::new(Queue::new(usize::MAX));
        let mut exporting = exporting(&queue);
        let hook = samples::hook();
        let flow = samples::tcp(&hook);
        for (size, least) in [(usize::MAX, 90_000), (20_000, 15_000)] {
            queue.request_size().lower(size);
            for _ in 0..1000 {
                exporting.record(Record::Flow(&flow), &[]);
            }
            let batch = queue.pop().await.unwrap();
            let bytes = batch.payload.uncompressed;
            assert!((least..=size.min(100_000)).contains(&bytes), "{bytes}");
            exporting.flush().unwrap();
            while queue.fill().batches > 0 {
                queue.pop().await.unwrap();
            }
        }
    }
}
