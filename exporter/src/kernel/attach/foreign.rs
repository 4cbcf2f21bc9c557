//! What is different in a network namespace that is not the agent's own: a pod's.
//!
//! What passes a pod's end of a pair passes the machine's end too. If that one is hooked, the pod's need not be. Which namespace
//! the other end is in, the kernel tells by a number that each namespace has of each other (net/core/net_namespace.c).

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use netlink_sys::protocols::NETLINK_ROUTE;

use super::counters::AttachView;
use crate::kernel::interfaces::{Interface, Peer};
use crate::kernel::netlink::{NetlinkError, Socket};
use crate::kernel::nsid::nsid;
use crate::kernel::selection::Skip;

/// How long the hooks of the machine's end of a new pair are waited for. Attaching takes 14 ms an interface, and many may come at
/// once. Too short only means that both ends are hooked.
const PATIENCE: Duration = Duration::from_secs(1);

/// A network namespace that is not the agent's own.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// What a reader knows it by.
    pub label: Arc<str>,
    /// The agent's own.
    pub own: OwnNamespace,
}

/// The agent's own network namespace, as seen from others.
#[derive(Clone, Debug)]
pub struct OwnNamespace {
    /// The namespace.
    pub namespace: Arc<OwnedFd>,
    /// Its hooks.
    pub hooks: AttachView,
}

/// Finds out which interfaces of a pod are seen at the machine's end already.
pub(super) struct Pairs {
    own: OwnNamespace,
    requests: Socket,
    /// When the hooks of the other end were missed first.
    missed: BTreeMap<u32, Instant>,
    /// Those of which the other end had no hooks in time.
    alone: BTreeSet<u32>,
}

impl Pairs {
    /// For the network namespace of the calling thread.
    pub(super) fn open(own: OwnNamespace) -> Result<Self, NetlinkError> {
        Ok(Self {
            own,
            requests: Socket::open(NETLINK_ROUTE)?,
            missed: BTreeMap::new(),
            alone: BTreeSet::new(),
        })
    }

    /// Whether an interface is to be hooked as far as its other end is concerned.
    pub(super) fn decide(&mut self, interface: &Interface) -> Result<(), Skip> {
        let Some(peer) = interface.peer.filter(|peer| self.is_in_own(*peer)) else { return Ok(()) };
        let ifindex = interface.ifindex;
        if self.own.hooks.is_hooked(peer.ifindex) {
            self.forget(ifindex);
            return Err(Skip::Peer);
        }
        if self.alone.contains(&ifindex) {
            return Ok(());
        }
        if self.missed.entry(ifindex).or_insert_with(Instant::now).elapsed() < PATIENCE {
            return Err(Skip::Peer);
        }
        self.missed.remove(&ifindex);
        self.alone.insert(ifindex);
        Ok(())
    }

    /// The interface left.
    pub(super) fn forget(&mut self, ifindex: u32) {
        self.missed.remove(&ifindex);
        self.alone.remove(&ifindex);
    }

    /// Interfaces that are to be decided upon again, after a while.
    pub(super) fn undecided(&self) -> impl Iterator<Item = u32> {
        self.missed.keys().copied()
    }

    /// An answer that does not come means that the interface is hooked for itself.
    fn is_in_own(&mut self, peer: Peer) -> bool {
        let own = nsid(&mut self.requests, self.own.namespace.as_fd());
        matches!(own, Ok(Some(own)) if own == peer.nsid)
    }
}
