//! The registry of hooks: as many as there are, and those that left and are still spoken of; and which network each is in.

use std::collections::HashMap;

use abi::Direction;

use crate::clock::MonotonicTime;
use crate::flow::networks::Networks;
use crate::flow::{Exits, Hook, HookId, NetworkId, Role};

/// Readings after which nothing more comes from a hook that left. One is enough: what ran at the hook when it was detached has
/// ended by the grace period of the next reading. The second is for what one has not thought of.
const QUIET: u8 = 2;

/// All hooks that somebody may speak of. A hook that left keeps its number and name until its last packets are read and
/// accounted for.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    entries: Vec<Entry>,
    numbers: HashMap<(u32, u32, Direction), HookId, foldhash::fast::FixedState>,
    left: Vec<HookId>,
    free: Vec<HookId>,
    networks: Networks,
    /// Hooks that left so far.
    departures: u64,
    /// Since when all interfaces of these namespaces are hooked.
    whole: HashMap<u32, MonotonicTime, foldhash::fast::FixedState>,
}

#[derive(Clone, Debug)]
struct Entry {
    hook: Hook,
    state: State,
    attached: Option<MonotonicTime>,
    /// How many hooks had left before it came, and which of those that leave it is.
    came: u64,
    departure: Option<u64>,
    network: NetworkId,
    /// The namespace that the interface's other end is in, if it is followed.
    leads_into: Option<u32>,
    /// A reading may have brought packets of it for that network.
    is_placed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Packets may come.
    There,
    /// The program is detached; complete readings since, or since its last packet.
    Left { readings: u8 },
    /// The number is nobody's.
    Free,
}

impl Hooks {
    /// The number of a hook, new or known. A known interface takes the name and the role: it may have been renamed, or put into a
    /// bond.
    pub fn register(&mut self, hook: Hook) -> HookId {
        let id = self.find_or_add(hook.scope, hook.ifindex, hook.direction);
        let Entry { hook: known, state, attached, came, departure, network, leads_into, is_placed } =
            &mut self.entries[id.0 as usize];
        *leads_into = peer_of(&hook, &self.networks);
        *known = hook;
        if !*is_placed {
            *network = network_of(known, &self.networks).unwrap_or(*network);
        }
        if std::mem::replace(state, State::There) != State::There {
            *attached = None;
            (*came, *departure) = (self.departures, None);
            self.left.retain(|left| *left != id);
        }
        id
    }

    /// A registered hook's program counts every packet from this moment on.
    pub fn attach(&mut self, scope: u32, ifindex: u32, direction: Direction, moment: MonotonicTime) {
        if let Some(id) = self.numbers.get(&(scope, ifindex, direction)) {
            self.entries[id.0 as usize].attached = Some(moment);
        }
    }

    /// Since when the hook's program counts every packet, if it does.
    #[must_use]
    pub fn attached(&self, id: HookId) -> Option<MonotonicTime> {
        self.entries[id.0 as usize].attached
    }

    /// All interfaces of a network namespace but loopback are hooked from this moment on, or one is not.
    pub fn set_whole(&mut self, scope: u32, moment: Option<MonotonicTime>) {
        match moment {
            Some(moment) => drop(self.whole.entry(scope).or_insert(moment)),
            None => drop(self.whole.remove(&scope)),
        }
    }

    /// Since when no packet goes by unseen at an interface of a network namespace, but for loopback.
    #[must_use]
    pub fn whole_since(&self, scope: u32) -> Option<MonotonicTime> {
        self.whole.get(&scope).copied()
    }

    /// The number of the hook that a kernel-side key names. A hook that was never registered gets its index as name, and is one
    /// that has left: nobody will say so later.
    pub fn resolve(&mut self, scope: u32, ifindex: u32, direction: Direction) -> HookId {
        let id = self.find_or_add(scope, ifindex, direction);
        if let State::Left { readings } = &mut self.entries[id.0 as usize].state {
            *readings = 0;
        }
        id
    }

    /// A hook's program is detached for good, or was never attached: no packet passes it any more.
    pub fn leave(&mut self, scope: u32, ifindex: u32, direction: Direction) {
        let Some(&id) = self.numbers.get(&(scope, ifindex, direction)) else { return };
        let Entry { state, departure, .. } = &mut self.entries[id.0 as usize];
        if *state == State::There {
            *state = State::Left { readings: 0 };
            self.left.push(id);
            self.departures += 1;
            *departure = Some(self.departures);
        }
    }

