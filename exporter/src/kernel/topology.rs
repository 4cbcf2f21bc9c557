//! Follows which network namespaces devices join, so that hooks are told apart by their networks.
//!
//! The thread that reads flows asks after each turn of the generation, when no program counts any more what it is about to read: so
//! what it reads crossed no way that it does not know of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::flow::{Exits, Hooks};
use crate::kernel::interfaces::{Event, Watch, Whose};
use crate::kernel::netlink::{Drained, NetlinkError};
use crate::kernel::way::Way;
use crate::sync::lock;

/// The network namespaces that are followed, and where their interfaces lead.
#[derive(Debug, Default)]
pub struct Topology {
    members: Mutex<BTreeMap<u32, Member>>,
}

#[derive(Debug)]
struct Member {
    namespace: File,
    /// Its number in the kernel, which fits.
    number: u32,
    watch: Watch,
    /// By index, of the interfaces that lead out.
    ways: BTreeMap<u32, Way>,
    /// They are not known: the kernel did not tell.
    is_lost: bool,
    /// What is known of the namespaces that they lead into.
    peers: BTreeMap<i32, Option<u32>>,
    /// The registry of hooks does not know it yet.
    is_news: bool,
}

impl Topology {
    /// Follows the network namespace of the calling thread, which has this number. From then on packets of its hooks may be read.
    ///
    /// # Errors
    /// The kernel does not list its interfaces: then it is in the node's network.
    pub fn join(&self, scope: u32) -> Result<(), NetlinkError> {
        let namespace = File::open("/proc/thread-self/ns/net")?;
        let mut watch = Watch::open(Whose::Pod)?;
        let ways = ways(&mut watch)?;
        watch.rest();
        let number = u32::try_from(namespace.metadata()?.ino()).unwrap_or(0);
        let peers = BTreeMap::new();
        let member = Member { namespace, number, watch, ways, is_lost: false, peers, is_news: true };
        lock(&self.members).insert(scope, member);
        Ok(())
    }

    /// The namespaces by their numbers in the kernel (the inodes of their files).
    pub(crate) fn scopes(&self) -> BTreeMap<u32, u32> {
        lock(&self.members).iter().map(|(scope, member)| (member.number, *scope)).collect()
    }

    /// Lets go of a namespace, so that it can end.
    pub fn leave(&self, scope: u32) {
        let mut members = lock(&self.members);
        members.remove(&scope);
        for member in members.values_mut() {
            for peer in member.peers.values_mut().filter(|peer| **peer == Some(scope)) {
                *peer = None;
                member.is_news = true;
            }
        }
    }

    /// Tells the hooks what has changed since the last call.
    pub fn refresh(&self, hooks: &mut Hooks) {
        let mut members = lock(&self.members);
        listen(&mut members);
        find_peers(&mut members);
        for (scope, member) in members.iter_mut().filter(|(_, member)| member.is_news) {
            member.is_news = false;
            hooks.set_exits(*scope, member.exits());
        }
    }
}

impl Member {
    /// Takes in what happened to its interfaces.
    fn listen(&mut self) {
        let followed = self.follow();
        let was_lost = std::mem::replace(&mut self.is_lost, followed.is_err());
        self.is_news |= was_lost != self.is_lost || matches!(followed, Ok(true));
        if let Err(error) = followed
            && !was_lost
        {
            tracing::warn!(
                "cannot follow where the interfaces of a network namespace lead to; it counts as joined with the node's: {error}"
            );
        }
        if self.is_news {
            let into = self.nsids();
            self.peers.retain(|nsid, _| into.contains(nsid));
            for nsid in into {
                self.peers.entry(nsid).or_default();
            }
        }
        self.watch.rest();
    }

    /// Whether a way is another one by now.
    fn follow(&mut self) -> Result<bool, NetlinkError> {
        let Self { watch, ways: known, is_lost, .. } = self;
        let mut is_other = false;
        let drained = watch.drain(|event| {
            is_other |= match event {
                Event::Present(interface) if interface.way == Way::Within => {
                    known.remove(&interface.ifindex).is_some()
                }
                Event::Present(interface) => {
                    known.insert(interface.ifindex, interface.way) != Some(interface.way)
                }
                Event::Gone(ifindex) => known.remove(&ifindex).is_some(),
            };
        })?;
        if drained == Drained::Overrun || *is_lost {
            *known = ways(watch)?;
            is_other = true;
        }
        Ok(is_other)
    }

    /// The numbers of the namespaces that it leads into.
    fn nsids(&self) -> BTreeSet<i32> {
        let into = |way: &Way| if let Way::Into(nsid) = way { Some(*nsid) } else { None };
        self.ways.values().filter_map(into).collect()
    }

    fn exits(&self) -> Exits {
        let is_open = self.is_lost || self.ways.values().any(|way| *way == Way::Outside);
        Exits { is_open, peers: self.peers.clone() }
    }
}

/// Listens to those of which something has happened.
fn listen(members: &mut BTreeMap<u32, Member>) {
    let ready: Vec<bool> = {
        let mut fds: Vec<_> =
            members.values().map(|member| PollFd::new(&member.watch, PollFlags::IN)).collect();
        // An interrupted look is one at none; the next reading looks again.
        let _ = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        fds.iter().map(|fd| !fd.revents().is_empty()).collect()
    };
    for (member, is_ready) in members.values_mut().zip(ready) {
        if is_ready || member.is_news || member.is_lost {
            member.listen();
        }
    }
}

/// Finds out which namespaces the interfaces lead into that are not known yet. What has a number for another one, has it for as long
/// as both live.
fn find_peers(members: &mut BTreeMap<u32, Member>) {
    let scopes: Vec<u32> = members.keys().copied().collect();
    let is_new: BTreeSet<u32> =
        members.iter().filter(|(_, member)| member.is_news).map(|(scope, _)| *scope).collect();
    for scope in &scopes {
        let Some(mut member) = members.remove(scope) else { continue };
        for other in &scopes {
            if member.peers.values().all(Option::is_some) {
                break;
            }
            // Where neither is new, it was asked before.
            let is_asked = is_new.contains(scope) || is_new.contains(other);
            let Some(namespace) = members.get(other).filter(|_| is_asked).map(|other| &other.namespace)
            else {
                continue;
            };
            // Without an answer it stays unknown.
            if let Ok(Some(nsid)) = member.watch.nsid(namespace.as_fd())
                && let Some(peer) = member.peers.get_mut(&nsid)
            {
                *peer = Some(*other);
                member.is_news = true;
            }
        }
        member.watch.rest();
        members.insert(*scope, member);
    }
}

/// Where the interfaces lead that lead out.
fn ways(watch: &mut Watch) -> Result<BTreeMap<u32, Way>, NetlinkError> {
    let interfaces = watch.list()?.into_iter();
    Ok(interfaces
        .map(|(ifindex, interface)| (ifindex, interface.way))
        .filter(|(_, way)| *way != Way::Within)
        .collect())
}
