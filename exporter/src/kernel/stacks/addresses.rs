//! The addresses of a network namespace (include/uapi/linux/{rtnetlink,if_addr}.h): listed once, and again after they changed.

use std::net::{Ipv4Addr, Ipv6Addr};

use netlink_sys::protocols::NETLINK_ROUTE;

use crate::kernel::netlink::{Drained, NetlinkError, Request, Socket, attributes, number};

const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// `struct ifaddrmsg`.
const MESSAGE: usize = 8;
/// Bytes of events that wait: that there were some says enough.
const EVENTS: usize = 4 << 10;
/// A list that events disturb is asked for again this often.
const LISTS: usize = 4;

/// Follows the addresses of the network namespace that the opening thread is in.
pub(super) struct Addresses {
    socket: Socket,
    /// What was listed last, if anything was, is not what is there.
    stale: bool,
}

impl Addresses {
    pub(super) fn open() -> Result<Self, NetlinkError> {
        let socket = Socket::open(NETLINK_ROUTE)?;
        for group in [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] {
            socket.subscribe(group, EVENTS)?;
        }
        Ok(Self { socket, stale: true })
    }

    /// All addresses, if they may have changed since they were listed. Never waits if they have not. If they change faster than they
    /// can be listed, the next call tells them.
    pub(super) fn changed(&mut self) -> Result<Option<Vec<Ipv6Addr>>, NetlinkError> {
        let mut list = None;
        for _ in 0..LISTS {
            let drained = self.socket.drain(|_, _| self.stale = true);
            self.stale |= drained? == Drained::Overrun;
            if !self.stale {
                break;
            }
            match self.list() {
                Ok(addresses) => {
                    list = Some(addresses);
                    self.stale = false;
                }
                // An event found no room beside the list.
                Err(error) if error.errno() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
        self.socket.rest();
        Ok(list)
    }

    fn list(&mut self) -> Result<Vec<Ipv6Addr>, NetlinkError> {
        let request = Request::new(RTM_GETADDR, 0, &[0; MESSAGE]);
        self.socket.dump(&request, |kind, body| (kind == RTM_NEWADDR).then(|| local(body)).flatten())
    }
}

/// The address of this end: of a point-to-point interface, `IFA_ADDRESS` is the other end's.
pub(super) fn local(body: &[u8]) -> Option<Ipv6Addr> {
    let of = |kind| attributes(body.get(MESSAGE..)?).find(|attribute| attribute.kind() == kind);
    let attribute = of(IFA_LOCAL).or_else(|| of(IFA_ADDRESS))?;
    match attribute.value().len() {
        4 => Some(Ipv4Addr::from(number::<4>(attribute.value(), 0)?).to_ipv6_mapped()),
        _ => Some(Ipv6Addr::from(number::<16>(attribute.value(), 0)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_listed_once_as_long_as_they_stay() {
        let mut addresses = Addresses::open().unwrap();
        let list = addresses.changed().unwrap().unwrap();
        assert!(list.contains(&"::ffff:127.0.0.1".parse().unwrap()), "{list:?}");
    }

    #[test]
    fn of_a_point_to_point_interface_the_own_address_counts() {
        let message = |attributes: &[(u16, &[u8])]| {
            let mut body = vec![0; MESSAGE];
            for (kind, value) in attributes {
                body.extend_from_slice(&(4 + u16::try_from(value.len()).unwrap()).to_ne_bytes());
                body.extend_from_slice(&kind.to_ne_bytes());
                body.extend_from_slice(value);
            }
            body
        };
        let (own, other): (&[u8], &[u8]) = (&[10, 0, 0, 1], &[10, 0, 0, 2]);
        let expected = Some("::ffff:10.0.0.1".parse().unwrap());
        assert_eq!(local(&message(&[(IFA_ADDRESS, other), (IFA_LOCAL, own)])), expected);
        assert_eq!(local(&message(&[(IFA_ADDRESS, own)])), expected);
        assert_eq!(local(&message(&[(IFA_ADDRESS, &[1; 16])])), Some(Ipv6Addr::from([1; 16])));
        assert_eq!(local(&message(&[(IFA_ADDRESS, &[1])])), None);
        assert_eq!(local(&[0; 3]), None);
    }
}
