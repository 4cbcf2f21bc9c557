//! The thread that follows network namespaces: one that comes is hooked, one that goes is let go.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

use super::enter::{EnterError, enter};
use super::find::{Found, Identity, NAMES};
use super::handle::NamespacesOptions;
use crate::kernel::attach::{
    AttachOptions, Attacher, FirstPass, Foreign, OwnNamespace, StartError, Summary, Supply,
};
use crate::kernel::instance::{InstanceError, InstanceLock};
use crate::kernel::spares::Spares;
use crate::sync::lock;

/// Between two looks. A namespace without a name that lives shorter may not be seen.
const PERIOD: Duration = Duration::from_millis(200);
/// Looks take at most this part of the time, however many processes there are.
const SHARE: u32 = 20;
/// A new name is a plain file until the namespace is bound to it, of which there is no event: how often that is looked for.
const BINDING: Duration = Duration::from_millis(5);
/// When a namespace that could not be hooked is tried again.
const RETRY: Duration = Duration::from_secs(30);
/// How long the hooks of a namespace that went are waited for.
const LETTING_GO: Duration = Duration::from_secs(10);

pub(super) struct Follower {
    options: NamespacesOptions,
    own: OwnNamespace,
    spares: Arc<Spares>,
    stop: Arc<OwnedFd>,
    /// Of the directory of names; none as long as that is not there.
    names: Option<OwnedFd>,
    /// Names that no namespace was bound to at the last look: left behind.
    unbound: usize,
    followed: BTreeMap<Identity, Followed>,
    /// Those that could not be hooked, and when that was.
    failed: BTreeMap<Identity, Instant>,
    said_hidden: bool,
}

struct Followed {
    scope: u32,
    label: Arc<str>,
    attacher: Attacher,
}

/// Why a namespace is not hooked.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Enter(#[from] EnterError),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(transparent)]
    Attach(#[from] StartError),
}

impl Follower {
    pub(super) fn new(
        options: NamespacesOptions,
        own: OwnNamespace,
        spares: Arc<Spares>,
        stop: Arc<OwnedFd>,
    ) -> Self {
        Self {
            options,
            own,
            spares,
            stop,
            names: None,
            unbound: 0,
            followed: BTreeMap::new(),
            failed: BTreeMap::new(),
            said_hidden: false,
        }
    }

    /// Tries those that are there, after the agent's own, so that a pod's end of a pair finds the machine's end hooked. Gives what the
    /// first pass over the agent's own did, unless it is to stop.
    pub(super) fn start(&mut self, own: FirstPass) -> Option<Summary> {
        let summary = own.wait_unless(|time| self.is_stopped_within(time))?;
        let (_, passes) = self.look();
        for pass in passes {
            pass.wait_unless(|time| self.is_stopped_within(time))?;
        }
        Some(summary)
    }

    /// Until it is to stop.
    pub(super) fn run(&mut self) {
        let mut period = PERIOD;
        loop {
            if self.names.is_none() {
                self.names = watch_names();
            }
            if self.wait(period) {
                return;
            }
            let (took, _) = self.look();
            period = PERIOD.max(took * SHARE);
        }
    }

    /// Brings the hooks in line with the namespaces there are. Gives how long looking took, without what came of it: attaching
    /// is slow, and must not put the next look off; and the first passes over those that came.
    fn look(&mut self) -> (Duration, Vec<FirstPass>) {
        let before = Instant::now();
        let look = self.options.scopes.look();
        let took = before.elapsed();
        self.unbound = self.options.scopes.unbound();
        self.options.scopes.meet(&look);
        if look.hidden && !std::mem::replace(&mut self.said_hidden, true) {
            tracing::warn!(
                "the network namespaces of some processes cannot be seen for want of CAP_SYS_PTRACE: those without a name in {NAMES} are not observed"
            );
        }
        let gone: Vec<_> =
            self.followed.keys().copied().filter(|identity| !look.found.contains_key(identity)).collect();
        for identity in gone {
            self.let_go(identity);
        }
        self.failed.retain(|identity, since| look.found.contains_key(identity) && since.elapsed() < RETRY);
        let is_new = |identity: &Identity| {
            !self.followed.contains_key(identity) && !self.failed.contains_key(identity)
        };
        let new: Vec<_> = look.found.into_iter().filter(|(identity, _)| is_new(identity)).collect();
        // All of them before the first is hooked: which namespaces are joined with which is known when packets come.
        let new: Vec<_> = new
            .into_iter()
            .filter_map(|(identity, found)| Some((self.options.scopes.number(identity)?, identity, found)))
            .collect();
        for (scope, identity, found) in &new {
            self.place(*scope, *identity, found);
        }
        let mut passes = Vec::new();
        for (scope, identity, found) in new {
            if self.is_stopped_within(Duration::ZERO) {
                break;
            }
            let followed = self.follow(scope, identity, &found);
            if followed.is_err() {
                self.leave(scope);
            }
            match followed {
                Ok(pass) => passes.push(pass),
                Err(FollowError::Enter(EnterError::Gone)) => {
                    tracing::debug!("the network namespace {} left before it was hooked", found.label);
                }
                Err(error) => {
                    tracing::warn!(
                        "cannot observe the network namespace {}, trying every {RETRY:?}: {error}",
                        found.label
                    );
                    self.failed.insert(identity, Instant::now());
                }
            }
        }
        (took, passes)
    }

