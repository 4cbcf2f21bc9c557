//! Metrics of flows as text, for who wants to see them without a receiver.

use std::io::{self, Write};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::writer::{Chunk, Writer};
use crate::aggregate::Aggregator;
use crate::clock::{Clock, MonotonicTime};
use crate::flow::{Counts, HookId, Record};
use crate::ledger::{Ledger, LossReason};
use crate::print;

/// Counts records, and prints the series' points from time to time.
pub(crate) struct Console {
    aggregator: Aggregator,
    writer: Writer,
    interval: Duration,
    due: MonotonicTime,
    /// Where records go nowhere else: their packets are delivered with the points.
    packets: Option<Packets>,
}

struct Packets {
    ledger: Arc<Ledger>,
    /// Those that no point stands for yet.
    counted: Vec<(HookId, Counts)>,
}

impl Console {
    /// Prints to `output` from a thread of its own, every `interval` from `now` on.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn new(
        aggregator: Aggregator,
        output: impl Write + Send + 'static,
        ledger: &Arc<Ledger>,
        interval: Duration,
        now: &Clock,
    ) -> io::Result<Self> {
        let writer = Writer::start(output, Arc::clone(ledger))?;
        Ok(Self {
            aggregator,
            writer,
            interval,
            due: now.monotonic().after(nanoseconds(interval)),
            packets: None,
        })
    }

    /// Enters in the ledger what becomes of the records' packets: there is no other outlet.
    pub(super) fn alone(self, ledger: &Arc<Ledger>) -> Self {
        Self { packets: Some(Packets { ledger: Arc::clone(ledger), counted: Vec::new() }), ..self }
    }

    /// A handle of what writes, for whoever has to end it in time.
    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    pub(super) fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        self.aggregator.record(record);
        let Some(Packets { ledger, counted }) = &mut self.packets else { return };
        for &(hook, counts) in accounted {
            ledger.queued(hook, counts);
            match counted.iter_mut().find(|(known, _)| *known == hook) {
                Some((_, sum)) => *sum += counts,
                None => counted.push((hook, counts)),
            }
        }
    }

    /// Prints the points, if it is time.
    pub(super) fn flush(&mut self, now: &Clock) {
        if now.monotonic() >= self.due {
            self.due = self.due.after(nanoseconds(self.interval)).max(now.monotonic());
            self.print(now);
        }
    }

    /// Prints the last points, and waits until they are written or given up. What cannot be written is in the ledger.
    pub(super) fn finish(&mut self, now: &Clock) {
        self.print(now);
        if let Err(error) = self.writer.finish() {
            tracing::warn!("metrics cannot be printed: {error}");
        }
        // Of records that are in no series, where there is no other.
        if let Some(Packets { ledger, counted }) = &mut self.packets {
            for (hook, counts) in counted.drain(..) {
                ledger.lost_after_queue(hook, LossReason::Output, counts);
            }
        }
    }

    fn print(&mut self, now: &Clock) {
        let mut chunk = Chunk::new();
        let writer = &self.writer;
        // What was printed before has arrived.
        self.aggregator.collect(now, Some(now.monotonic()), |point| {
            if chunk.text.len() >= Chunk::FULL {
                writer.push(mem::replace(&mut chunk, Chunk::new()));
            }
            print::metric_point(&point, &mut chunk.text);
        });
        if chunk.text.is_empty() {
            return;
        }
        if let Some(packets) = &mut self.packets {
            for (hook, counts) in packets.counted.drain(..) {
                chunk.account(hook, counts);
            }
        }
        writer.push(chunk);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use semconv::metric;

    use super::*;
    use crate::aggregate::Config;
    use crate::clock::WallTime;
    use crate::flow::{HistogramKind, Temporality, samples};
    use crate::ledger::Row;

    const HOOK: HookId = HookId(0);
    const COUNTS: Counts = Counts { packets: 22, bytes: 14_345 };

    fn clock(seconds: u64) -> Clock {
        Clock::at(MonotonicTime(seconds * 1_000_000_000), WallTime(seconds * 1_000_000_000))
    }

    fn console(output: impl Write + Send + 'static, ledger: &Arc<Ledger>) -> Console {
        let config = Config {
            dimensions: Vec::new(),
            series_limit: 10,
            idle_timeout: Duration::from_mins(15),
            temporality: Temporality::Cumulative,
            histogram: HistogramKind::Explicit,
        };
        let aggregator = Aggregator::new(config, &clock(0));
        Console::new(aggregator, output, ledger, Duration::from_mins(1), &clock(0)).unwrap().alone(ledger)
    }

    fn record(console: &mut Console, ledger: &Ledger) {
        let hook = samples::hook();
        ledger.observed(HOOK, COUNTS);
        console.record(Record::Flow(&samples::tcp(&hook)), &[(HOOK, COUNTS)]);
    }

    fn row(ledger: &Ledger) -> Row {
        let row = ledger.snapshot()[0].1;
        assert!(row.balances(), "{row:?}");
        row
    }

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn points_are_printed_every_interval_and_at_the_end_and_deliver_the_packets() {
        let (ledger, text) = (Arc::new(Ledger::default()), Text::default());
        let mut console = console(text.clone(), &ledger);
        record(&mut console, &ledger);
        console.flush(&clock(59));
        assert_eq!(row(&ledger).queued, COUNTS);
        console.flush(&clock(61));
        console.flush(&clock(62));
        record(&mut console, &ledger);
        console.finish(&clock(63));
        assert_eq!(row(&ledger).delivered, COUNTS + COUNTS);
        let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
        // Both directions of one series, at two times.
        let of_bytes = text.lines().filter(|line| line.contains(metric::NETWORK_FLOW_IO.name)).count();
        assert_eq!(of_bytes, 4, "{text}");
    }

    #[test]
    fn what_cannot_be_printed_is_lost() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let ledger = Arc::new(Ledger::default());
        let mut console = console(Full, &ledger);
        record(&mut console, &ledger);
        console.finish(&clock(1));
        assert_eq!(row(&ledger).lost[LossReason::Output as usize], COUNTS);
    }
}
