//! Where an interface leads, from what rtnetlink says of its kind: what joins network namespaces.

use crate::kernel::role::Signs;

/// Where packets go that an interface sends, and where those come from that it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To other interfaces of its namespace, if to any.
    Within,
    /// To a namespace, by the number that its own has for it.
    Into(i32),
    /// Out of the machine, into a process, or nobody knows.
    Outside,
}

/// What tells an interface's way beside its kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Link {
    /// Switched on.
    pub(super) is_up: bool,
    /// So is what it is joined with.
    pub(super) has_carrier: bool,
    /// The namespace of its other end, or of what it lies upon, if that is another one (`IFLA_LINK_NETNSID`).
    pub(super) nsid: Option<i32>,
}

impl Signs {
    /// A kind that is not known to stay within its namespace leads outside.
    pub(super) fn way(&self, Link { is_up, has_carrier, nsid }: Link) -> Way {
        let is_pair = matches!(self.kind.as_deref(), Some("veth" | "netkit"));
        // Nobody tells one end of a pair that the other one has been moved; but that it has lost its carrier, which comes before.
        if !is_up || self.is_loopback || (is_pair && !has_carrier) {
            return Way::Within;
        }
        match self.kind.as_deref() {
            Some("veth" | "netkit" | "vlan" | "macvlan" | "ipvlan" | "macsec") => match nsid {
                None => Way::Within,
                Some(nsid) if nsid >= 0 => Way::Into(nsid),
                // The kernel has not numbered it.
                Some(_) => Way::Outside,
            },
            Some("dummy" | "bridge" | "bond" | "team" | "vrf" | "ifb" | "nlmon") => Way::Within,
            // Network cards, what has a process or another machine at its end, and internal ports of Open vSwitch, which can be
            // moved away from their switch.
            _ => Way::Outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str) -> Signs {
        Signs { kind: Some(kind.to_owned()), device: libc::ARPHRD_ETHER, ..Signs::default() }
    }

    fn up(nsid: Option<i32>) -> Link {
        Link { is_up: true, has_carrier: true, nsid }
    }

    #[test]
    fn what_has_its_other_end_in_a_namespace_leads_there() {
        for kind in ["veth", "netkit", "vlan", "macvlan", "ipvlan", "macsec"] {
            assert_eq!(of(kind).way(up(Some(3))), Way::Into(3), "{kind}");
            assert_eq!(of(kind).way(up(None)), Way::Within, "{kind}");
            assert_eq!(of(kind).way(up(Some(-1))), Way::Outside, "{kind}");
            assert_eq!(of(kind).way(Link { is_up: false, ..up(Some(3)) }), Way::Within, "{kind}");
        }
        let without_carrier = Link { has_carrier: false, ..up(Some(3)) };
        assert_eq!(of("veth").way(without_carrier), Way::Within);
        assert_eq!(of("macvlan").way(without_carrier), Way::Into(3));
    }

    #[test]
    fn what_is_not_known_to_stay_within_leads_outside() {
        let card = Signs { device: libc::ARPHRD_ETHER, ..Signs::default() };
        assert_eq!(card.way(up(None)), Way::Outside);
        assert_eq!(card.way(Link { is_up: false, ..up(None) }), Way::Within);
        for kind in
            ["tun", "vxlan", "geneve", "wireguard", "ipip", "openvswitch", "macvtap", "kind of tomorrow"]
        {
            assert_eq!(of(kind).way(up(None)), Way::Outside, "{kind}");
        }
    }

    #[test]
    fn what_stays_within_leads_nowhere() {
        let loopback = Signs { is_loopback: true, ..Signs::default() };
        assert_eq!(loopback.way(up(None)), Way::Within);
        for kind in ["dummy", "bridge", "bond", "vrf"] {
            assert_eq!(of(kind).way(up(None)), Way::Within, "{kind}");
        }
    }
}
