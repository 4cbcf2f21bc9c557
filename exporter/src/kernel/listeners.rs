//! The sockets of a network namespace that listen, asked of the kernel (include/uapi/linux/{inet_diag,sock_diag,if_addr}.h).
//!
//! TCP sockets that listen, and UDP sockets that are bound and not connected. A UDP client's socket looks like a server's; so those
//! at ports that the kernel gives to clients do not count.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use abi::protocol;
use netlink_sys::protocols::{NETLINK_ROUTE, NETLINK_SOCK_DIAG};
use smallvec::{SmallVec, smallvec};

use crate::flow::{Listener, Listeners};
use crate::kernel::netlink::{NetlinkError, Request, Socket, attributes, number};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `struct inet_diag_req_v2`: family, protocol, attributes, padding, states, and the identity of a socket.
const DIAG_REQUEST: usize = 56;
/// `struct inet_diag_msg`: attributes follow.
const DIAG_MESSAGE: usize = 72;
const DIAG_PORT: usize = 4;
const DIAG_ADDRESS: usize = 8;
const INET_DIAG_SKV6ONLY: u16 = 11;
/// States of sockets (include/net/tcp_states.h). An unconnected UDP socket is closed.
const TCP_CLOSE: u32 = 7;
const TCP_LISTEN: u32 = 10;

const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// `struct ifaddrmsg`.
const ADDRESS_MESSAGE: usize = 8;

const CLIENT_PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// What Linux begins with (ip(7)).
const USUAL_CLIENT_PORTS: RangeInclusive<u16> = 32_768..=60_999;

/// Asks for the listening sockets of the network namespace that the opening thread is in.
pub struct ListeningSockets {
    scope: u32,
    /// Sockets and addresses that a list has.
    most: usize,
    sockets: Socket,
    addresses: Socket,
}

/// Why it is not known who listens.
#[derive(Debug, thiserror::Error)]
#[error("cannot list {what}: {source}")]
pub struct ListenersError {
    what: &'static str,
    source: NetlinkError,
}

impl ListenersError {
    /// What helps.
    pub const REMEDY: &str =
        "allow NETLINK_SOCK_DIAG in the seccomp profile, and load the kernel modules tcp_diag and udp_diag";

    /// A kernel without an answer.
    #[cfg(test)]
    pub(crate) fn unsupported() -> Self {
        Self {
            what: "bound UDP sockets",
            source: std::io::Error::from(std::io::ErrorKind::Unsupported).into(),
        }
    }
}

impl ListeningSockets {
    /// `scope` is the number of the namespace; a list has at most so many sockets and addresses.
    ///
    /// # Errors
    /// Where the sockets that ask cannot be had.
    pub fn open(scope: u32, most: usize) -> Result<Self, ListenersError> {
        let open =
            |protocol, what| Socket::open(protocol).map_err(|error| ListenersError { what, source: error });
        Ok(Self {
            scope,
            most,
            sockets: open(NETLINK_SOCK_DIAG, "listening sockets")?,
            addresses: open(NETLINK_ROUTE, "addresses")?,
        })
    }

    /// Who listens now, as far as the kernel tells, and the first thing that it does not.
    pub fn list(&mut self) -> (Listeners, Result<(), ListenersError>) {
        let mut listeners = Listeners::of(self.scope, self.most);
        let mut result = self.list_addresses(&mut listeners);
        let clients = client_ports();
        for (protocol, state, what) in [
            (protocol::TCP, TCP_LISTEN, "listening TCP sockets"),
            (protocol::UDP, TCP_CLOSE, "bound UDP sockets"),
        ] {
            for family in [libc::AF_INET, libc::AF_INET6] {
                let is_server = |port| protocol == protocol::TCP || !clients.contains(&port);
                let take = |kind, body: &[u8]| {
                    let found = (kind == SOCK_DIAG_BY_FAMILY).then(|| socket(body, protocol)).flatten();
                    for listener in found.into_iter().flatten().filter(|found| is_server(found.port)) {
                        listeners.add(listener);
                    }
                    None::<()>
                };
                let listed = self
                    .sockets
                    .dump(&request(family, protocol, state), take)
                    .map(drop)
                    .map_err(|source| ListenersError { what, source });
                result = result.and(listed);
            }
        }
        (listeners, result)
    }

