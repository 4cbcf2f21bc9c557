//! Finds out what an interface is, from what rtnetlink says of its kind.

use crate::flow::Role;

/// What OVN-Kubernetes calls its port of the node in the cluster's network (go-controller/pkg/types/const.go,
/// `K8sMgmtIntfNamePrefix`).
const OVN_MANAGEMENT: &str = "ovn-k8s-mp";

/// What tells an interface's role.
#[derive(Clone, Debug, Default)]
pub(super) struct Signs {
    pub(super) name: String,
    /// Type of the device (`ARPHRD_*`).
    pub(super) device: u16,
    pub(super) is_loopback: bool,
    /// Kind of a virtual device (`IFLA_INFO_KIND`); a network card has none.
    pub(super) kind: Option<String>,
    /// Kind of what it is a port of (`IFLA_INFO_SLAVE_KIND`).
    pub(super) port_kind: Option<String>,
    /// The other end, or what it lies upon, is in another namespace (`IFLA_LINK_NETNSID`).
    pub(super) leads_elsewhere: bool,
    /// It is in a network namespace that is not the agent's own.
    pub(super) in_pod: bool,
}

impl Signs {
    pub(super) fn role(&self) -> Role {
        if self.is_loopback {
            return Role::Loopback;
        }
        if matches!(self.port_kind.as_deref(), Some("bond" | "team")) {
            return Role::Member;
        }
        if self.name.starts_with(OVN_MANAGEMENT) {
            return Role::Management;
        }
        match self.kind.as_deref() {
            // A card without a kind is a virtual function, or a whole one, that the pod was given.
            None if self.in_pod && self.device == libc::ARPHRD_ETHER => Role::Pod,
            Some("veth" | "netkit" | "macvlan" | "macvtap" | "ipvlan" | "ipvtap")
                if self.in_pod && self.leads_elsewhere =>
            {
                Role::Pod
            }
            Some("veth" | "netkit") if self.leads_elsewhere => Role::PodPort,
            Some("tun") if self.device == libc::ARPHRD_ETHER => Role::PodPort,
            // A card's virtual function has no kind.
            Some("bond" | "team") => Role::Uplink,
            None if self.device == libc::ARPHRD_ETHER => Role::Uplink,
            Some(
                "geneve" | "vxlan" | "gre" | "gretap" | "ip6gre" | "ip6gretap" | "erspan" | "ip6erspan"
                | "ipip" | "ip6tnl" | "sit" | "vti" | "vti6" | "xfrm" | "wireguard" | "tun" | "bareudp"
                | "gtp",
            ) => Role::Tunnel,
            Some("vlan" | "macvlan" | "macvtap" | "ipvlan" | "ipvtap" | "macsec" | "vrf") => Role::Upper,
            // Internal ports of Open vSwitch: `br-ex`, `br-int`.
            Some("bridge" | "openvswitch") => Role::Bridge,
            _ => Role::Host,
        }
    }
}

impl Signs {
    /// The switch that it is a port of, by the index of its master. What other masters do is known. A process that holds a TAP device
    /// may be the switch of all of them.
    pub(super) fn switch(&self, master: Option<u32>) -> Option<u32> {
        match self.port_kind.as_deref() {
            Some("bond" | "team" | "vrf") => None,
            _ => master.or_else(|| (self.kind.as_deref() == Some("tun")).then_some(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card() -> Signs {
        Signs { name: "if0".to_owned(), device: libc::ARPHRD_ETHER, ..Signs::default() }
    }

    fn of(kind: &str) -> Signs {
        Signs { kind: Some(kind.to_owned()), ..card() }
    }

    fn port_of(kind: &str, signs: Signs) -> Signs {
        Signs { port_kind: Some(kind.to_owned()), ..signs }
    }

    #[test]
    fn what_leads_out_of_a_pod_is_its_own_interface() {
        let in_pod = |signs: Signs| Signs { in_pod: true, ..signs };
        let out = |kind: &str| Signs { leads_elsewhere: true, ..in_pod(of(kind)) };
        for (signs, role) in [
            (out("veth"), Role::Pod),
            (out("macvlan"), Role::Pod),
            (out("ipvlan"), Role::Pod),
            (in_pod(card()), Role::Pod),
            // Both ends are in the pod, or the card that it lies upon is.
            (in_pod(of("veth")), Role::Host),
            (in_pod(of("macvlan")), Role::Upper),
            (in_pod(of("bridge")), Role::Bridge),
            (in_pod(of("geneve")), Role::Tunnel),
        ] {
            assert_eq!(signs.role(), role, "{signs:?}");
        }
    }

    #[test]
    fn a_port_has_a_switch_and_a_member_has_none() {
        for (signs, master, switch) in [
            (port_of("bridge", of("veth")), Some(7), Some(7)),
            (port_of("openvswitch", card()), Some(7), Some(7)),
            (port_of("unknown", card()), Some(7), Some(7)),
            (port_of("bond", card()), Some(7), None),
            (port_of("vrf", card()), Some(7), None),
            (of("veth"), None, None),
            (of("tun"), None, Some(0)),
            (port_of("bridge", of("tun")), Some(7), Some(7)),
        ] {
            assert_eq!(signs.switch(master), switch, "{signs:?}");
        }
    }

    #[test]
    fn each_kind_has_its_role() {
        for (signs, role) in [
            (card(), Role::Uplink),
            (port_of("openvswitch", card()), Role::Uplink),
            (port_of("bond", card()), Role::Member),
            (of("bond"), Role::Uplink),
            (of("vlan"), Role::Upper),
            (of("veth"), Role::Host),
            (Signs { leads_elsewhere: true, ..of("veth") }, Role::PodPort),
            (port_of("openvswitch", Signs { leads_elsewhere: true, ..of("veth") }), Role::PodPort),
            // A VLAN interface that was moved away from the card that it lies upon.
            (Signs { leads_elsewhere: true, ..of("vlan") }, Role::Upper),
            (of("tun"), Role::PodPort),
            (Signs { device: libc::ARPHRD_NONE, ..of("tun") }, Role::Tunnel),
            (of("geneve"), Role::Tunnel),
            (of("bridge"), Role::Bridge),
            (of("openvswitch"), Role::Bridge),
            (Signs { name: "ovn-k8s-mp0".to_owned(), ..of("openvswitch") }, Role::Management),
            (of("dummy"), Role::Host),
            (Signs { device: libc::ARPHRD_NONE, ..card() }, Role::Host),
            (Signs { is_loopback: true, device: libc::ARPHRD_LOOPBACK, ..card() }, Role::Loopback),
        ] {
            assert_eq!(signs.role(), role, "{signs:?}");
        }
    }
}
