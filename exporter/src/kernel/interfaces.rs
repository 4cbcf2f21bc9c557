//! The interfaces of a network namespace, as they come, go and change (include/uapi/linux/rtnetlink.h).

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use packet::Link;

use crate::flow::Role;
use crate::kernel::netlink::{Drained, NetlinkError, Request, Socket, attributes, number, text};
use crate::kernel::nsid::nsid;
use crate::kernel::role::Signs;
use crate::kernel::way::{self, Way};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTNLGRP_LINK: u32 = 1;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_EXT_MASK: u16 = 29;
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;
const IFF_LOWER_UP: u32 = 1 << 16;
/// `struct ifinfomsg`.
const HEADER: usize = 16;

/// Bytes of events that wait while hooks are attached: some thousand changes.
const EVENTS: usize = 8 << 20;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Index, unique within the namespace at a time.
    pub ifindex: u32,
    /// Name, which may change.
    pub name: Box<str>,
    /// Type of the device (`ARPHRD_*`, `include/uapi/linux/if_arp.h`).
    pub device: u16,
    /// Packets of this machine to itself.
    pub is_loopback: bool,
    /// Switched on.
    pub is_up: bool,
    /// Link-layer address, as long as the device's are; none is empty.
    pub address: Box<[u8]>,
    /// What it is to the machine.
    pub role: Role,
    /// Index of the switch that it is a port of; 0 if a process may be one.
    pub(crate) switch: Option<u32>,
    /// The other end, if it is one of a pair and that end is in another network namespace.
    pub(super) peer: Option<Peer>,
    /// It is one of a pair whose other end is not there: not yet, or not any more.
    pub(super) is_alone: bool,
    /// Where it leads.
    pub(super) way: Way,
}

/// The other end of a pair, in another network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Number of that namespace, as this one counts (`ip netns list-id`).
    pub(super) nsid: i32,
    /// Index there.
    pub(super) ifindex: u32,
}

/// Whose network namespace it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The agent's own: the machine's.
    Own,
    /// Another: a pod's.
    Pod,
}

impl Interface {
    /// How its frames begin, or `None` if the programs cannot read them.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        link(self.device)
    }

    /// The namespace that its other end is in, by its number here, if it is one of a pair and the kernel has numbered it.
    pub(super) fn leads_to(&self) -> Option<i32> {
        self.peer.map(|peer| peer.nsid).filter(|nsid| *nsid >= 0)
    }

    /// Whether it may be the same device as `other`, as far as one can tell from what is seen of both.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        self.ifindex == other.ifindex && self.device == other.device && self.address == other.address
    }
}

const ARPHRD_RAWIP: u16 = 519;
const ARPHRD_IP6GRE: u16 = 823;

/// How the frames of a type of device (`ARPHRD_*`) begin, or `None` if the programs cannot read them.
pub(super) fn link(device: u16) -> Option<Link> {
    match device {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Some(Link::Ethernet),
        libc::ARPHRD_NONE
        | ARPHRD_RAWIP
        | libc::ARPHRD_PPP
        | libc::ARPHRD_TUNNEL
        | libc::ARPHRD_TUNNEL6
        | libc::ARPHRD_SIT
        | libc::ARPHRD_IPGRE
        | ARPHRD_IP6GRE => Some(Link::Ip),
        _ => None,
    }
}

/// What happened to an interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// It is there, new or changed.
    Present(Interface),
    /// The interface of this index left: deleted, or moved to another namespace.
    Gone(u32),
}

/// Follows the interfaces of the network namespace that the opening thread is in.
#[derive(Debug)]
pub(super) struct Watch {
    events: Socket,
    requests: Socket,
    whose: Whose,
}

impl Watch {
    /// From here on no change is missed.
    pub(super) fn open(whose: Whose) -> Result<Self, NetlinkError> {
        let events = Socket::open(NETLINK_ROUTE)?;
        events.subscribe(RTNLGRP_LINK, EVENTS)?;
        Ok(Self { events, requests: Socket::open(NETLINK_ROUTE)?, whose })
    }

