//! What is asked of one network namespace.

use std::fs::File;
use std::net::Ipv6Addr;
use std::os::fd::OwnedFd;

use super::addresses::Addresses;
use super::conntrack::Conntrack;
use super::problem::Problem;
use super::slot::Slot;
use super::sockets::{End, Sockets};
use super::zones::{Opening, Zones};
use crate::flow::Tuple;
use crate::kernel::netlink::NetlinkError;

/// Tables of more entries in a namespace are not listed: reading a list of so many takes 0.2 s.
const MOST_LISTED: usize = 100_000;

/// A network namespace that can be asked. It keeps the namespace alive.
pub(in crate::kernel) struct Stack {
    scope: u32,
    /// `None` of the agent's own, in which its threads are.
    way: Option<OwnedFd>,
    addresses: Addresses,
    sockets: Slot<Sockets>,
    conntrack: Slot<Option<Conntrack>>,
    zones: Zones,
}

impl Stack {
    /// The agent's own, on any of its threads.
    pub(super) fn own(scope: u32) -> Result<Self, NetlinkError> {
        Ok(Self {
            scope,
            way: None,
            addresses: Addresses::open()?,
            sockets: Slot::Closed,
            conntrack: Slot::Closed,
            zones: Zones::default(),
        })
    }

    /// The one that the calling thread has entered. `scope` is its number.
    pub(in crate::kernel) fn of_this_thread(scope: u32) -> Result<Self, NetlinkError> {
        let way = File::open("/proc/thread-self/ns/net")?.into();
        let addresses = Addresses::open()?;
        // While somebody is inside: where the agent is restarted, the flows of most namespaces ask soon. What fails here fails again.
        let sockets = Sockets::open().map_or(Slot::Closed, Slot::holding);
        let conntrack = Conntrack::open().map_or(Slot::Closed, Slot::holding);
        Ok(Self { scope, way: Some(way), addresses, sockets, conntrack, zones: Zones::default() })
    }

    pub(super) fn scope(&self) -> u32 {
        self.scope
    }

    pub(super) fn is_own(&self) -> bool {
        self.way.is_none()
    }

    /// All its addresses, if they may have changed since the last call.
    pub(super) fn changed_addresses(&mut self) -> Result<Option<Vec<Ipv6Addr>>, NetlinkError> {
        self.addresses.changed()
    }

    /// Whether a socket waits at an end; see [`Sockets::wait_at`].
    pub(super) fn waits_at(&mut self, end: End, interface: u32) -> Result<bool, Problem> {
        let Some(sockets) = self.sockets.get(self.way.as_ref(), Sockets::open)? else { return Ok(false) };
        let waits = sockets.wait_at(end, interface);
        sockets.rest();
        if waits.is_err() {
            self.sockets = Slot::failed();
        }
        Ok(waits?)
    }

    /// What connection tracking knows of who opened the connection of these packets.
    pub(super) fn opening(&mut self, packets: &Tuple) -> Result<Opening, Problem> {
        if let Some(opening) = self.zones.opening(packets) {
            return Ok(opening);
        }
        let Some(Some(conntrack)) = self.conntrack.get(self.way.as_ref(), Conntrack::open)? else {
            return Ok(Opening::Unknown);
        };
        let opener = conntrack.opener(packets);
        conntrack.rest();
        if opener.is_err() {
            self.conntrack = Slot::failed();
        }
        Ok(opener?.map_or(Opening::Unknown, Opening::By))
    }

    /// The connections of which all zones are to tell.
    pub(super) fn zones(&mut self) -> &mut Zones {
        &mut self.zones
    }

    /// Learns from a list of entries what zones tell of what is wanted of them.
    pub(super) fn list_zones(&mut self) -> Result<(), Problem> {
        match self.conntrack.get(self.way.as_ref(), Conntrack::open)? {
            Some(Some(conntrack)) if conntrack.entries() <= MOST_LISTED => {
                let listed = self.zones.list(|take| conntrack.list(take));
                conntrack.rest();
                if listed.is_err() {
                    self.conntrack = Slot::failed();
                }
                Ok(listed?)
            }
            Some(Some(_)) => {
                self.zones.skip();
                Ok(())
            }
            // Nothing is tracked, as yet.
            Some(None) | None => {
                self.zones = Zones::default();
                Ok(())
            }
        }
    }

    /// Closes what was not opened lately.
    pub(super) fn rest(&mut self) {
        self.sockets.close_old();
        self.conntrack.close_old();
    }
}
