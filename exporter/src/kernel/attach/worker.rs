//! The attaching thread: brings the hooks in line with the interfaces.
//!
//! Events only change the picture of what is there; then one interface at a time is settled, with a look at the events in
//! between, because attaching by TCX takes 14 ms and interfaces come in hundreds. So a backlog never acts on what is long gone.

mod first;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use abi::Direction;
use packet::Link;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::attacher::{AttachOptions, StartError, Stopped};
use super::counters::Shared;
use super::foreign::Pairs;
use super::hook::{Cause, Failure, Hook, HookError, Hooker};
use super::pace::paced;
use super::said::{Said, Weight};
use super::supply::Supply;
use super::wake::{self, Wake};
use crate::clock::Clock;
use crate::flow::{self, Hooks};
use crate::kernel::instance::InstanceLock;
use crate::kernel::interfaces::{Event, Interface, Watch, Whose};
use crate::kernel::netlink::{Drained, NetlinkError};
use crate::kernel::selection::{Selection, Skip};
use crate::sync::lock;

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

pub(super) struct Worker {
    scope: u32,
    selection: Selection,
    programs: Supply,
    /// What a reader knows the namespace by, if it is not the agent's own.
    label: Option<Arc<str>>,
    /// What the agent's own namespace sees of this one.
    pairs: Option<Pairs>,
    registry: Arc<Mutex<Hooks>>,
    shared: Arc<Shared>,
    stop: Arc<OwnedFd>,
    watch: Watch,
    /// The interfaces that are there.
    interfaces: BTreeMap<u32, Interface>,
    /// Those that have to be settled.
    pending: BTreeSet<u32>,
    /// Those of which a hook failed.
    failed: BTreeSet<u32>,
    /// Those whose packets are seen at the other end.
    seen_elsewhere: BTreeSet<u32>,
    attached: BTreeMap<(u32, Direction), Hook>,
    hooker: Hooker,
    said: Said,
    /// Last: the name is given back when the hooks are gone.
    _instance: InstanceLock,
}

impl Worker {
    /// Looks what is there, from a thread of the namespace.
    pub(super) fn open(
        options: AttachOptions,
        programs: Supply,
        registry: Arc<Mutex<Hooks>>,
        shared: Arc<Shared>,
        stop: Arc<OwnedFd>,
    ) -> Result<Self, StartError> {
        let AttachOptions { instance, scope, foreign, total: _, method, selection } = options;
        let mut watch = Watch::open(if foreign.is_some() { Whose::Pod } else { Whose::Own })?;
        let label = foreign.as_ref().map(|foreign| Arc::clone(&foreign.label));
        let pairs = foreign.map(|foreign| Pairs::open(foreign.own)).transpose()?;
        let hooker = Hooker::open(method, instance.name())?;
        let interfaces = watch.list()?;
        Ok(Self {
            scope,
            selection,
            programs,
            label,
            pairs,
            registry,
            shared,
            stop,
            watch,
            pending: interfaces.keys().copied().collect(),
            interfaces,
            failed: BTreeSet::new(),
            seen_elsewhere: BTreeSet::new(),
            attached: BTreeMap::new(),
            hooker,
            said: Said::default(),
            _instance: instance,
        })
    }

    /// Until stopped.
    pub(super) fn run(mut self) -> Stopped {
        let mut refused = false;
        loop {
            // First what came during the first pass.
            let again = mem::take(&mut refused);
            if let Err(error) = self.follow() {
                self.tell_whole(false);
                if !again {
                    tracing::warn!("cannot follow the network interfaces, trying every second: {error}");
                }
                refused = true;
            }
            match self.wait(refused) {
                Wake::Stop => return self.detach_all(),
                Wake::Undecided => self.pending.extend(self.pairs.iter().flat_map(Pairs::undecided)),
                Wake::Retry => self.pending.append(&mut self.failed),
                Wake::Events => {}
            }
        }
    }

    /// Sleeps until there is something to do.
    fn wait(&self, refused: bool) -> Wake {
        let undecided = self.pairs.as_ref().is_some_and(|pairs| pairs.undecided().next().is_some());
        let timeout = wake::timeout(refused, undecided, !self.failed.is_empty());
        // A socket in trouble stays readable: only the stop is waited for then.
        let events = if refused { PollFlags::empty() } else { PollFlags::IN };
        let mut fds = [PollFd::new(&self.stop, PollFlags::IN), PollFd::new(&self.watch, events)];
        match poll(&mut fds, timeout) {
            Ok(_) if fds[0].revents().contains(PollFlags::IN) => Wake::Stop,
            Ok(0) if !refused => {
                if undecided {
                    Wake::Undecided
                } else {
                    Wake::Retry
                }
            }
            // An interrupted sleep is a short one.
            _ => Wake::Events,
        }
    }