    /// All interfaces there are.
    pub(super) fn list(&mut self) -> Result<BTreeMap<u32, Interface>, NetlinkError> {
        let request =
            Request::new(RTM_GETLINK, 0, &[0; HEADER]).number(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        let whose = self.whose;
        let list = self.requests.dump(&request, |kind, body| match event(kind, body, whose)? {
            Event::Present(interface) => Some((interface.ifindex, interface)),
            Event::Gone(_) => None,
        })?;
        Ok(list.into_iter().collect())
    }

    /// The number that the namespace has for another one; `None` if it has none.
    pub(super) fn nsid(&mut self, of: BorrowedFd<'_>) -> Result<Option<i32>, NetlinkError> {
        nsid(&mut self.requests, of)
    }

    /// Gives memory back until it is next used.
    pub(super) fn rest(&mut self) {
        self.events.rest();
        self.requests.rest();
    }

    /// Gives the events since the last call to `take`; never waits.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Event)) -> Result<Drained, NetlinkError> {
        let whose = self.whose;
        self.events.drain(|kind, body| {
            if let Some(event) = event(kind, body, whose) {
                take(event);
            }
        })
    }
}

/// Readable when there are events.
impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// A bridge reports its ports in this group as well, with its own address family: a port that leaves the bridge looks as
/// deleted as an interface that is.
pub(super) fn event(kind: u16, body: &[u8], whose: Whose) -> Option<Event> {
    let [family] = number(body, 0)?;
    let device = u16::from_ne_bytes(number(body, 2)?);
    let ifindex = u32::from_ne_bytes(number(body, 4)?);
    let flags = u32::from_ne_bytes(number(body, 8)?);
    if i32::from(family) != libc::AF_UNSPEC || !matches!(kind, RTM_NEWLINK | RTM_DELLINK) {
        return None;
    }
    if kind == RTM_DELLINK {
        return Some(Event::Gone(ifindex));
    }
    let is_loopback = flags & IFF_LOOPBACK != 0;
    let mut signs = Signs { device, is_loopback, in_pod: whose == Whose::Pod, ..Signs::default() };
    let (mut name, mut address) = (None, Box::default());
    let (mut link, mut nsid, mut master) = (None, None, None);
    for attribute in attributes(body.get(HEADER..)?) {
        match attribute.kind() {
            IFLA_IFNAME => name = Some(text(attribute.value())),
            IFLA_ADDRESS => address = attribute.value().into(),
            IFLA_LINK => link = number(attribute.value(), 0).map(u32::from_ne_bytes),
            IFLA_MASTER => master = number(attribute.value(), 0).map(u32::from_ne_bytes),
            IFLA_LINK_NETNSID => {
                signs.leads_elsewhere = true;
                nsid = number(attribute.value(), 0).map(i32::from_ne_bytes);
            }
            IFLA_LINKINFO => link_info(attribute.value(), &mut signs),
            _ => {}
        }
    }
    signs.name = name?;
    let is_pair = matches!(signs.kind.as_deref(), Some("veth" | "netkit"));
    let peer = is_pair.then_some(()).and_then(|()| Some(Peer { nsid: nsid?, ifindex: link? }));
    let is_up = flags & IFF_UP != 0;
    let way = signs.way(way::Link { is_up, has_carrier: flags & IFF_LOWER_UP != 0, nsid });
    Some(Event::Present(Interface {
        ifindex,
        role: signs.role(),
        switch: signs.switch(master),
        name: signs.name.into(),
        device,
        is_loopback,
        is_up,
        address,
        peer,
        is_alone: is_pair && link == Some(0),
        way,
    }))
}