    fn list_addresses(&mut self, listeners: &mut Listeners) -> Result<(), ListenersError> {
        let request = Request::new(RTM_GETADDR, 0, &[0; ADDRESS_MESSAGE]);
        self.addresses
            .dump(&request, |kind, body| (kind == RTM_NEWADDR).then(|| local_address(body)).flatten())
            .map(|addresses| addresses.into_iter().for_each(|address| listeners.add_local(address)))
            .map_err(|source| ListenersError { what: "addresses", source })
    }
}

/// All sockets of a version of IP and a protocol that are in a state.
fn request(family: i32, protocol: u8, state: u32) -> Request {
    let mut body = [0; DIAG_REQUEST];
    // AF_INET and AF_INET6 are 2 and 10.
    body[0] = family.to_le_bytes()[0];
    body[1] = protocol;
    body[4..8].copy_from_slice(&(1_u32 << state).to_ne_bytes());
    Request::new(SOCK_DIAG_BY_FAMILY, 0, &body)
}

/// Where a socket listens: one that serves both versions of IP listens twice.
pub(super) fn socket(body: &[u8], protocol: u8) -> Option<SmallVec<[Listener; 2]>> {
    let family = i32::from(*body.first()?);
    let port = u16::from_be_bytes(number(body, DIAG_PORT)?);
    let at = |address| Listener { protocol, address, port };
    if family == libc::AF_INET {
        let address = Ipv4Addr::from(number::<4>(body, DIAG_ADDRESS)?);
        return Some(smallvec![at(address.to_ipv6_mapped())]);
    }
    let address = Ipv6Addr::from(number::<16>(body, DIAG_ADDRESS)?);
    let is_v6_only = || {
        attributes(body.get(DIAG_MESSAGE..).unwrap_or_default())
            .any(|attribute| attribute.kind() == INET_DIAG_SKV6ONLY && attribute.value().first() == Some(&1))
    };
    let serves_v4 = address.is_unspecified() && !is_v6_only();
    let v4 = serves_v4.then(|| at(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()));
    Some([at(address)].into_iter().chain(v4).collect())
}

/// The address of this end: of a point-to-point interface, `IFA_ADDRESS` is the other end's.
pub(super) fn local_address(body: &[u8]) -> Option<Ipv6Addr> {
    let of = |kind| attributes(body.get(ADDRESS_MESSAGE..)?).find(|attribute| attribute.kind() == kind);
    let attribute = of(IFA_LOCAL).or_else(|| of(IFA_ADDRESS))?;
    match attribute.value().len() {
        4 => Some(Ipv4Addr::from(number::<4>(attribute.value(), 0)?).to_ipv6_mapped()),
        _ => Some(Ipv6Addr::from(number::<16>(attribute.value(), 0)?)),
    }
}

/// The ports that the kernel gives to sockets that ask for none.
fn client_ports() -> RangeInclusive<u16> {
    fs::read_to_string(CLIENT_PORTS).ok().as_deref().and_then(range).unwrap_or(USUAL_CLIENT_PORTS)
}

