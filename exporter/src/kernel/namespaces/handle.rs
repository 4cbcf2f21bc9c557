//! The handle of the thread that follows network namespaces: start and stop.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use super::follow::Follower;
use super::scopes::Scopes;
use crate::flow::Hooks;
use crate::kernel::attach::{AttachView, FirstPass, Method, OwnNamespace};
use crate::kernel::load::Sharing;
use crate::kernel::selection::Selection;
use crate::kernel::spares::Spares;
use crate::kernel::topology::Topology;

/// How long dropping waits for hooks to end.
const DROP_TIMEOUT: Duration = Duration::from_secs(10);

/// In which network namespaces interfaces are hooked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Reach {
    /// The agent's own.
    #[default]
    Own,
    /// All of the machine: those of pods and containers too (CAP_SYS_ADMIN).
    All,
}

/// What to attach in the other namespaces, and how.
pub struct NamespacesOptions {
    /// Name of the instance, for which the right is taken in each of them.
    pub instance: Box<str>,
    /// TCX or clsact.
    pub method: Method,
    /// Which interfaces.
    pub selection: Selection,
    /// Counts the hooks of all.
    pub total: AttachView,
    /// The hooks of the agent's own namespace.
    pub own: AttachView,
    /// Those that were found first.
    pub scopes: Scopes,
    /// Loads the programs.
    pub sharing: Arc<Sharing>,
    /// Where hooks are registered.
    pub hooks: Arc<Mutex<Hooks>>,
    /// Where it is told which namespaces there are.
    pub topology: Arc<Topology>,
}

/// Keeps the interfaces of all network namespaces but the caller's hooked. Dropping it detaches.
#[derive(Debug)]
pub struct Namespaces {
    /// Becomes readable when the thread has to end.
    stop: Arc<OwnedFd>,
    stopped: Receiver<Vec<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespaces {
    /// Starts from the agent's own namespace, whose first pass comes before the others. What it gives is that of all: it is over when those
    /// that are there have been tried too, and says what was done in the agent's own.
    ///
    /// # Errors
    /// No thread or descriptor; a namespace that cannot be entered is none, it is logged.
    pub fn start(options: NamespacesOptions, own_pass: FirstPass) -> io::Result<(Self, FirstPass)> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let namespace = std::fs::File::open("/proc/thread-self/ns/net")?.into();
        let own = OwnNamespace { namespace: Arc::new(namespace), hooks: options.own.clone() };
        let spares = Arc::new(Spares::start(Arc::clone(&options.sharing))?);
        let (report_pass, first_pass) = FirstPass::told();
        let (report_stop, stopped) = sync_channel(1);
        let mut follower = Follower::new(options, own, spares, Arc::clone(&stop));
        let thread = thread::Builder::new().name("namespaces".to_owned()).spawn(move || {
            if let Some(summary) = follower.start(own_pass) {
                // Nobody receives any more if the handle is gone; the work is the same.
                let _ = report_pass.send(summary);
            }
            follower.run();
            let _ = report_stop.send(follower.stop());
        })?;
        Ok((Self { stop, stopped, thread: Some(thread) }, first_pass))
    }

    /// Detaches everything; gives what could not be detached, as sentences. What takes longer than `timeout` goes on without being
    /// waited for.
    #[must_use]
    pub fn stop(mut self, timeout: Duration) -> Vec<String> {
        self.end(timeout)
    }

    fn end(&mut self, timeout: Duration) -> Vec<String> {
        let Some(thread) = self.thread.take() else { return Vec::new() };
        let deadline = Instant::now() + timeout;
        // An eventfd of 0 takes a 1.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        match self.stopped.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(left) => {
                let _ = thread.join();
                left
            }
            Err(_) => {
                vec![format!(
                    "the hooks of other network namespaces were not all detached within {timeout:?}"
                )]
            }
        }
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for left in self.end(DROP_TIMEOUT) {
            tracing::warn!("{left}");
        }
    }
}
