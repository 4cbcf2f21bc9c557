//! The sockets of a network namespace that wait for others to begin, as they were at a moment.

use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A snapshot of who listens.
#[derive(Debug, Default)]
pub struct Listeners {
    scope: u32,
    /// Sockets and addresses that are kept.
    most: usize,
    left_out: u64,
    sockets: HashSet<Listener>,
    /// Addresses that a socket bound to none serves.
    local: HashSet<Ipv6Addr>,
}

/// A protocol, an address and a port at which a socket listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// IP protocol number.
    pub protocol: u8,
    /// Address; IPv4 as `::ffff:a.b.c.d`, all addresses of a version as its unspecified address.
    pub address: Ipv6Addr,
    /// Port.
    pub port: u16,
}

impl Listeners {
    /// Nobody listens yet in the network namespace of this number. At most so many sockets and addresses are kept; what is beyond
    /// is not known, as if it did not listen.
    #[must_use]
    pub fn of(scope: u32, most: usize) -> Self {
        Self { scope, most, ..Self::default() }
    }

    /// The network namespace whose sockets these are.
    #[must_use]
    pub fn scope(&self) -> u32 {
        self.scope
    }

    /// Takes a socket.
    pub fn add(&mut self, socket: Listener) {
        if self.has_room() {
            self.sockets.insert(socket);
        } else if !self.sockets.contains(&socket) {
            self.left_out += 1;
        }
    }

    /// Takes an address of the namespace.
    pub fn add_local(&mut self, address: Ipv6Addr) {
        if self.has_room() {
            self.local.insert(address);
        } else if !self.local.contains(&address) {
            self.left_out += 1;
        }
    }

    /// Sockets and addresses that found no room.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn has_room(&self) -> bool {
        self.sockets.len() + self.local.len() < self.most
    }

    /// Whether a socket listens at this address: itself, or all addresses of which this is one.
    #[must_use]
    pub fn have(&self, listener: Listener) -> bool {
        self.sockets.contains(&listener)
            || (self.is_local(listener.address)
                && self.sockets.contains(&Listener { address: unspecified(listener.address), ..listener }))
    }

    fn is_local(&self, address: Ipv6Addr) -> bool {
        // All of 127.0.0.0/8 is, though the interface has only one of it.
        self.local.contains(&address) || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
    }
}

/// All addresses of the version of this one.
fn unspecified(address: Ipv6Addr) -> Ipv6Addr {
    match address.to_ipv4_mapped() {
        Some(_) => Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(),
        None => Ipv6Addr::UNSPECIFIED,
    }
}

#[cfg(test)]
mod tests {
    use abi::protocol::{TCP, UDP};

    use super::*;

    fn at(protocol: u8, address: &str, port: u16) -> Listener {
        Listener { protocol, address: address.parse().unwrap(), port }
    }

    fn listeners(sockets: &[Listener], local: &[&str]) -> Listeners {
        let mut listeners = Listeners::of(0, usize::MAX);
        for socket in sockets {
            listeners.add(*socket);
        }
        for address in local {
            listeners.add_local(address.parse().unwrap());
        }
        listeners
    }

    #[test]
    fn a_bound_socket_listens_at_its_address_only() {
        let listeners = listeners(&[at(TCP, "::ffff:10.0.0.1", 80)], &["::ffff:10.0.0.1", "::ffff:10.0.0.2"]);
        assert!(listeners.have(at(TCP, "::ffff:10.0.0.1", 80)));
        assert!(!listeners.have(at(TCP, "::ffff:10.0.0.2", 80)));
        assert!(!listeners.have(at(UDP, "::ffff:10.0.0.1", 80)));
        assert!(!listeners.have(at(TCP, "::ffff:10.0.0.1", 81)));
    }

    #[test]
    fn an_unbound_socket_listens_at_the_addresses_of_its_version_here() {
        let local = ["::ffff:10.0.0.1", "fd00::1"];
        let v4 = listeners(&[at(TCP, "::ffff:0.0.0.0", 80)], &local);
        assert!(v4.have(at(TCP, "::ffff:10.0.0.1", 80)));
        assert!(v4.have(at(TCP, "::ffff:127.8.9.1", 80)));
        assert!(!v4.have(at(TCP, "::ffff:10.0.0.2", 80)), "another machine's");
        assert!(!v4.have(at(TCP, "fd00::1", 80)));
        let v6 = listeners(&[at(TCP, "::", 80)], &local);
        assert!(v6.have(at(TCP, "fd00::1", 80)));
        assert!(!v6.have(at(TCP, "fd00::2", 80)));
        assert!(!v6.have(at(TCP, "::ffff:10.0.0.1", 80)));
    }

    #[test]
    fn what_is_beyond_the_room_is_counted() {
        let mut listeners = Listeners::of(0, 3);
        listeners.add_local("::1".parse().unwrap());
        for port in [1, 2, 2, 3, 4, 1] {
            listeners.add(at(TCP, "::1", port));
        }
        listeners.add_local("::2".parse().unwrap());
        assert!(listeners.have(at(TCP, "::1", 2)) && !listeners.have(at(TCP, "::1", 3)));
        assert_eq!(listeners.left_out(), 3);
    }
}
