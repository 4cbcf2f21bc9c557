//! Where addresses mean the same.

use crate::flow::OWN_SCOPE;

/// A layer 3 domain: equal addresses and ports are one conversation inside of it, and two in two of them.
///
/// Named by the least number of the network namespaces that are in it. So the name follows from what is joined with what, and not
/// from the order in which that was learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkId(u32);

impl NetworkId {
    /// The node's own: the agent's namespace, whatever is joined with it, and all that leads out of the machine.
    pub const NODE: Self = Self::of(OWN_SCOPE);

    /// That of joined namespaces of which this is the least number.
    pub(super) const fn of(scope: u32) -> Self {
        Self(scope << 1)
    }

    /// That of a namespace's loopback device, which leads nowhere else.
    #[must_use]
    pub const fn loopback(scope: u32) -> Self {
        Self(scope << 1 | 1)
    }

    /// Those that the agent's own sockets are in.
    pub const OF_THE_AGENT: [Self; 2] = [Self::NODE, Self::loopback(OWN_SCOPE)];
}