    /// Has a namespace that was met followed what it is joined with. Without an answer it counts as joined with the node's network.
    fn place(&self, scope: u32, identity: Identity, found: &Found) {
        let topology = &self.options.topology;
        match enter(found, identity, || topology.join(scope)) {
            // Who cannot enter says so when it is hooked.
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::warn!("cannot follow where the interfaces of {} lead to: {error}", found.label);
            }
        }
    }

    fn follow(&mut self, scope: u32, identity: Identity, found: &Found) -> Result<FirstPass, FollowError> {
        let label: Arc<str> = found.label.as_str().into();
        let options = &self.options;
        let instance = options.instance.clone();
        let foreign = Foreign { label: Arc::clone(&label), own: self.own.clone() };
        let (method, selection, total) = (options.method, options.selection.clone(), options.total.clone());
        let supply = Supply::later(Arc::clone(&self.spares), scope);
        let hooks = Arc::clone(&options.hooks);
        let (attacher, pass) = enter(found, identity, move || {
            let options = AttachOptions {
                instance: InstanceLock::acquire(&instance)?,
                scope,
                foreign: Some(foreign),
                total: Some(total),
                method,
                selection,
            };
            Ok::<_, FollowError>(Attacher::start(options, supply, hooks)?)
        })??;
        self.followed.insert(identity, Followed { scope, label, attacher });
        Ok(pass)
    }

    /// Releases all that refers to a namespace, so that it can end.
    fn let_go(&mut self, identity: Identity) {
        let Some(Followed { scope, label, attacher }) = self.followed.remove(&identity) else { return };
        for left in attacher.stop(LETTING_GO).left {
            tracing::warn!("{left}");
        }
        self.leave(scope);
        tracing::debug!("the network namespace {label} is gone");
    }

    /// Nothing of a namespace is followed any more.
    fn leave(&self, scope: u32) {
        self.options.topology.leave(scope);
        lock(&self.options.hooks).leave_scope(scope);
    }

    /// Detaches everything; gives what could not be detached.
    pub(super) fn stop(&mut self) -> Vec<String> {
        let followed = std::mem::take(&mut self.followed);
        // All of them first: who is not told goes on attaching while others are waited for.
        for followed in followed.values() {
            followed.attacher.tell_to_stop();
        }
        followed.into_values().flat_map(|followed| followed.attacher.stop(LETTING_GO).left).collect()
    }

    /// Sleeps until it is time for a look; whether it is to stop.
    fn wait(&self, period: Duration) -> bool {
        let Some(names) = &self.names else { return wait_for(&self.stop, None, period).0 };
        let (stop, named) = wait_for(&self.stop, Some(names), period);
        if !named || stop {
            return stop;
        }
        // What the events say, the look will see.
        let mut events = [0; 4096];
        while rustix::io::read(names, &mut events).is_ok_and(|bytes| bytes > 0) {}
        let came = Instant::now();
        while self.options.scopes.unbound() > self.unbound && came.elapsed() < PERIOD {
            if wait_for(&self.stop, None, BINDING).0 {
                return true;
            }
        }
        false
    }

    fn is_stopped_within(&self, time: Duration) -> bool {
        wait_for(&self.stop, None, time).0
    }
}

/// Whether `stop` and `names` are readable, after at most a time.
fn wait_for(stop: &OwnedFd, names: Option<&OwnedFd>, time: Duration) -> (bool, bool) {
    let timeout = Timespec::try_from(time).ok();
    let mut fds = vec![PollFd::new(stop, PollFlags::IN)];
    fds.extend(names.map(|names| PollFd::from_borrowed_fd(names.as_fd(), PollFlags::IN)));
    // An interrupted sleep is a short one.
    let _ = poll(&mut fds, timeout.as_ref());
    let is_readable = |at: usize| fds.get(at).is_some_and(|fd| fd.revents().contains(PollFlags::IN));
    (is_readable(0), is_readable(1))
}

/// Becomes readable when a name comes or goes.
fn watch_names() -> Option<OwnedFd> {
    let names = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).ok()?;
    let changes = inotify::WatchFlags::CREATE | inotify::WatchFlags::DELETE | inotify::WatchFlags::MOVE;
    inotify::add_watch(&names, NAMES, changes).ok()?;
    Some(names)
}
