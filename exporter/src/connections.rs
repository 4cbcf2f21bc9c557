//! The connections that this agent opened itself: those of its export.
//!
//! No flow of them is reported, or each report would bring the next one. It is no guess by ports or processes: the agent names
//! both ends of each connection before anybody can have read its first packet, and says when it has left it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use abi::protocol;

use crate::clock::{Clock, MonotonicTime};
use crate::flow::Tuple;
use crate::sync::lock;

/// After this long no packet of a connection that was left comes any more, in nanoseconds: the system sends a FIN that nobody
/// acknowledges again for some minutes (tcp(7), `tcp_orphan_retries`).
const AFTERMATH: u64 = 600_000_000_000;

/// All of them, shared by who opens them and who sees their packets.
#[derive(Debug, Default)]
pub struct OwnConnections(Mutex<HashMap<Tuple, Life>>);

#[derive(Clone, Copy, Debug)]
struct Life {
    opened: MonotonicTime,
    left: Option<MonotonicTime>,
}

/// One of them. Dropped before the socket is closed, so that who gets the port next is a stranger.
#[derive(Debug)]
pub struct OwnConnection {
    all: Arc<OwnConnections>,
    tuple: Tuple,
}

impl OwnConnections {
    /// Opens a TCP connection: `connect` sends its first packet, does not wait for an answer, and gives the local end and the
    /// remote one. Whoever asks meanwhile whether packets are of an own connection, waits. `now` is the time before the call.
    ///
    /// # Errors
    /// Those of `connect`.
    pub fn open(
        self: &Arc<Self>,
        now: MonotonicTime,
        connect: impl FnOnce() -> io::Result<(SocketAddr, SocketAddr)>,
    ) -> io::Result<OwnConnection> {
        let mut lives = lock(&self.0);
        lives.retain(|_, life| life.left.is_none_or(|left| now.since(left) < AFTERMATH));
        let (local, remote) = connect()?;
        let tuple = tuple(local, remote);
        lives.insert(tuple, Life { opened: now, left: None });
        Ok(OwnConnection { all: Arc::clone(self), tuple })
    }

    /// Whether a flow is an own connection's. Either it was `opened` by a segment that opens connections while there was such a
    /// connection, or that was not seen and its `first` packet was sent when there was one or after that.
    pub(crate) fn have(&self, tuple: &Tuple, opened: Option<MonotonicTime>, first: MonotonicTime) -> bool {
        if !tuple.is_tcp() {
            return false;
        }
        let lives = lock(&self.0);
        let Some(life) = lives.get(tuple).or_else(|| lives.get(&tuple.reverse()?)) else { return false };
        match opened {
            Some(opened) => life.opened <= opened && life.left.is_none_or(|left| opened <= left),
            None => life.opened <= first && life.left.is_none_or(|left| first.since(left) < AFTERMATH),
        }
    }
}

impl Drop for OwnConnection {
    fn drop(&mut self) {
        if let Some(life) = lock(&self.all.0).get_mut(&self.tuple) {
            life.left = Some(Clock::now().monotonic());
        }
    }
}

/// The tuple of the packets from `local` to `remote`.
fn tuple(local: SocketAddr, remote: SocketAddr) -> Tuple {
    Tuple {
        source: mapped(local.ip()),
        destination: mapped(remote.ip()),
        source_port: Some(local.port()),
        destination_port: Some(remote.port()),
        protocol: protocol::TCP,
        ip_version: if remote.is_ipv4() { 4 } else { 6 },
        icmp: None,
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "10.0.0.1:40000";
    const REMOTE: &str = "10.0.0.2:4317";

    fn open(own: &Arc<OwnConnections>, local: &str) -> OwnConnection {
        own.open(now(), || Ok((local.parse().unwrap(), REMOTE.parse().unwrap()))).unwrap()
    }

    fn between(local: &str) -> Tuple {
        tuple(local.parse().unwrap(), REMOTE.parse().unwrap())
    }

    fn now() -> MonotonicTime {
        Clock::now().monotonic()
    }

    #[test]
    fn both_directions_of_exactly_this_tuple_are_own() {
        let own = Arc::<OwnConnections>::default();
        let _connection = open(&own, LOCAL);
        let tuple = between(LOCAL);
        assert!(own.have(&tuple, Some(now()), now()));
        assert!(own.have(&tuple.reverse().unwrap(), None, now()));
        assert!(!own.have(&between("10.0.0.1:40001"), None, now()));
        assert!(!own.have(&between("10.0.0.3:40000"), None, now()));
        assert!(!own.have(&Tuple { protocol: protocol::UDP, ..tuple }, None, now()));
    }

    #[test]
    fn packets_of_who_had_the_tuple_before_are_a_strangers() {
        let own = Arc::<OwnConnections>::default();
        let before = now();
        let _connection = open(&own, LOCAL);
        assert!(!own.have(&between(LOCAL), None, before));
        assert!(!own.have(&between(LOCAL), Some(before), before));
        assert!(own.have(&between(LOCAL), Some(now()), before), "its last packets before the opening ones");
    }

    #[test]
    fn the_last_packets_are_own_and_the_next_connection_is_a_strangers() {
        let own = Arc::<OwnConnections>::default();
        let connection = open(&own, LOCAL);
        let during = now();
        drop(connection);
        assert!(own.have(&between(LOCAL), Some(during), during), "read late");
        assert!(own.have(&between(LOCAL), None, now()), "a FIN that is sent again");
        assert!(!own.have(&between(LOCAL), Some(now()), now()));
        assert!(!own.have(&between(LOCAL), None, now().after(AFTERMATH)));
        let _again = open(&own, LOCAL);
        assert!(own.have(&between(LOCAL), Some(now()), now()));
    }

    #[test]
    fn a_connection_that_could_not_be_opened_is_none() {
        let own = Arc::<OwnConnections>::default();
        let refused = own.open(now(), || Err(io::ErrorKind::NetworkUnreachable.into()));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NetworkUnreachable);
        assert!(lock(&own.0).is_empty());
    }

    #[test]
    fn who_asks_while_a_connection_is_opened_waits_for_its_ends() {
        let own = Arc::<OwnConnections>::default();
        let asked = std::thread::scope(|scope| {
            let (sent, packet) = std::sync::mpsc::channel();
            let asks = {
                let own = &own;
                scope.spawn(move || {
                    let first: MonotonicTime = packet.recv().unwrap();
                    own.have(&between(LOCAL), Some(first), first)
                })
            };
            let connection = own.open(now(), || {
                sent.send(now()).unwrap();
                // As long as it may take until the ends are known: the packet is already there.
                std::thread::sleep(std::time::Duration::from_millis(50));
                Ok((LOCAL.parse().unwrap(), REMOTE.parse().unwrap()))
            });
            let asked = asks.join().unwrap();
            drop(connection);
            asked
        });
        assert!(asked);
    }
}
