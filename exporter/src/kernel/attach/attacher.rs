//! The handle of the attaching thread: start, counters, stop.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};
use tokio::sync::oneshot::{self, error::TryRecvError};

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

/// How often a thread that may be stopped meanwhile looks whether a first pass is over.
const LOOK: Duration = Duration::from_millis(10);

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

/// Resolves when every interface that was there at the start has been tried, or the end came before that. With hundreds of
/// interfaces that takes seconds, in which what is hooked already counts.
#[derive(Debug)]
pub struct FirstPass(oneshot::Receiver<Summary>);

impl FirstPass {
    /// What it did; after a panic of the thread, nothing.
    pub async fn summary(self) -> Summary {
        self.0.await.unwrap_or_default()
    }

    /// Blocks until it is over; as [`summary`](Self::summary).
    #[must_use]
    pub fn wait(self) -> Summary {
        self.0.blocking_recv().unwrap_or_default()
    }

    /// Blocks until it is over, or until it `is_stopped`, which is asked again and again and may wait for a time.
    pub(in crate::kernel) fn wait_unless(mut self, is_stopped: impl Fn(Duration) -> bool) -> Option<Summary> {
        loop {
            match self.0.try_recv() {
                Ok(summary) => return Some(summary),
                Err(TryRecvError::Closed) => return Some(Summary::default()),
                Err(TryRecvError::Empty) if is_stopped(LOOK) => return None,
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    /// One that gives what somebody says.
    pub(in crate::kernel) fn told() -> (oneshot::Sender<Summary>, Self) {
        let (tell, told) = oneshot::channel();
        (tell, Self(told))
    }
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
    #[error("the thread that follows the network interfaces ended before it knew them")]
    Ended,
}

impl Attacher {
    /// Hooks the network namespace of the calling thread. Returns when it is known which interfaces are there.
    ///
    /// # Errors
    /// [`StartError`]; a hook that fails is none, the summary of the first pass names it.
    pub fn start(
        options: AttachOptions,
        programs: impl Into<Supply>,
        hooks: Arc<Mutex<Hooks>>,
    ) -> Result<(Self, FirstPass), StartError> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let stop = Arc::new(stop.map_err(|errno| StartError::Thread(errno.into()))?);
        let shared = Arc::new(Shared::part_of(options.total.clone()));
        let programs = programs.into();
        let (report_start, started) = sync_channel(1);
        let (report_stop, stopped) = sync_channel(1);
        let (report_pass, first_pass) = FirstPass::told();
        let thread = std::thread::Builder::new().name(format!("attach-{}", options.scope)).spawn({
            let (stop, shared) = (Arc::clone(&stop), Arc::clone(&shared));
            // The thread stays in the namespace of its creator, so what it opens belongs there.
            move || match Worker::open(options, programs, hooks, shared, stop) {
                Err(error) => drop(report_start.send(Err(error))),
                Ok(mut worker) => {
                    // Nobody receives any more if the handle is gone; the work is the same.
                    let _ = report_start.send(Ok(()));
                    let _ = report_pass.send(worker.first_pass());
                    let _ = report_stop.send(worker.run());
                }
            }
        });
        let attacher = Self { stop, stopped, thread: Some(thread.map_err(StartError::Thread)?), shared };
        started.recv().map_err(|_| StartError::Ended)??;
        Ok((attacher, first_pass))
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

    /// Begins what [`stop`](Self::stop) waits for.
    pub fn tell_to_stop(&self) {
        // An eventfd that nobody reads takes a 1 more often than anybody stops.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }

    fn end(&mut self, timeout: Duration) -> Stopped {
        let Some(thread) = self.thread.take() else { return Stopped::default() };
        self.tell_to_stop();
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
