//! Where sockets wait, as far as that was asked lately: many flows have the same server.

use std::collections::HashSet;
use std::time::Instant;

use super::slot::FRESH;
use super::sockets::End;

/// Ends of namespaces at which a socket waits, in a bounded number.
#[derive(Debug)]
pub(super) struct Servers {
    ends: HashSet<(u32, End), foldhash::fast::RandomState>,
    since: Instant,
    most: usize,
}

impl Servers {
    /// At most so many are kept.
    pub(super) fn of(most: usize) -> Self {
        Self { ends: HashSet::default(), since: Instant::now(), most }
    }

    pub(super) fn have(&self, scope: u32, end: End) -> bool {
        self.ends.contains(&(scope, end))
    }

    pub(super) fn add(&mut self, scope: u32, end: End) {
        if self.ends.len() >= self.most {
            self.ends.clear();
        }
        self.ends.insert((scope, end));
    }

    /// Forgets what is not fresh any more.
    pub(super) fn age(&mut self) {
        if self.since.elapsed() >= FRESH {
            *self = Self::of(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use abi::protocol::TCP;

    use super::*;

    #[test]
    fn a_server_is_known_by_namespace_and_end_until_there_are_too_many() {
        let mut servers = Servers::of(2);
        let end = |port| End { protocol: TCP, address: "::1".parse().unwrap(), port };
        servers.add(1, end(1));
        servers.add(1, end(1));
        assert!(servers.have(1, end(1)) && !servers.have(2, end(1)) && !servers.have(1, end(2)));
        servers.add(1, end(2));
        assert!(servers.have(1, end(1)));
        servers.add(1, end(3));
        assert!(servers.have(1, end(3)) && !servers.have(1, end(1)));
    }

    #[test]
    fn a_server_is_forgotten_when_it_was_asked_for_long_ago() {
        let mut servers = Servers::of(2);
        let end = End { protocol: TCP, address: "::1".parse().unwrap(), port: 1 };
        servers.add(1, end);
        servers.since = servers.since.checked_sub(FRESH).unwrap();
        servers.age();
        assert!(!servers.have(1, end));
    }
}
