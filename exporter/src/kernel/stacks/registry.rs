//! All stacks, and which of them to ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::owners::Owners;
use super::problem::Said;
use super::servers::Servers;
use super::sockets::{End, Sockets};
use super::stack::Stack;
use super::zones::Opening;
use crate::features::{Feature, Features};
use crate::flow::{Hooks, NetworkId, Tuple, Unopened};
use crate::kernel::namespaces::EnterError;
use crate::kernel::netlink::NetlinkError;

/// Of the room, what is kept of sockets.
const PART_OF_SERVERS: usize = 8;
/// Connections that are looked for in lists at once, in all namespaces (1 MiB).
const MOST_WANTED: usize = 1 << 13;

/// The stacks of the network namespaces that can be asked.
pub struct Stacks {
    by_scope: BTreeMap<u32, Stack>,
    owners: Owners,
    servers: Servers,
    said: Said,
}

impl Stacks {
    /// None yet. At most so many addresses are kept.
    #[must_use]
    pub fn of(most: usize) -> Self {
        Self {
            by_scope: BTreeMap::new(),
            owners: Owners::of(most),
            servers: Servers::of(most / PART_OF_SERVERS),
            said: Said::default(),
        }
    }

    /// Whether they tell is noted there.
    pub(crate) fn noting(mut self, features: &Arc<Features>) -> Self {
        self.said.features = Arc::clone(features);
        self
    }

    /// With the agent's own, of this number. If it does not tell, that is said, and others are asked all the same.
    #[must_use]
    pub fn with_own(mut self, scope: u32) -> Self {
        match Stack::own(scope) {
            Ok(stack) => self.add(stack),
            Err(error) => self.said.problem(&error.into()),
        }
        match Sockets::open().and_then(|mut sockets| sockets.probe()) {
            Ok(()) => self.said.features.has(Feature::ListeningSocket),
            Err(error) => self.said.problem(&error.into()),
        }
        self
    }

    /// Takes one more, or says why it cannot be asked. One that is gone is none.
    pub(in crate::kernel) fn add_entered(
        &mut self,
        entered: Result<Result<Stack, NetlinkError>, EnterError>,
    ) {
        match entered {
            Ok(Ok(stack)) => self.add(stack),
            Ok(Err(error)) => self.said.problem(&error.into()),
            Err(EnterError::Gone) => {}
            Err(error) => self.said.problem(&error.into()),
        }
    }

    fn add(&mut self, stack: Stack) {
        let scope = stack.scope();
        self.by_scope.insert(scope, stack);
        self.learn_addresses(scope);
    }

    /// Lets go of a namespace, so that it can end.
    pub fn remove(&mut self, scope: u32) {
        self.by_scope.remove(&scope);
        self.owners.remove(scope);
    }

    /// Closes what nobody asked lately. To be called when no questions wait.
    pub fn rest(&mut self) {
        for stack in self.by_scope.values_mut() {
            stack.rest();
            stack.zones().forget();
        }
    }

    /// Follows what changed since the last call. To be called before questions.
    pub fn refresh(&mut self) {
        self.by_scope.values_mut().for_each(Stack::rest);
        self.servers.age();
        let scopes: Vec<_> = self.by_scope.keys().copied().collect();
        for scope in scopes {
            self.learn_addresses(scope);
        }
    }

