//! What an interface is to the machine.

/// Where an interface stands on a packet's way through the machine.
///
/// The order is that in which interfaces account for the packets that cross several of them: what is nearest to a workload
/// first, and of the layers of one link the one whose frames are those on the wire and that stays the same when a link fails
/// over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The machine's end of the link to a pod, a container or a guest.
    PodPort,
    /// A pod's own interface, seen inside its network namespace.
    Pod,
    /// The machine's own port in the pods' network.
    Management,
    /// The way to other machines: a network card, or the bond or team of several.
    Uplink,
    /// Carries packets inside other packets.
    Tunnel,
    /// A part of another interface's traffic: VLAN, macvlan, ipvlan, MACsec, VRF.
    Upper,
    /// A switch's own port.
    Bridge,
    /// None of the others.
    Host,
    /// A network card that is in a bond or a team.
    Member,
    /// Packets of the machine to itself.
    Loopback,
    /// An interface of a capture: what it was, and in which direction packets crossed it, is not known.
    Capture,
}

impl Role {
    /// Whether a packet enters, or leaves, by one interface of this role and no second one: then several of them share a flow's
    /// packets, and do not see the same ones.
    #[must_use]
    pub fn is_exclusive(self) -> bool {
        matches!(self, Self::Uplink | Self::Member)
    }
}
