//! The way from the kernel's counts to records: joins the stages up to there, as `outlet.rs` joins those behind.

mod loss;
mod retire;

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::flow::{Hooks, RecordSink};
use crate::kernel::{ReadError, Reader};
use crate::ledger::Ledger;
use crate::sync::lock;
use crate::table::{FlowTable, Output};

/// How often the fill of the current generation is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Where records go.
pub(crate) trait Outlet: RecordSink {
    /// Hands on what was taken since the last call.
    ///
    /// # Errors
    /// When nobody takes records any more, such as a closed pipe: then the pipeline ends.
    fn flush(&mut self) -> io::Result<()>;
}

/// When the kernel's counts are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// The longest time between two readings.
    pub(crate) interval: Duration,
    /// A generation with this many observations is read at once: half of what it holds, so that there is room until it is.
    pub(crate) fill: u64,
}

/// Reads the kernel, keeps the flow table and fills an outlet.
pub(crate) struct Pipeline<O> {
    pub(crate) reader: Reader,
    pub(crate) hooks: Arc<Mutex<Hooks>>,
    pub(crate) table: FlowTable,
    pub(crate) ledger: Arc<Ledger>,
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

impl<O: Outlet> Pipeline<O> {
    /// Reads on schedule until `stop` says so or its other end is gone.
    pub(crate) fn run(&mut self, schedule: Schedule, stop: &Receiver<()>) -> Result<(), PipelineError> {
        let mut last_read = Instant::now();
        loop {
            let until_read = schedule.interval.saturating_sub(last_read.elapsed());
            match stop.recv_timeout(TICK.min(until_read)) {
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if last_read.elapsed() >= schedule.interval || self.reader.fill()? >= schedule.fill {
                last_read = Instant::now();
                self.read(FlowTable::emit_due)?;
            }
        }
    }

    /// The last reading, after the hooks are detached: every flow ends.
    pub(crate) fn finish(&mut self) -> Result<(), PipelineError> {
        self.read(FlowTable::finish)
    }

    /// Reads the observations and the losses of the time since the last reading, and has the table make its records.
    fn read(&mut self, emit: impl FnOnce(&mut FlowTable, &mut Output<'_, O>)) -> Result<(), PipelineError> {
        let Self { reader, hooks, table, ledger, outlet } = self;
        let mut hooks = lock(hooks);
        let clock = Clock::now();
        reader.read(&mut hooks, |hooks, observation| {
            table.apply(observation, &mut Output { clock, hooks, ledger, sink: outlet });
        })?;
        reader.read_losses(&mut hooks, |hooks, loss| {
            loss::account(loss, table, &mut Output { clock, hooks, ledger, sink: outlet });
        })?;
        for hook in hooks.read_through() {
            reader.forget_losses(hook, &hooks, |loss| {
                loss::account(loss, table, &mut Output { clock, hooks: &hooks, ledger, sink: outlet });
            })?;
        }
        emit(table, &mut Output { clock: Clock::now(), hooks: &hooks, ledger, sink: outlet });
        retire::retire(&mut hooks, table, ledger);
        drop(hooks);
        Ok(self.outlet.flush()?)
    }
}