    /// The network namespace of these hooks is not followed any more.
    pub fn leave_scope(&mut self, scope: u32) {
        self.networks.leave(scope);
        self.set_whole(scope, None);
        for (id, Entry { hook, state, .. }) in (0..).map(HookId).zip(&mut self.entries) {
            if hook.scope == scope && *state == State::There {
                *state = State::Left { readings: 0 };
                self.left.push(id);
            }
        }
    }

    /// What a network namespace leads to by now. It counts from the next [`regroup`](Self::regroup) on. One of which nothing was said
    /// is in the node's network.
    pub fn set_exits(&mut self, scope: u32, exits: Exits) {
        self.networks.set_exits(scope, exits);
    }

    /// Has each hook be in the network that it is in by now; whether one is in another than before, and its flows are to follow. To be
    /// called before a reading's packets are told, and at no other time: all of a reading's packets of a hook are in one network.
    pub fn regroup(&mut self) -> bool {
        let Self { entries, networks, .. } = self;
        let is_other = networks.regroup();
        let mut has_moved = false;
        for Entry { hook, network, leads_into, is_placed, .. } in entries {
            if is_other || !*is_placed {
                *leads_into = peer_of(hook, networks);
                // Nothing is known of a namespace that left any more, and its hooks stay where they were.
                let before = std::mem::replace(network, network_of(hook, networks).unwrap_or(*network));
                has_moved |= std::mem::replace(is_placed, true) && before != *network;
            }
        }
        has_moved
    }

    /// The network that a hook is in.
    #[must_use]
    pub fn network(&self, id: HookId) -> NetworkId {
        self.entries[id.0 as usize].network
    }

    /// The namespace that a hook's interface leads into by a pair, if it is known.
    #[must_use]
    pub fn leads_into(&self, id: HookId) -> Option<u32> {
        self.entries[id.0 as usize].leads_into
    }

    /// The network that the hooks of an interface are in, if there are any.
    #[must_use]
    pub fn network_at(&self, scope: u32, ifindex: u32) -> Option<NetworkId> {
        let mut directions = [Direction::Ingress, Direction::Egress].into_iter();
        let id = directions.find_map(|direction| self.numbers.get(&(scope, ifindex, direction)))?;
        Some(self.network(*id))
    }

    /// The network that the interfaces of a namespace are in, but for its loopback device.
    #[must_use]
    pub fn network_of(&self, scope: u32) -> NetworkId {
        self.networks.get(scope).unwrap_or(NetworkId::NODE)
    }

    /// Says that a reading is complete, and gives the hooks of which none will bring anything more.
    pub fn read_through(&mut self) -> Vec<HookId> {
        self.networks.read_through();
        let Self { entries, left, .. } = self;
        let is_quiet = |id: &HookId| match &mut entries[id.0 as usize].state {
            State::Left { readings } if *readings < QUIET => {
                *readings += 1;
                *readings == QUIET
            }
            _ => false,
        };
        left.iter().copied().filter(is_quiet).collect()
    }

    /// Forgets the hooks that left, bring nothing more, and may be forgotten by what `is_forgotten` says: from then on nobody may
    /// use the number that it was asked about.
    pub fn forget(&mut self, mut is_forgotten: impl FnMut(HookId) -> bool) {
        let Self { entries, numbers, left, free, .. } = self;
        left.retain(|&id| {
            let Entry { hook, state, .. } = &mut entries[id.0 as usize];
            if *state != (State::Left { readings: QUIET }) || !is_forgotten(id) {
                return true;
            }
            *state = State::Free;
            numbers.remove(&(hook.scope, hook.ifindex, hook.direction));
            hook.interface = Box::default();
            free.push(id);
            false
        });
    }

    /// The hook of a number that this registry gave out.
    #[must_use]
    pub fn get(&self, id: HookId) -> &Hook {
        &self.entries[id.0 as usize].hook
    }

    /// Whether no packet passes the hook any more.
    #[must_use]
    pub fn has_left(&self, id: HookId) -> bool {
        self.entries[id.0 as usize].state != State::There
    }

    /// Whether a hook came when another one had left, so that no packet passed both but what was under way for so long.
    #[must_use]
    pub fn came_after(&self, id: HookId, other: HookId) -> bool {
        let departure = self.entries[other.0 as usize].departure;
        departure.is_some_and(|departure| departure <= self.entries[id.0 as usize].came)
    }

