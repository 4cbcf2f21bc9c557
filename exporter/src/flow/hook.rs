//! Where packets are observed.

use std::fmt;
use std::sync::Arc;

use abi::Direction;

use crate::flow::Role;

/// The number of the network namespace that the agent runs in.
pub const OWN_SCOPE: u32 = 0;

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
    /// What the interface is.
    pub role: Role,
    /// Index of the switch that the interface is a port of: a bridge, or Open vSwitch; 0 if it is a process, which may be one.
    pub switch: Option<u32>,
    /// The namespace that its other end is in, by the number that its own has for it, if it is one of a pair.
    pub leads_to: Option<i32>,
    /// What a reader knows the network namespace by; `None` is the agent's own.
    pub namespace: Option<Arc<str>>,
}

impl Hook {
    /// A hook of an interface of which nothing more is known.
    #[must_use]
    pub fn named(scope: u32, ifindex: u32, direction: Direction, interface: &str) -> Self {
        Self {
            scope,
            ifindex,
            direction,
            interface: interface.into(),
            role: Role::Host,
            switch: None,
            leads_to: None,
            namespace: None,
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        };
        write!(formatter, "{} {direction}", self.interface)?;
        self.namespace.as_ref().map_or(Ok(()), |namespace| write!(formatter, " in {namespace}"))
    }
}

/// A hook's number in [`Hooks`](crate::flow::Hooks). It is another hook's only after everybody has forgotten the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HookId(pub u32);