fn link_info(info: &[u8], signs: &mut Signs) {
    for attribute in attributes(info) {
        match attribute.kind() {
            IFLA_INFO_KIND => signs.kind = Some(text(attribute.value())),
            IFLA_INFO_SLAVE_KIND => signs.port_kind = Some(text(attribute.value())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(family: u8, device: u16, ifindex: u32, flags: u32) -> Vec<u8> {
        message_of(family, device, ifindex, flags, 9)
    }

    fn message_of(family: u8, device: u16, ifindex: u32, flags: u32, link: u32) -> Vec<u8> {
        let mut body = vec![family, 0];
        body.extend(device.to_ne_bytes());
        body.extend(ifindex.to_ne_bytes());
        body.extend(flags.to_ne_bytes());
        body.extend([0; 4]);
        let request = Request::new(RTM_NEWLINK, 0, &body)
            .attribute(IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1])
            .text(IFLA_IFNAME, "veth0")
            .number(IFLA_LINK, link)
            .number(IFLA_MASTER, 5)
            .number(IFLA_LINK_NETNSID, 0)
            .nested(IFLA_LINKINFO, |info| info.text(IFLA_INFO_KIND, "veth"));
        request.finish(0, 0)[16..].to_vec()
    }

    #[test]
    fn an_interface_is_read_from_its_message() {
        let body = message(0, libc::ARPHRD_ETHER, 7, IFF_UP | IFF_LOWER_UP);
        let Some(Event::Present(interface)) = event(RTM_NEWLINK, &body, Whose::Own) else {
            panic!("no interface")
        };
        assert_eq!((interface.ifindex, &*interface.name), (7, "veth0"));
        assert!(interface.is_up && !interface.is_loopback);
        assert_eq!(interface.link(), Some(Link::Ethernet));
        assert_eq!(&*interface.address, [2, 0, 0, 0, 0, 1]);
        assert_eq!((interface.role, interface.peer), (Role::PodPort, Some(Peer { nsid: 0, ifindex: 9 })));
        assert_eq!((interface.way, interface.switch), (Way::Into(0), Some(5)));
        assert_eq!(interface.leads_to(), Some(0));
        assert_eq!(event(RTM_DELLINK, &body, Whose::Own), Some(Event::Gone(7)));
    }

    #[test]
    fn a_pair_that_is_being_deleted_has_one_end() {
        for (link, is_alone) in [(0, true), (9, false)] {
            let body = message_of(0, libc::ARPHRD_ETHER, 7, 0, link);
            let Some(Event::Present(interface)) = event(RTM_NEWLINK, &body, Whose::Own) else {
                panic!("no interface")
            };
            assert_eq!(interface.is_alone, is_alone);
        }
    }

    #[test]
    fn a_port_that_leaves_its_bridge_is_still_there() {
        let af_bridge = u8::try_from(libc::AF_BRIDGE).unwrap();
        assert_eq!(event(RTM_DELLINK, &message(af_bridge, libc::ARPHRD_ETHER, 7, 0), Whose::Own), None);
    }

    #[test]
    fn devices_without_a_link_layer_carry_ip() {
        for (device, link) in [
            (1, Some(Link::Ethernet)),
            (772, Some(Link::Ethernet)),
            (65534, Some(Link::Ip)),
            (519, Some(Link::Ip)),
            (512, Some(Link::Ip)), // PPP
            (768, Some(Link::Ip)), // IP in IP
            (769, Some(Link::Ip)), // IPv6 in IPv6
            (776, Some(Link::Ip)), // SIT
            (778, Some(Link::Ip)), // GRE over IPv4
            (823, Some(Link::Ip)), // GRE over IPv6
            (280, None),           // CAN
            (32, None),            // InfiniBand
        ] {
            let Some(Event::Present(interface)) = event(RTM_NEWLINK, &message(0, device, 1, 0), Whose::Own)
            else {
                panic!("none")
            };
            assert_eq!(interface.link(), link, "{device}");
        }
    }

    #[test]
    fn broken_messages_are_no_event() {
        assert_eq!(event(RTM_NEWLINK, &[], Whose::Own), None);
        assert_eq!(event(RTM_NEWLINK, &[0; HEADER], Whose::Own), None);
        assert_eq!(event(RTM_GETLINK, &message(0, 1, 1, 0), Whose::Own), None);
    }
}