    /// All hooks by number.
    pub fn iter(&self) -> impl Iterator<Item = (HookId, &Hook)> {
        let entries = (0..).map(HookId).zip(&self.entries);
        entries.filter(|(_, entry)| entry.state != State::Free).map(|(id, entry)| (id, &entry.hook))
    }

    /// Numbers that were given out so far, those that are free again included.
    #[must_use]
    pub fn numbers(&self) -> usize {
        self.entries.len()
    }

    fn find_or_add(&mut self, scope: u32, ifindex: u32, direction: Direction) -> HookId {
        let Self { entries, numbers, left, free, networks, .. } = self;
        *numbers.entry((scope, ifindex, direction)).or_insert_with(|| {
            let hook = Hook::named(scope, ifindex, direction, &format!("if{ifindex}"));
            let network = network_of(&hook, networks).unwrap_or_default();
            let state = State::Left { readings: 0 };
            let entry = Entry {
                hook,
                state,
                attached: None,
                came: 0,
                departure: None,
                network,
                leads_into: None,
                is_placed: false,
            };
            let id = if let Some(id) = free.pop() {
                entries[id.0 as usize] = entry;
                id
            } else {
                entries.push(entry);
                HookId(u32::try_from(entries.len() - 1).expect("fewer than 2^32 hooks fit into memory"))
            };
            left.push(id);
            id
        })
    }
}

fn network_of(hook: &Hook, networks: &Networks) -> Option<NetworkId> {
    match hook.role {
        Role::Loopback => Some(NetworkId::loopback(hook.scope)),
        _ => networks.get(hook.scope),
    }
}

