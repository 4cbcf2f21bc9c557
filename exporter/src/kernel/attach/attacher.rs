//! The handle of the attaching thread: start, counters, stop.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use super::counters::{AttachCounters, AttachView, Shared};
use super::foreign::Foreign;
use super::hook::{HookError, Mechanism, Method};
use super::supply::Supply;
use super::worker::Worker;
use crate::flow::Hooks;
use crate::kernel::instance::InstanceLock;
use crate::kernel::netlink::NetlinkError;
use crate::kernel::selection::{Selection, Skip};

/// How long dropping waits for hooks to end: some hundred TCX links.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// What to attach, where and how.
pub struct AttachOptions {
    /// The right to the instance name, taken in the namespace that is to be hooked; held until the hooks are gone.
    pub instance: InstanceLock,
    /// Number of that namespace in the programs' keys.
    pub scope: u32,
    /// What it is, if it is not the agent's own.
    pub foreign: Option<Foreign>,
    /// Counts its hooks together with those of other namespaces.
    pub total: Option<AttachView>,
    /// TCX or clsact.
    pub method: Method,
    /// Which interfaces.
    pub selection: Selection,
}

/// Keeps the selected interfaces of one network namespace hooked. Dropping it detaches.
#[derive(Debug)]
pub struct Attacher {
    /// Becomes readable when the thread has to end.
    stop: Arc<OwnedFd>,
    stopped: Receiver<Stopped>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

/// What the first pass over the interfaces did.
#[derive(Debug, Default)]
pub struct Summary {
    /// How hooks are attached; `None` as long as there was nothing to attach to.
    pub mechanism: Option<Mechanism>,
    /// Interfaces with both hooks, by name.
    pub attached: Vec<Box<str>>,
    /// Interfaces without, and why.
    pub skipped: Vec<(Box<str>, Skip)>,
    /// Hooks that failed. They are tried again.
    pub failed: Vec<HookError>,
    /// Filters that earlier processes left behind, and that were removed.
    pub swept: usize,
    /// Whether an earlier process of this instance left filters behind in this namespace, so that it was killed. TCX leaves nothing that
    /// would tell.
    pub was_killed: bool,
}

/// What the end left.
#[derive(Debug, Default)]
pub struct Stopped {
    /// Hooks that were detached.
    pub detached: usize,
    /// What could not be detached, as sentences. The next start of the instance removes it.
    pub left: Vec<String>,
}

/// Why interfaces cannot be followed at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No netlink socket, or no answer from it.
    #[error("cannot list the network interfaces: {0}")]
    Interfaces(#[from] NetlinkError),
    /// No thread or descriptor.
    #[error("cannot start the thread that follows the network interfaces: {0}")]
    Thread(#[source] io::Error),
    /// The thread ended early.
    #[error("the thread that follows the network interfaces ended before its first pass")]
    Ended,
}

impl Attacher {
    /// Hooks the network namespace of the calling thread. Returns when every interface that is there has been tried.
    ///
    /// # Errors
    /// [`StartError`]; a hook that fails is none, the summary names it.
    pub fn start(
        options: AttachOptions,
        programs: impl Into<Supply>,
        hooks: Arc<Mutex<Hooks>>,
    ) -> Result<(Self, Summary), StartError> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let stop = Arc::new(stop.map_err(|errno| StartError::Thread(errno.into()))?);
        let shared = Arc::new(Shared::part_of(options.total.clone()));
        let programs = programs.into();
        let (report_start, started) = sync_channel(1);
        let (report_stop, stopped) = sync_channel(1);
        let thread = std::thread::Builder::new().name(format!("attach-{}", options.scope)).spawn({
            let (stop, shared) = (Arc::clone(&stop), Arc::clone(&shared));
            // The thread stays in the namespace of its creator, so what it opens belongs there.
            move || run(|| Worker::start(options, programs, hooks, shared, stop), &report_start, &report_stop)
        });
        let attacher = Self { stop, stopped, thread: Some(thread.map_err(StartError::Thread)?), shared };
        let summary = started.recv().map_err(|_| StartError::Ended)??;
        Ok((attacher, summary))
    }

    /// Hooks attached now, and failures.
    #[must_use]
    pub fn counters(&self) -> AttachCounters {
        self.shared.read()
    }

    /// The counters, for whoever outlives this handle.
    #[must_use]
    pub fn view(&self) -> AttachView {
        AttachView(Arc::clone(&self.shared))
    }

    /// Detaches everything. What takes longer than `timeout` goes on without being waited for: TCX links also end with the
    /// process.
    #[must_use]
    pub fn stop(mut self, timeout: Duration) -> Stopped {
        self.end(timeout)
    }

    fn end(&mut self, timeout: Duration) -> Stopped {
        let Some(thread) = self.thread.take() else { return Stopped::default() };
        // An eventfd of 0 takes a 1.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        match self.stopped.recv_timeout(timeout) {
            Ok(stopped) => {
                let _ = thread.join();
                stopped
            }
            Err(RecvTimeoutError::Timeout) => {
                let left = self.shared.read().attached;
                Stopped {
                    detached: 0,
                    left: vec![format!("{left} hooks were not detached within {timeout:?}")],
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                let _ = thread.join();
                Stopped {
                    detached: 0,
                    left: vec!["the thread that follows the network interfaces failed".to_owned()],
                }
            }
        }
    }
}

impl Drop for Attacher {
    fn drop(&mut self) {
        for left in self.end(DROP_TIMEOUT).left {
            tracing::warn!("{left}");
        }
    }
}

fn run(
    start: impl FnOnce() -> Result<(Worker, Summary), StartError>,
    started: &SyncSender<Result<Summary, StartError>>,
    stopped: &SyncSender<Stopped>,
) {
    // Nobody receives any more if the handle is gone; the work is the same.
    match start() {
        Ok((worker, summary)) => {
            let _ = started.send(Ok(summary));
            let _ = stopped.send(worker.run());
        }
        Err(error) => {
            let _ = started.send(Err(error));
        }
    }
}