pub(super) fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut bounds = text.split_whitespace().map(str::parse);
    match (bounds.next(), bounds.next()) {
        (Some(Ok(first)), Some(Ok(last))) => Some(first..=last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use abi::protocol::{TCP, UDP};

    use super::*;

    fn list() -> Listeners {
        let (listeners, result) = ListeningSockets::open(0, usize::MAX).unwrap().list();
        result.unwrap();
        listeners
    }

    fn has(listeners: &Listeners, protocol: u8, address: &str, port: u16) -> bool {
        listeners.have(Listener { protocol, address: address.parse().unwrap(), port })
    }

    #[test]
    fn a_tcp_listener_is_listed_and_its_connections_are_not() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let listeners = list();
        let port = socket.local_addr().unwrap().port();
        assert!(has(&listeners, TCP, "::ffff:127.0.0.1", port));
        assert!(!has(&listeners, TCP, "::ffff:127.0.0.2", port));
        assert!(!has(&listeners, UDP, "::ffff:127.0.0.1", port));
        let client = connection.local_addr().unwrap().port();
        assert!(!has(&listeners, TCP, "::ffff:127.0.0.1", client));
    }

    #[test]
    fn an_unbound_listener_serves_the_addresses_of_this_namespace() {
        let socket = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let listeners = list();
        assert!(has(&listeners, TCP, "::ffff:127.0.0.1", port));
        assert!(!has(&listeners, TCP, "::ffff:192.0.2.1", port));
    }

    /// A message about a socket at `::` and port 80, with `INET_DIAG_SKV6ONLY`.
    fn unbound(v6_only: u8) -> Vec<u8> {
        let mut body = [0; DIAG_MESSAGE];
        body[0] = libc::AF_INET6.to_le_bytes()[0];
        body[DIAG_PORT..DIAG_PORT + 2].copy_from_slice(&80_u16.to_be_bytes());
        Request::new(0, 0, &body).attribute(INET_DIAG_SKV6ONLY, &[v6_only]).finish(0, 0).split_off(16)
    }

    #[test]
    fn a_listener_of_ipv6_serves_ipv4_unless_it_is_told_not_to() {
        let at = |address: &str| Listener { protocol: TCP, address: address.parse().unwrap(), port: 80 };
        assert_eq!(socket(&unbound(0), TCP), Some(smallvec![at("::"), at("::ffff:0.0.0.0")]));
        assert_eq!(socket(&unbound(1), TCP), Some(smallvec![at("::")]));
        // As the kernel says it; not where IPv6 is off.
        if let Ok(both) = TcpListener::bind("[::]:0") {
            let port = both.local_addr().unwrap().port();
            assert!(has(&list(), TCP, "::ffff:127.0.0.1", port));
        }
    }

    #[test]
    fn a_bound_udp_socket_is_listed_unless_the_kernel_chose_its_port() {
        let chosen = UdpSocket::bind("127.0.0.1:0").unwrap();
        let clients = client_ports();
        let (bound, port) = (1024..=u16::MAX)
            .filter(|port| !clients.contains(port))
            .find_map(|port| Some((UdpSocket::bind(("127.0.0.1", port)).ok()?, port)))
            .expect("a port that the kernel gives to nobody");
        let listeners = list();
        assert!(has(&listeners, UDP, "::ffff:127.0.0.1", port));
        assert!(!has(&listeners, UDP, "::ffff:127.0.0.1", chosen.local_addr().unwrap().port()));
        bound.connect(chosen.local_addr().unwrap()).unwrap();
        assert!(!has(&list(), UDP, "::ffff:127.0.0.1", port), "a connected one has one partner");
    }

    #[test]
    fn the_other_end_of_a_point_to_point_interface_is_not_local() {
        let message = |attributes: &[(u16, [u8; 4])]| {
            let mut request = Request::new(RTM_NEWADDR, 0, &[0; ADDRESS_MESSAGE]);
            for (kind, value) in attributes {
                request = request.attribute(*kind, value);
            }
            request.finish(0, 0).split_off(16)
        };
        let local = |attributes: &[(u16, [u8; 4])]| local_address(&message(attributes));
        let address = |text: &str| Some(text.parse::<Ipv6Addr>().unwrap());
        let both = [(IFA_ADDRESS, [10, 0, 0, 2]), (IFA_LOCAL, [10, 0, 0, 1])];
        assert_eq!(local(&both), address("::ffff:10.0.0.1"));
        assert_eq!(local(&both[..1]), address("::ffff:10.0.0.2"));
        assert_eq!(local(&[]), None);
    }

    #[test]
    fn a_message_that_ends_early_is_no_socket() {
        let whole = [2_u8; DIAG_MESSAGE];
        assert!(socket(&whole, TCP).is_some());
        for length in 0..DIAG_ADDRESS + 4 {
            assert_eq!(socket(&whole[..length], TCP), None, "{length}");
        }
    }

    #[test]
    fn the_range_of_client_ports_is_read() {
        assert_eq!(range("32768\t60999\n"), Some(32_768..=60_999));
        for broken in ["", "32768", "a b", "1 70000"] {
            assert_eq!(range(broken), None, "{broken}");
        }
    }
}