    fn is_stopped(&self) -> bool {
        let mut fds = [PollFd::new(&self.stop, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready != 0)
    }

    /// Settles everything that changed.
    fn follow(&mut self) -> Result<(), NetlinkError> {
        loop {
            self.look()?;
            if self.is_stopped() {
                return Ok(());
            }
            let Some(ifindex) = self.pending.pop_first() else { break };
            if let Some(interface) = self.interfaces.get(&ifindex).cloned() {
                let was_hooked = self.is_hooked(ifindex);
                let _ = self.settle(&interface);
                if !was_hooked && self.is_hooked(ifindex) {
                    tracing::info!("attached to {}", self.called(&interface.name));
                }
            }
        }
        self.say_if_nothing_matches();
        self.tell_whole(self.is_whole());
        Ok(())
    }

    /// Takes in the events, and lets go of what left: a TCX link would follow its interface into the other namespace.
    fn look(&mut self) -> Result<(), NetlinkError> {
        let Self { watch, interfaces, pending, failed, .. } = self;
        let mut gone = BTreeSet::new();
        let drained = watch.drain(|event| match event {
            // Of a pair that is being deleted: what is known of it holds until then.
            Event::Present(alone) if alone.is_alone && interfaces.contains_key(&alone.ifindex) => {}
            Event::Present(interface) => {
                let ifindex = interface.ifindex;
                let of = |interface: &Interface| {
                    (interface.device, interface.role, interface.switch, interface.peer)
                };
                let told = (interface.name.clone(), of(&interface));
                let known = interfaces.insert(ifindex, interface);
                // Most events are of no concern here: addresses, queues, up and down.
                if known.is_none_or(|known| (of(&known), &known.name) != (told.1, &told.0))
                    || failed.remove(&ifindex)
                {
                    pending.insert(ifindex);
                }
            }
            Event::Gone(ifindex) => {
                interfaces.remove(&ifindex);
                gone.insert(ifindex);
            }
        })?;
        for ifindex in gone {
            self.forget(ifindex);
        }
        if drained == Drained::Overrun {
            self.start_over()?;
        }
        if !self.pending.is_empty() {
            self.tell_whole(false);
        }
        Ok(())
    }

    /// Events were lost: the list tells what is there now. A hook stays if its interface seems the same, and if it is still on it.
    fn start_over(&mut self) -> Result<(), NetlinkError> {
        self.shared.overrun();
        tracing::debug!("interface events were lost, listing the interfaces");
        let list = self.watch.list()?;
        let known = mem::replace(&mut self.interfaces, list);
        let gone: Vec<_> =
            known.keys().copied().filter(|ifindex| !self.interfaces.contains_key(ifindex)).collect();
        for ifindex in gone {
            self.forget(ifindex);
        }
        let hooks: Vec<_> = self.attached.keys().copied().collect();
        for (ifindex, direction) in hooks {
            let same = match (known.get(&ifindex), self.interfaces.get(&ifindex)) {
                (Some(known), Some(now)) => known.may_be(now),
                _ => false,
            };
            if !(same && self.attached[&(ifindex, direction)].is_on(ifindex)) {
                self.forget_hook(ifindex, direction);
            }
        }
        self.pending = self.interfaces.keys().copied().collect();
        Ok(())
    }

    /// Attaches what should be and is not, detaches what is and should not be, and names the hooks. Gives the hooks that failed.
    fn settle(&mut self, interface: &Interface) -> Result<Vec<HookError>, Skip> {
        let chosen = self.selection.decide(interface);
        let pairs = &mut self.pairs;
        let decided = chosen
            .and_then(|link| pairs.as_mut().map_or(Ok(link), |pairs| pairs.decide(interface).map(|()| link)));
        self.seen_elsewhere.remove(&interface.ifindex);
        if decided == Err(Skip::Peer) {
            self.seen_elsewhere.insert(interface.ifindex);
        }
        match decided {
            Ok(link) => Ok(self.hook(interface, link)),
            Err(skip) => {
                self.unhook(interface, skip);
                Err(skip)
            }
        }
    }

    fn hook(&mut self, interface: &Interface, link: Link) -> Vec<HookError> {
        let mut failed = Vec::new();
        let called = self.called(&interface.name);
        for direction in DIRECTIONS {
            // Before it counts: its first packet has a name.
            lock(&self.registry).register(flow::Hook {
                scope: self.scope,
                ifindex: interface.ifindex,
                direction,
                interface: interface.name.clone(),
                role: interface.role,
                switch: interface.switch,
                leads_to: interface.leads_to(),
                namespace: self.label.clone(),
            });
            if self.attached.contains_key(&(interface.ifindex, direction)) {
                continue;
            }
            let hooker = &mut self.hooker;
            let attached = self.programs.programs().map_err(Cause::from).and_then(|programs| {
                paced(|| hooker.attach(programs.fd(link, direction), interface.ifindex, direction, &called))
            });
            match attached {
                Ok(hook) => {
                    let now = Clock::now().monotonic();
                    lock(&self.registry).attach(self.scope, interface.ifindex, direction, now);
                    self.attached.insert((interface.ifindex, direction), hook);
                    self.shared.set_attached(self.attached.len());
                    if self.hooker.lacks_tcx() {
                        self.shared.lacks_tcx();
                    }
                }
                Err(cause) => failed.extend(self.note_failure(HookError {
                    interface: called.clone(),
                    direction,
                    cause,
                })),
            }
        }
        if self.is_hooked(interface.ifindex) {
            self.shared.set_hooked(interface.ifindex, true);
            self.said.recovered(&interface.name);
        }
        for error in &failed {
            self.failed.insert(interface.ifindex);
            if self.said.failed(&interface.name, error.cause.failure()) {
                tracing::warn!("{error}");
            }
        }
        failed
    }

    /// Gives the error back unless it only says that the interface left, which its event will say as well.
    fn note_failure(&self, error: HookError) -> Option<HookError> {
        let failure = error.cause.failure();
        self.shared.failed(failure);
        if failure == Failure::Vanished {
            tracing::debug!("{error}");
            return None;
        }
        Some(error)
    }

    fn unhook(&mut self, interface: &Interface, skip: Skip) {
        if let Skip::Device(device) = skip
            && self.said.skipped(device)
        {
            tracing::info!("not hooking {}: {skip}", self.called(&interface.name));
        }
        self.shared.set_hooked(interface.ifindex, false);
        for direction in DIRECTIONS {
            let hook = self.attached.remove(&(interface.ifindex, direction));
            match hook.map_or(Ok(()), Hook::detach) {
                Ok(()) => lock(&self.registry).leave(self.scope, interface.ifindex, direction),
                // Its program may still run.
                Err(error) => {
                    tracing::warn!("cannot detach from {}: {error}", self.called(&interface.name));
                }
            }
        }
        self.shared.set_attached(self.attached.len());
    }

    /// The interface left.
    fn forget(&mut self, ifindex: u32) {
        self.seen_elsewhere.remove(&ifindex);
        if let Some(pairs) = &mut self.pairs {
            pairs.forget(ifindex);
        }
        for direction in DIRECTIONS {
            self.forget_hook(ifindex, direction);
            // Also if attaching failed: it has a name since before.
            lock(&self.registry).leave(self.scope, ifindex, direction);
        }
    }

    fn forget_hook(&mut self, ifindex: u32, direction: Direction) {
        if let Some(hook) = self.attached.remove(&(ifindex, direction)) {
            hook.abandon();
            self.shared.set_hooked(ifindex, false);
            self.shared.set_attached(self.attached.len());
        }
    }

    fn is_hooked(&self, ifindex: u32) -> bool {
        DIRECTIONS.iter().all(|direction| self.attached.contains_key(&(ifindex, *direction)))
    }

    /// An interface in messages.
    fn called(&self, interface: &str) -> Box<str> {
        self.label.as_ref().map_or(interface.into(), |label| format!("{interface} in {label}").into())
    }

    fn say_if_nothing_matches(&mut self) {
        // Where most namespaces have nothing to hook, that is no news of one.
        if self.label.is_some() {
            return;
        }
        let nothing = !self.interfaces.values().any(|interface| self.selection.decide(interface).is_ok());
        let Some(weight) = self.said.matching(nothing) else { return };
        let names: Vec<&str> = self.interfaces.values().map(|interface| &*interface.name).collect();
        let sentence = format!(
            "no interface matches ({}); there are: {}; waiting for one",
            self.selection,
            names.join(", ")
        );
        match weight {
            Weight::Warning => tracing::warn!("{sentence}"),
            Weight::Information => tracing::info!("{sentence}"),
        }
    }

    fn detach_all(mut self) -> Stopped {
        let mut stopped = Stopped::default();
        while let Some(((ifindex, direction), hook)) = self.attached.pop_first() {
            match paced(|| hook.detach()) {
                Ok(()) => stopped.detached += 1,
                Err(error) => {
                    let name = self
                        .interfaces
                        .get(&ifindex)
                        .map_or("an interface that is gone", |interface| &*interface.name);
                    let name = self.called(name);
                    stopped.left.push(format!("cannot detach from {name} ({direction:?}): {error}"));
                }
            }
            self.shared.set_attached(self.attached.len());
        }
        stopped
    }
}
