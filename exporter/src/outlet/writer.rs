//! A thread that writes text, and enters in the ledger what became of the records in it.
//!
//! Whoever reads the output may stop reading, for a while or for good. So this thread alone waits in a write, nothing that others
//! need is held meanwhile, and those who hand text over can be told to wait no longer.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::flow::{Counts, HookId};
use crate::ledger::{Ledger, LossReason};
use crate::sync::lock;

/// Chunks that wait to be written: 1 MiB.
const ROOM: usize = 16;
/// Bytes of one write. A pipe that has room takes them without a wait, so each of them is a sign of life of the reader.
const PIECE: usize = 4096;
/// When stopping, output that takes nothing for this long is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Text of whole lines, and what it accounts for.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) text: String,
    accounted: VecDeque<Accounted>,
}

/// Packets of a record.
#[derive(Clone, Copy, Debug)]
struct Accounted {
    /// Bytes of the chunk up to the end of the record's line.
    end: usize,
    hook: HookId,
    counts: Counts,
}

/// A handle of the thread.
#[derive(Clone, Debug)]
pub(crate) struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    ledger: Arc<Ledger>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    waiting: VecDeque<Chunk>,
    /// The chunk that the thread is writing.
    writing: Option<Writing>,
    /// Nothing more is handed over.
    closed: bool,
    /// Nothing more is written.
    failed: bool,
    /// Why, until somebody asks.
    error: Option<io::Error>,
    /// When the output has to have taken everything.
    deadline: Option<Instant>,
    /// Since when the output has taken nothing, if there is something to take.
    since: Instant,
}

#[derive(Debug)]
struct Writing {
    written: usize,
    /// Of the lines that are not written to their end.
    accounted: VecDeque<Accounted>,
}

impl Chunk {
    /// Bytes from which a chunk is worth handing over.
    pub(super) const FULL: usize = 64 << 10;

    pub(super) fn new() -> Self {
        Self { text: String::new(), accounted: VecDeque::new() }
    }

    /// Bytes of memory that it takes.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.accounted.len() * size_of::<Accounted>()
    }

    /// The text ends with a record that carries these packets.
    pub(super) fn account(&mut self, hook: HookId, counts: Counts) {
        self.accounted.push_back(Accounted { end: self.text.len(), hook, counts });
    }
}

impl Writer {
    /// Starts the thread. Each record whose line `output` takes to its end becomes `delivered`, every other one `lost`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(output: impl Write + Send + 'static, ledger: Arc<Ledger>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            ledger,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                writing: None,
                closed: false,
                failed: false,
                error: None,
                deadline: None,
                since: Instant::now(),
            }),
            changed: Condvar::new(),
        });
        let writing = Arc::clone(&shared);
        thread::Builder::new().name("output".to_owned()).spawn(move || writing.write_all(output))?;
        Ok(Self(shared))
    }

    /// Hands text over; waits for room. What finds none, because the output took no more, is lost.
    pub(super) fn push(&self, chunk: Chunk) {
        let Shared { state, changed, .. } = &*self.0;
        let mut state = lock(state);
        while state.waiting.len() >= ROOM && !state.failed {
            state = self.0.wait(state);
        }
        if state.failed {
            return self.0.lose(chunk.accounted);
        }
        if state.waiting.is_empty() && state.writing.is_none() {
            state.since = Instant::now();
        }
        state.waiting.push_back(chunk);
        changed.notify_all();
    }

    /// Hands text over if that needs no wait; else gives it back.
    pub(super) fn offer(&self, chunk: Chunk) -> Result<(), Chunk> {
        {
            let state = lock(&self.0.state);
            if state.waiting.len() >= ROOM && !state.failed {
                return Err(chunk);
            }
        }
        // Nobody else hands text over, so that the room is still there.
        self.push(chunk);
        Ok(())
    }

    /// Says once why nothing more is written, if that is so.
    ///
    /// # Errors
    /// That of the output, or [`ErrorKind::TimedOut`] if it took nothing for too long when stopping.
    pub(super) fn check(&self) -> io::Result<()> {
        lock(&self.0.state).error.take().map_or(Ok(()), Err)
    }

    /// Waits until everything is written or lost. Nothing is to be handed over afterwards.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = lock(&self.0.state);
        state.closed = true;
        self.0.changed.notify_all();
        while !(state.failed || state.waiting.is_empty() && state.writing.is_none()) {
            state = self.0.wait(state);
        }
        drop(state);
        self.check()
    }

    /// From now on nobody waits beyond `deadline`, nor for output that takes nothing for [`PATIENCE`].
    pub(crate) fn stop_by(&self, deadline: Instant) {
        let mut state = lock(&self.0.state);
        state.deadline = Some(deadline);
        state.since = Instant::now();
        self.0.changed.notify_all();
    }
}

impl Shared {
    /// The thread.
    fn write_all(&self, mut output: impl Write) {
        while let Some(text) = self.next() {
            let mut rest = text.as_bytes();
            while !rest.is_empty() {
                match output.write(&rest[..rest.len().min(PIECE)]) {
                    Ok(0) => return self.fail(&mut lock(&self.state), ErrorKind::WriteZero.into()),
                    Ok(bytes) if self.wrote(bytes) => rest = &rest[bytes..],
                    // Given up meanwhile.
                    Ok(_) => return,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return self.fail(&mut lock(&self.state), error),
                }
            }
        }
    }

    /// Waits for the next text to write.
    fn next(&self) -> Option<String> {
        let mut state = lock(&self.state);
        state.writing = None;
        loop {
            self.changed.notify_all();
            if state.failed {
                return None;
            }
            if let Some(Chunk { text, accounted }) = state.waiting.pop_front() {
                state.writing = Some(Writing { written: 0, accounted });
                state.since = Instant::now();
                return Some(text);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The output took bytes. `false` if nobody counts on that any more.
    fn wrote(&self, bytes: usize) -> bool {
        let mut state = lock(&self.state);
        state.since = Instant::now();
        let Some(writing) = &mut state.writing else { return false };
        writing.written += bytes;
        while let Some(record) = writing.accounted.pop_front_if(|record| record.end <= writing.written) {
            self.ledger.delivered(record.hook, record.counts);
        }
        true
    }

    /// Waits for a change; gives the output up when it is time.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(deadline) = state.deadline else {
            return self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let left = deadline.min(state.since + PATIENCE).saturating_duration_since(Instant::now());
        if left.is_zero() {
            let cause =
                "its reader took no more while the program was ending; end the reader too, or let it read on";
            self.fail(&mut state, io::Error::new(ErrorKind::TimedOut, cause));
            return state;
        }
        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Nothing more is written: what was to be is lost.
    fn fail(&self, state: &mut State, error: io::Error) {
        state.failed = true;
        state.error = Some(error);
        let writing = state.writing.take().map(|writing| writing.accounted);
        let waiting = state.waiting.drain(..).map(|chunk| chunk.accounted);
        writing.into_iter().chain(waiting).for_each(|accounted| self.lose(accounted));
        self.changed.notify_all();
    }

    fn lose(&self, accounted: VecDeque<Accounted>) {
        for Accounted { hook, counts, .. } in accounted {
            self.ledger.lost_after_queue(hook, LossReason::Output, counts);
        }
    }
}

#[cfg(test)]
mod tests;
