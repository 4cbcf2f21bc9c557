//! The way from the kernel's counts to records: joins the stages up to there, as `outlet.rs` joins those behind.

mod drops;
mod loss;
mod origins;
mod payloads;
mod progress;
mod replay;
mod retire;

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::flow::{Counts, HookId, Hooks, Record, RecordSink};
use crate::kernel::{ReadError, Reader, Topology};
use crate::ledger::Ledger;
use crate::sync::lock;
use crate::table::{FlowTable, Output};

pub(crate) use self::origins::Origins;
pub(crate) use self::progress::{DropFate, Fate, Limits, Progress, Stage};
pub(crate) use self::replay::{Replay, ReplayError};

/// How often the fill of the current generation is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Where records go. Taking one never waits; the other calls may, until there is room or the wait is ended from elsewhere.
pub(crate) trait Outlet: RecordSink {
    /// Called after each record while nothing is held that others need: waits until there is room for the next.
    fn make_room(&mut self);

    /// Hands on what was taken since the last call.
    ///
    /// # Errors
    /// When nobody takes records any more, such as a closed pipe: then the pipeline ends. Said once; records that are taken
    /// all the same are entered in the ledger as lost.
    fn flush(&mut self) -> io::Result<()>;

    /// The last flush: returns when everything has left this process's hands, or is lost.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    fn finish(&mut self) -> io::Result<()>;
}

/// Reads the kernel, keeps the flow table and fills an outlet.
pub(crate) struct Pipeline<O> {
    pub(crate) reader: Reader,
    pub(crate) hooks: Arc<Mutex<Hooks>>,
    /// Of more than one network namespace.
    pub(crate) topology: Option<Arc<Topology>>,
    pub(crate) table: FlowTable,
    pub(crate) origins: Origins,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) outlet: O,
}

/// Why a pipeline ended by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PipelineError {
    /// The kernel's counts cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Nobody takes records any more.
    #[error("cannot write flows: {0}")]
    Outlet(#[from] io::Error),
}

/// How the last reading went.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Whether it took all that the hooks have counted.
    pub(crate) complete: bool,
    /// The first thing that went wrong.
    pub(crate) result: Result<(), PipelineError>,
}

impl<O: Outlet> Pipeline<O> {
    /// Reads at least once every `interval` until `stop` says so or its other end is gone.
    pub(crate) fn run(&mut self, interval: Duration, stop: &Receiver<()>) -> Result<(), PipelineError> {
        let mut last_read = Instant::now();
        // Of the last reading: flows name no others.
        let mut names = Hooks::default();
        loop {
            let until_read = interval.saturating_sub(last_read.elapsed());
            match stop.recv_timeout(TICK.min(until_read)) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.progress.set_observations(self.reader.fill());
            self.read_payloads()?;
            if last_read.elapsed() >= interval || self.reader.is_filling() {
                last_read = Instant::now();
                names = self.read()?;
                // Again: what was counted until then was shipped until then.
                self.read_payloads()?;
                self.tell_origins(&names, origins::BETWEEN_READINGS);
                self.emit(&names, Which::Due);
                self.outlet.flush()?;
            } else {
                // Without a flush: it would make a request of each handful.
                self.emit(&names, Which::Between);
            }
        }
    }

    /// The last reading, after the hooks are detached: every flow ends, also when the kernel cannot be read.
    pub(crate) fn finish(&mut self) -> Finished {
        let read = self.read().and_then(|names| self.read_payloads().map(|()| names));
        let complete = read.is_ok();
        let (names, read) = match read {
            Ok(names) => (names, Ok(())),
            Err(error) => (lock(&self.hooks).clone(), Err(error)),
        };
        self.tell_origins(&names, origins::AT_THE_END);
        self.emit(&names, Which::All);
        let written = self.outlet.finish();
        Finished {
            complete,
            result: read.map_err(PipelineError::Read).and(written.map_err(PipelineError::Outlet)),
        }
    }

    /// Takes the observations and the losses of the time since the last reading into the flow table. Gives the names of the
    /// hooks as they are then: records are made of it, and waited for, while others take the lock.
    fn read(&mut self) -> Result<Hooks, ReadError> {
        let Self { reader, hooks, topology, table, ledger, progress, outlet, .. } = self;
        let mut hooks = lock(hooks);
        let clock = Clock::now();
        let start = Instant::now();
        let mut first = None;
        reader.turn()?;
        table.turned(Clock::now().monotonic());
        if let Some(topology) = topology {
            topology.refresh(&mut hooks);
        }
        if hooks.regroup() {
            table.follow_hooks(&mut Output { clock, hooks: &hooks, ledger, sink: outlet });
        }
        reader.read_turned(&mut hooks, |hooks, observation| {
            first.get_or_insert_with(Instant::now);
            table.apply(observation, &mut Output { clock, hooks, ledger, sink: outlet });
        });
        let merged = Instant::now();
        let first = first.unwrap_or(merged);
        reader.read_losses(&mut hooks, |hooks, loss| {
            loss::account(loss, table, &mut Output { clock, hooks, ledger, sink: outlet });
        })?;
        for hook in hooks.read_through() {
            reader.forget_losses(hook, &hooks, |loss| {
                loss::account(loss, table, &mut Output { clock, hooks: &hooks, ledger, sink: outlet });
            })?;
        }
        drops::read(reader, topology.as_deref(), table, progress)?;
        progress.spent(Stage::Table, merged - first);
        progress.spent(Stage::Reading, (first - start) + merged.elapsed());
        progress.set_losses(reader.loss_entries());
        progress.read(Clock::now().monotonic());
        Ok(hooks.clone())
    }

    /// Tells the table who began its new flows, as far as others than packets know.
    fn tell_origins(&mut self, hooks: &Hooks, within: Duration) {
        let Self { table, origins, ledger, outlet, .. } = self;
        let unopened = table.take_unopened(&mut Output { clock: Clock::now(), hooks, ledger, sink: outlet });
        origins.tell(unopened, table, hooks, within);
    }

    /// Has the table make records.
    fn emit(&mut self, hooks: &Hooks, which: Which) {
        let start = Instant::now();
        let Self { table, ledger, outlet, .. } = self;
        // Full tables may have made records in the reading, which waits for nothing.
        outlet.make_room();
        let out = &mut Output { clock: Clock::now(), hooks, ledger, sink: &mut Paced(outlet) };
        match which {
            Which::Due => table.emit_due(out),
            Which::Between => table.emit_between(out),
            Which::All => table.finish(out),
        }
        self.progress.set_flows(self.table.len());
        self.progress.spent(Stage::Encoding, start.elapsed());
        if !matches!(which, Which::Between) {
            retire::retire(&mut lock(&self.hooks), &self.table, &self.ledger);
        }
    }
}

/// The records that are made.
#[derive(Clone, Copy, Debug)]
enum Which {
    Due,
    /// Due since the last reading.
    Between,
    All,
}

/// An outlet that is waited for after each record.
struct Paced<'a, O>(&'a mut O);

impl<O: Outlet> RecordSink for Paced<'_, O> {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        self.0.record(record, accounted);
        self.0.make_room();
    }

    fn has_room(&self) -> bool {
        self.0.has_room()
    }
}
