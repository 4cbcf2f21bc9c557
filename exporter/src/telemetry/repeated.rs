//! A limit for log lines that repeat: each place in the code may say so much at once and then only from time to time.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::sync::lock;

/// Lines that a place may write at once.
const BURST: u32 = 20;
/// Time in which it gets the right to one more.
const REFILL: Duration = Duration::from_secs(10);

/// Lines that were left out. The log is one for the process, and so is this.
static SUPPRESSED: AtomicU64 = AtomicU64::new(0);

/// Lines that were left out since the start.
pub(super) fn suppressed() -> u64 {
    SUPPRESSED.load(Relaxed)
}

/// Writes lines as another format does, but leaves out those of which there are too many. The next line of the same place has
/// their number. Lines below `INFO` are written all: somebody asked for them.
#[derive(Debug)]
pub struct RateLimited<F> {
    format: F,
    now: fn() -> Instant,
    places: Mutex<HashMap<Identifier, Place>>,
}

/// What a place in the code may still say.
#[derive(Debug)]
struct Place {
    left: u32,
    /// From when the time for the next right counts.
    since: Instant,
    suppressed: u64,
}

impl<F> RateLimited<F> {
    /// A limit around a format.
    pub fn new(format: F) -> Self {
        Self { format, now: Instant::now, places: Mutex::default() }
    }

    /// Whether a place may write a line, and how many it was denied since its last.
    fn admit(&self, place: Identifier, now: Instant) -> Option<u64> {
        lock(&self.places).entry(place).or_insert_with(|| Place::new(now)).admit(now)
    }
}

impl Place {
    fn new(now: Instant) -> Self {
        Self { left: BURST, since: now, suppressed: 0 }
    }

    fn admit(&mut self, now: Instant) -> Option<u64> {
        let earned = now.duration_since(self.since).as_nanos() / REFILL.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(earned).min(BURST);
        self.since = if self.left == BURST { now } else { self.since + REFILL * earned };
        if self.left == 0 {
            self.suppressed += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

impl<F, S, N> FormatEvent<S, N> for RateLimited<F>
where
    F: FormatEvent<S, N>,
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        if *metadata.level() > Level::INFO {
            return self.format.format_event(context, writer, event);
        }
        match self.admit(metadata.callsite(), (self.now)()) {
            None => {
                SUPPRESSED.fetch_add(1, Relaxed);
                Ok(())
            }
            Some(0) => self.format.format_event(context, writer, event),
            Some(number) => {
                // Of one line, so that the number stays with it. It has no colours.
                let mut line = String::new();
                self.format.format_event(context, Writer::new(&mut line), event)?;
                writeln!(writer, "{} ({number} more like this left out before)", line.trim_end())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::captured::Captured;

    #[test]
    fn a_place_says_much_at_once_and_then_one_line_each_time() {
        let start = Instant::now();
        let mut place = Place::new(start);
        for _ in 0..BURST {
            assert_eq!(place.admit(start), Some(0));
        }
        for _ in 0..7 {
            assert_eq!(place.admit(start + REFILL / 2), None);
        }
        assert_eq!(place.admit(start + REFILL), Some(7));
        assert_eq!(place.admit(start + REFILL * 3 / 2), None);
        assert_eq!(place.admit(start + REFILL * 2), Some(1));
    }

    #[test]
    fn after_a_long_silence_there_is_no_more_than_the_first_time() {
        let start = Instant::now();
        let mut place = Place::new(start);
        let later = start + REFILL * 1000;
        let said = (0..3 * BURST).filter(|_| place.admit(later).is_some()).count();
        assert_eq!(said, BURST as usize);
    }

    thread_local! {
        /// What time it is in this test.
        static NOW: Cell<Instant> = Cell::new(Instant::now());
    }

    #[test]
    fn a_flood_of_one_place_leaves_the_lines_of_another_and_is_told_later() {
        let log = Captured::default();
        let writer = log.clone();
        let format = RateLimited {
            now: || NOW.get(),
            ..RateLimited::new(tracing_subscriber::fmt::format().with_ansi(false))
        };
        let subscriber =
            tracing_subscriber::fmt().event_format(format).with_writer(move || writer.clone()).finish();
        let before = suppressed();
        tracing::subscriber::with_default(subscriber, || {
            let flood = |number| {
                for number in 0..number {
                    tracing::warn!(number, "flood");
                }
            };
            flood(3 * BURST);
            tracing::warn!("another");
            NOW.set(NOW.get() + REFILL);
            flood(1);
        });
        let text = log.text();
        let lines: Vec<_> = text.lines().collect();
        let (burst, rest) = lines.split_at(BURST as usize);
        assert!(burst.iter().all(|line| line.contains("WARN") && line.contains("flood")), "{text}");
        let [another, last] = rest else { panic!("{text}") };
        assert!(another.ends_with("another"), "{text}");
        assert!(
            last.contains("WARN") && last.ends_with("flood number=0 (40 more like this left out before)"),
            "{text}"
        );
        assert_eq!(suppressed() - before, u64::from(2 * BURST));
    }
}
