//! Where packets are observed.

use std::collections::HashMap;
use std::fmt;

use abi::Direction;

/// One eBPF attachment: an interface of a network namespace, and a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Network namespace, as numbered by the agent.
    pub scope: u32,
    /// Interface index, unique within the scope at a time.
    pub ifindex: u32,
    /// Direction from the interface's point of view.
    pub direction: Direction,
    /// The interface's name when it was last heard of.
    pub interface: Box<str>,
}

impl fmt::Display for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        };
        write!(formatter, "{} {direction}", self.interface)
    }
}

/// A hook's number in [`Hooks`]; never given to another hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookId(pub u32);

/// All hooks there were. A hook that is gone keeps its number and name: its last packets are read after it went.
#[derive(Clone, Debug, Default)]
pub struct Hooks {
    hooks: Vec<Hook>,
    numbers: HashMap<(u32, u32, Direction), HookId, foldhash::fast::FixedState>,
}

impl Hooks {
    /// The number of a hook, new or known. A known interface takes the name: it may have been renamed.
    pub fn register(&mut self, scope: u32, ifindex: u32, direction: Direction, interface: &str) -> HookId {
        let id = self.find_or_add(scope, ifindex, direction, || interface.into());
        let known = &mut self.hooks[id.0 as usize].interface;
        if **known != *interface {
            *known = interface.into();
        }
        id
    }

    /// The number of the hook that a kernel-side key names. A hook that was never registered gets its index as name.
    pub fn resolve(&mut self, scope: u32, ifindex: u32, direction: Direction) -> HookId {
        self.find_or_add(scope, ifindex, direction, || format!("if{ifindex}").into())
    }

    /// The hook of a number that this registry gave out.
    #[must_use]
    pub fn get(&self, id: HookId) -> &Hook {
        &self.hooks[id.0 as usize]
    }

    /// All hooks by number.
    pub fn iter(&self) -> impl Iterator<Item = (HookId, &Hook)> {
        (0..).map(HookId).zip(&self.hooks)
    }

    fn find_or_add(
        &mut self,
        scope: u32,
        ifindex: u32,
        direction: Direction,
        name: impl FnOnce() -> Box<str>,
    ) -> HookId {
        *self.numbers.entry((scope, ifindex, direction)).or_insert_with(|| {
            let id = HookId(u32::try_from(self.hooks.len()).expect("fewer than 2^32 hooks fit into memory"));
            self.hooks.push(Hook { scope, ifindex, direction, interface: name() });
            id
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_interface_keeps_its_number() {
        let mut hooks = Hooks::default();
        let before = hooks.register(0, 7, Direction::Ingress, "veth0");
        let after = hooks.register(0, 7, Direction::Ingress, "lan");
        assert_eq!(before, after);
        assert_eq!(hooks.get(after).to_string(), "lan ingress");
    }

    #[test]
    fn equal_indexes_of_two_namespaces_are_two_hooks() {
        let mut hooks = Hooks::default();
        assert_ne!(
            hooks.register(0, 2, Direction::Egress, "eth0"),
            hooks.register(1, 2, Direction::Egress, "eth0")
        );
    }

    #[test]
    fn a_hook_that_nobody_registered_is_named_by_its_index() {
        let mut hooks = Hooks::default();
        let id = hooks.resolve(0, 9, Direction::Egress);
        assert_eq!(&*hooks.get(id).interface, "if9");
    }
}