    /// Learns from lists of connection tracking's entries, where they are due, what [`opening`](Self::opening) says of these
    /// connections. At least one list, and no more after that time. `urgent` if nothing is asked later.
    pub fn list_zones<'a>(
        &mut self,
        connections: impl IntoIterator<Item = &'a Unopened>,
        hooks: &Hooks,
        urgent: bool,
        within: Duration,
    ) {
        let begin = Instant::now();
        let mut due: BTreeSet<u32> = BTreeSet::new();
        let mut room = MOST_WANTED;
        for (scope, stack) in &mut self.by_scope {
            let zones = stack.zones();
            if zones.are_due(urgent) {
                zones.forget();
                due.insert(*scope);
            }
            room = room.saturating_sub(zones.wanted());
        }
        if due.is_empty() {
            return;
        }
        let mut wanting = BTreeSet::new();
        for connection in connections {
            for scope in self.asked(connection, hooks) {
                let Some(stack) = self.by_scope.get_mut(&scope).filter(|_| due.contains(&scope)) else {
                    continue;
                };
                if room == 0 {
                    break;
                }
                stack.zones().want(&connection.packets);
                wanting.insert(scope);
                room -= 1;
            }
        }
        for scope in wanting {
            let Some(stack) = self.by_scope.get_mut(&scope) else { continue };
            if begin.elapsed() >= within {
                stack.zones().forget();
            } else if let Err(problem) = stack.list_zones() {
                self.said.problem(&problem);
            }
        }
    }

    /// Who opened a connection, as the connection tracking has it of a namespace in which it was seen, or that is one of its ends.
    pub fn opening(&mut self, connection: &Unopened, hooks: &Hooks) -> Opening {
        let mut opening = Opening::Unknown;
        for scope in self.asked(connection, hooks) {
            let Some(stack) = self.by_scope.get_mut(&scope) else { continue };
            match stack.opening(&connection.packets) {
                Ok(told) => {
                    self.said.features.has(Feature::Conntrack);
                    match told {
                        Opening::By(_) => return told,
                        Opening::Later => opening = told,
                        Opening::Unknown => {}
                    }
                }
                Err(problem) => self.said.problem(&problem),
            }
        }
        opening
    }

    /// The namespaces whose connection tracking may know a connection; none of what is none.
    fn asked(&self, connection: &Unopened, hooks: &Hooks) -> SmallVec<[u32; 4]> {
        let mut asked = SmallVec::new();
        if !connection.packets.is_tcp() {
            return asked;
        }
        let Tuple { source, destination, .. } = connection.packets;
        let seen_in = seen_in(connection);
        let may_own = |scope| is_in(scope, connection.network, hooks);
        let owner = |end| self.owners.owner(end, &seen_in, may_own);
        for scope in seen_in.iter().copied().chain([source, destination].into_iter().filter_map(owner)) {
            if !asked.contains(&scope) {
                asked.push(scope);
            }
        }
        asked
    }

    /// The tuple of the packets to the only end of a conversation at which a socket waits, in the namespace whose address it is.
    pub fn server(&mut self, conversation: &Unopened, hooks: &Hooks) -> Option<Tuple> {
        let Self { by_scope, owners, servers, said } = self;
        let seen_in = seen_in(conversation);
        conversation.server(|address, port| {
            let may_own = |scope| is_in(scope, conversation.network, hooks);
            let Some(scope) = owners.owner(address, &seen_in, may_own) else { return false };
            let end = End { protocol: conversation.packets.protocol, address, port };
            if servers.have(scope, end) {
                return true;
            }
            let Some(stack) = by_scope.get_mut(&scope) else { return false };
            let interface = conversation.seen_at.iter().find(|(seen_in, _)| *seen_in == scope);
            match stack.waits_at(end, interface.map_or(0, |(_, ifindex)| *ifindex)) {
                Ok(waits) => {
                    if waits {
                        servers.add(scope, end);
                    }
                    waits
                }
                Err(problem) => {
                    said.problem(&problem);
                    false
                }
            }
        })
    }

    fn learn_addresses(&mut self, scope: u32) {
        let Some(stack) = self.by_scope.get_mut(&scope) else { return };
        match stack.changed_addresses() {
            Ok(None) => {}
            Ok(Some(addresses)) => {
                let left_out = self.owners.set(scope, stack.is_own(), addresses);
                self.said.left_out(left_out);
            }
            Err(error) => self.said.problem(&error.into()),
        }
    }
}

/// Whether a namespace is in a network, be it that of its loopback device alone.
fn is_in(scope: u32, network: NetworkId, hooks: &Hooks) -> bool {
    [hooks.network_of(scope), NetworkId::loopback(scope)].contains(&network)
}

fn seen_in(conversation: &Unopened) -> SmallVec<[u32; 4]> {
    conversation.seen_at.iter().map(|(scope, _)| *scope).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use abi::protocol::TCP;
    use smallvec::smallvec;

    use super::*;

    const OWN: u32 = 0;
    const OTHER: u32 = 1;

    fn stacks() -> Stacks {
        Stacks::of(1000).with_own(OWN)
    }

    /// Packets from a port of which nothing is known to this one, all on this machine.
    fn to(protocol: u8, port: u16, seen_in: u32) -> Unopened {
        let address = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let packets = Tuple {
            source: address,
            destination: address,
            source_port: Some(1),
            destination_port: Some(port),
            protocol,
            ip_version: 4,
            icmp: None,
        };
        Unopened { packets, network: NetworkId::NODE, may_serve: [true; 2], seen_at: smallvec![(seen_in, 1)] }
    }

    #[test]
    fn the_end_at_which_a_socket_waits_is_the_server() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = to(TCP, socket.local_addr().unwrap().port(), OWN);
        let mut stacks = stacks();
        assert_eq!(stacks.server(&there, &Hooks::default()), Some(there.packets));
        let back = Unopened { packets: there.packets.reverse().unwrap(), ..there.clone() };
        assert_eq!(stacks.server(&back, &Hooks::default()), Some(there.packets));
        assert_eq!(stacks.server(&to(TCP, 1, OWN), &Hooks::default()), None);
    }

    #[test]
    fn a_namespace_that_cannot_be_asked_says_nothing() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = to(TCP, socket.local_addr().unwrap().port(), OTHER);
        assert_eq!(stacks().server(&there, &Hooks::default()), None);
    }

    #[test]
    fn sockets_that_wait_at_both_ends_say_nothing_unless_only_one_can_tell() {
        let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [one, other] = sockets.each_ref().map(|socket| socket.local_addr().unwrap().port());
        let mut both = to(TCP, one, OWN);
        both.packets.source_port = Some(other);
        assert_eq!(stacks().server(&both, &Hooks::default()), None);
        both.may_serve = [false, true];
        assert_eq!(stacks().server(&both, &Hooks::default()), Some(both.packets));
    }

    #[test]
    fn a_server_is_asked_for_once_in_a_while() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = to(TCP, socket.local_addr().unwrap().port(), OWN);
        let mut stacks = stacks();
        assert_eq!(stacks.server(&there, &Hooks::default()), Some(there.packets));
        drop(socket);
        assert_eq!(stacks.server(&there, &Hooks::default()), Some(there.packets));
        stacks.servers = Servers::of(1);
        assert_eq!(stacks.server(&there, &Hooks::default()), None);
    }

    #[test]
    fn a_namespace_that_was_let_go_says_nothing() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = to(TCP, socket.local_addr().unwrap().port(), OWN);
        let mut stacks = stacks();
        stacks.remove(OWN);
        assert_eq!(stacks.server(&there, &Hooks::default()), None);
    }
}