/// The namespace that an interface's other end is in, if it is followed.
fn peer_of(hook: &Hook, networks: &Networks) -> Option<u32> {
    networks.peer(hook.scope, hook.leads_to?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forget_all(hooks: &mut Hooks) -> Vec<HookId> {
        let mut asked = Vec::new();
        hooks.forget(|id| {
            asked.push(id);
            true
        });
        asked
    }

    #[test]
    fn a_renamed_interface_keeps_its_number() {
        let mut hooks = Hooks::default();
        let before = hooks.register(Hook::named(0, 7, Direction::Ingress, "veth0"));
        let after = hooks.register(Hook::named(0, 7, Direction::Ingress, "lan"));
        assert_eq!(before, after);
        assert_eq!(hooks.get(after).to_string(), "lan ingress");
    }

    #[test]
    fn equal_indexes_of_two_namespaces_are_two_hooks() {
        let mut hooks = Hooks::default();
        assert_ne!(
            hooks.register(Hook::named(0, 2, Direction::Egress, "eth0")),
            hooks.register(Hook::named(1, 2, Direction::Egress, "eth0"))
        );
    }

    #[test]
    fn a_hook_that_nobody_registered_is_named_by_its_index() {
        let mut hooks = Hooks::default();
        let id = hooks.resolve(0, 9, Direction::Egress);
        assert_eq!(&*hooks.get(id).interface, "if9");
    }

    #[test]
    fn a_hook_is_forgotten_two_readings_after_it_left_and_its_number_is_given_out_again() {
        let mut hooks = Hooks::default();
        let (stays, leaves) = (
            hooks.register(Hook::named(0, 1, Direction::Ingress, "a")),
            hooks.register(Hook::named(0, 2, Direction::Ingress, "b")),
        );
        assert!(hooks.read_through().is_empty());
        hooks.leave(0, 2, Direction::Ingress);
        assert!(hooks.read_through().is_empty() && forget_all(&mut hooks).is_empty());
        assert_eq!(hooks.read_through(), [leaves]);
        hooks.forget(|_| false);
        assert!(hooks.read_through().is_empty(), "it is told once");
        assert_eq!(forget_all(&mut hooks), [leaves]);
        assert_eq!(hooks.register(Hook::named(0, 3, Direction::Ingress, "c")), leaves);
        assert_eq!(hooks.iter().map(|(id, _)| id).collect::<Vec<_>>(), [stays, leaves]);
        assert_eq!(hooks.get(leaves).to_string(), "c ingress");
    }

    #[test]
    fn a_late_packet_puts_the_end_off() {
        let mut hooks = Hooks::default();
        hooks.register(Hook::named(0, 1, Direction::Ingress, "a"));
        hooks.leave(0, 1, Direction::Ingress);
        hooks.read_through();
        let id = hooks.resolve(0, 1, Direction::Ingress);
        assert!(hooks.read_through().is_empty());
        assert_eq!(hooks.read_through(), [id]);
    }

    #[test]
    fn a_hook_that_comes_back_is_not_forgotten() {
        let mut hooks = Hooks::default();
        let id = hooks.register(Hook::named(0, 1, Direction::Ingress, "a"));
        hooks.leave(0, 1, Direction::Ingress);
        hooks.read_through();
        assert_eq!(hooks.register(Hook::named(0, 1, Direction::Ingress, "a")), id);
        assert!(hooks.read_through().is_empty() && hooks.read_through().is_empty());
        assert!(forget_all(&mut hooks).is_empty());
    }

    #[test]
    fn the_hooks_of_a_namespace_that_went_leave_and_no_others() {
        let mut hooks = Hooks::default();
        let (stays, leaves) = (
            hooks.register(Hook::named(0, 2, Direction::Ingress, "eth0")),
            hooks.register(Hook::named(1, 2, Direction::Ingress, "eth0")),
        );
        hooks.leave_scope(1);
        assert!(hooks.has_left(leaves) && !hooks.has_left(stays));
        hooks.read_through();
        assert_eq!(hooks.read_through(), [leaves]);
    }

    #[test]
    fn a_hook_that_nobody_registered_is_forgotten_too() {
        let mut hooks = Hooks::default();
        let id = hooks.resolve(0, 9, Direction::Egress);
        hooks.read_through();
        assert_eq!(hooks.read_through(), [id]);
        assert_eq!(forget_all(&mut hooks), [id]);
    }

    #[test]
    fn a_namespace_is_whole_since_its_last_interface_was_hooked() {
        let mut hooks = Hooks::default();
        let since = |hooks: &Hooks| hooks.whole_since(1).map(|moment| moment.0);
        assert_eq!(since(&hooks), None);
        for (moment, expected) in [(Some(5), Some(5)), (Some(9), Some(5)), (None, None), (Some(9), Some(9))] {
            hooks.set_whole(1, moment.map(MonotonicTime));
            assert_eq!(since(&hooks), expected);
        }
        hooks.leave_scope(1);
        assert_eq!(since(&hooks), None);
    }

    #[test]
    fn a_hook_is_in_the_network_of_its_namespace_and_loopback_in_its_own() {
        let mut hooks = Hooks::default();
        let loopback =
            |scope| Hook { role: Role::Loopback, ..Hook::named(scope, 1, Direction::Ingress, "lo") };
        let hook = |scope| Hook::named(scope, 2, Direction::Ingress, "eth0");
        let own = [loopback(0), hook(0)].map(|hook| hooks.register(hook));
        hooks.set_exits(1, Exits::default());
        let others = [loopback(1), hook(1)].map(|hook| hooks.register(hook));
        assert!(!hooks.regroup(), "they are new");
        let networks = |hooks: &Hooks| [own, others].map(|both| both.map(|id| hooks.network(id)));
        let [own_loopback, others_loopback] = [0, 1].map(NetworkId::loopback);
        let alone = [[own_loopback, NetworkId::NODE], [others_loopback, NetworkId::of(1)]];
        assert_eq!(networks(&hooks), alone);
        assert_eq!(hooks.network_at(1, 1), Some(others_loopback));
        assert_eq!((hooks.network_at(1, 2), hooks.network_of(1)), (Some(NetworkId::of(1)), NetworkId::of(1)));
        assert_eq!(hooks.network_at(1, 3), None);

        hooks.set_exits(1, Exits { is_open: true, ..Exits::default() });
        assert_eq!(networks(&hooks), alone, "not before the next reading");
        assert!(hooks.regroup() && !hooks.regroup());
        assert_eq!(networks(&hooks), [[own_loopback, NetworkId::NODE], [others_loopback, NetworkId::NODE]]);
    }

    #[test]
    fn a_hook_of_a_namespace_that_left_stays_in_its_network() {
        let mut hooks = Hooks::default();
        hooks.set_exits(1, Exits::default());
        let id = hooks.register(Hook::named(1, 2, Direction::Ingress, "eth0"));
        hooks.regroup();
        hooks.leave_scope(1);
        for _ in 0..3 {
            assert!(!hooks.regroup());
            hooks.read_through();
        }
        assert_eq!(hooks.network(id), NetworkId::of(1));
    }
}
