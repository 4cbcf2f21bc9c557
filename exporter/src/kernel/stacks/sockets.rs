//! The sockets of a network namespace that wait for others to begin, asked of the kernel (include/uapi/linux/{inet_diag,sock_diag}.h).
//!
//! TCP sockets that listen, and UDP sockets that are bound and not connected. The kernel looks for the socket that would take a packet
//! from nobody, as it does for packets that arrive. So its own rules say which socket serves an address, and the answer takes
//! the same time however many sockets there are, of all namespaces: a list of them goes through the tables of the whole machine.
//!
//! A UDP client's socket looks like a server's; so those at ports that the kernel gives to clients do not count.

use std::fs;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

use abi::protocol::{TCP, UDP};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use crate::kernel::netlink::{NetlinkError, Request, Socket};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `struct inet_diag_req_v2`: family, protocol, attributes, padding, states, and the identity of a socket.
const REQUEST: usize = 56;
/// In the identity: this end's and the other's port and address, the interface, a cookie.
const PORTS: [usize; 2] = [8, 10];
const ADDRESSES: [usize; 2] = [12, 28];
const INTERFACE: usize = 44;
/// `INET_DIAG_NOCOOKIE`, twice: any socket.
const COOKIE: usize = 48;
/// Of an answer, `struct inet_diag_msg`.
const STATE: usize = 1;
/// States of sockets (include/net/tcp_states.h). An unconnected UDP socket is closed.
const TCP_CLOSE: u8 = 7;
const TCP_LISTEN: u8 = 10;

const CLIENT_PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// What Linux begins with (ip(7)).
const USUAL_CLIENT_PORTS: RangeInclusive<u16> = 32_768..=60_999;

/// Asks for sockets of the network namespace that the opening thread is in.
pub struct Sockets {
    socket: Socket,
    /// The ports that the kernel gives to sockets that ask for none.
    client_ports: RangeInclusive<u16>,
}

/// An end of a flow at which a socket may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    /// IP protocol number.
    pub(super) protocol: u8,
    /// Address; IPv4 as `::ffff:a.b.c.d`.
    pub(super) address: Ipv6Addr,
    /// Port.
    pub(super) port: u16,
}

/// Why it is not known who listens.
#[derive(Debug, thiserror::Error)]
#[error("cannot ask for {what}: {source}")]
pub struct SocketsError {
    what: &'static str,
    source: NetlinkError,
}

impl SocketsError {
    /// What helps.
    pub const REMEDY: &str =
        "allow NETLINK_SOCK_DIAG in the seccomp profile, and load the kernel modules tcp_diag and udp_diag";

    fn of(protocol: u8, source: NetlinkError) -> Self {
        Self { what: if protocol == TCP { "listening TCP sockets" } else { "bound UDP sockets" }, source }
    }

    /// A kernel without an answer.
    #[cfg(test)]
    pub(crate) fn unsupported() -> Self {
        Self::of(UDP, std::io::Error::from(std::io::ErrorKind::Unsupported).into())
    }
}

impl Sockets {
    /// # Errors
    /// Where the socket that asks cannot be had.
    pub fn open() -> Result<Self, SocketsError> {
        let socket = Socket::open(NETLINK_SOCK_DIAG)
            .map_err(|source| SocketsError { what: "listening sockets", source })?;
        Ok(Self { socket, client_ports: client_ports() })
    }

    /// Whether the kernel answers. It has the same answer for a socket that is not there and a protocol that it does not tell of, but
    /// not for lists; this one is empty, because no socket is in no state.
    ///
    /// # Errors
    /// What it does not tell.
    pub fn probe(&mut self) -> Result<(), SocketsError> {
        for protocol in [TCP, UDP] {
            let mut body = [0; REQUEST];
            (body[0], body[1]) = (family(libc::AF_INET), protocol);
            let list = self.socket.dump(&Request::new(SOCK_DIAG_BY_FAMILY, 0, &body), |_, _| None::<()>);
            list.map_err(|source| SocketsError::of(protocol, source))?;
        }
        Ok(())
    }

    /// See [`Socket::rest`].
    pub(super) fn rest(&mut self) {
        self.socket.rest();
    }

    /// Whether a socket waits at this end. One that is bound to an interface does if the packets come in there; 0 is none.
    ///
    /// # Errors
    /// Where the kernel does not answer.
    pub(super) fn wait_at(&mut self, end: End, interface: u32) -> Result<bool, SocketsError> {
        if end.protocol == UDP && self.client_ports.contains(&end.port) {
            return Ok(false);
        }
        let state = if end.protocol == TCP { TCP_LISTEN } else { TCP_CLOSE };
        let take = |kind, body: &[u8]| {
            (kind == SOCK_DIAG_BY_FAMILY && body.get(STATE) == Some(&state)).then_some(())
        };
        match self.socket.ask(request(end, interface), take) {
            Ok(found) => Ok(found.is_some()),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(false),
            Err(error) => Err(SocketsError::of(end.protocol, error)),
        }
    }
}

/// The socket that takes a packet from nobody, or rather from port 0 of the unspecified address.
fn request(end: End, interface: u32) -> Request {
    // Of UDP the other end comes first, "for historical reasons" (net/ipv4/udp_diag.c).
    let place = usize::from(end.protocol == UDP);
    let (port, address) = (PORTS[place], ADDRESSES[place]);
    let mut body = [0; REQUEST];
    body[1] = end.protocol;
    body[port..port + 2].copy_from_slice(&end.port.to_be_bytes());
    if let Some(v4) = end.address.to_ipv4_mapped() {
        body[0] = family(libc::AF_INET);
        body[address..address + 4].copy_from_slice(&v4.octets());
    } else {
        body[0] = family(libc::AF_INET6);
        body[address..address + 16].copy_from_slice(&end.address.octets());
    }
    body[INTERFACE..INTERFACE + 4].copy_from_slice(&interface.to_ne_bytes());
    body[COOKIE..].fill(0xff);
    Request::new(SOCK_DIAG_BY_FAMILY, 0, &body)
}

/// `AF_INET` and `AF_INET6` are 2 and 10.
fn family(family: i32) -> u8 {
    family.to_le_bytes()[0]
}

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

    use super::*;

    const NOWHERE: u32 = 0;

    fn wait_at(protocol: u8, address: &str, port: u16) -> bool {
        let end = End { protocol, address: address.parse().unwrap(), port };
        Sockets::open().unwrap().wait_at(end, NOWHERE).unwrap()
    }

    #[test]
    fn the_kernel_answers() {
        Sockets::open().unwrap().probe().unwrap();
    }

    #[test]
    fn a_tcp_listener_waits_at_its_address_and_its_connections_do_not() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert!(wait_at(TCP, "::ffff:127.0.0.1", port));
        assert!(!wait_at(TCP, "::ffff:127.0.0.2", port));
        assert!(!wait_at(UDP, "::ffff:127.0.0.1", port));
        let client = connection.local_addr().unwrap().port();
        assert!(!wait_at(TCP, "::ffff:127.0.0.1", client));
    }

    #[test]
    fn an_unbound_listener_waits_at_the_addresses_of_its_versions() {
        let v4 = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = v4.local_addr().unwrap().port();
        assert!(wait_at(TCP, "::ffff:127.0.0.1", port));
        assert!(!wait_at(TCP, "::1", port));
        // The standard library leaves IPV6_V6ONLY as the kernel has it: off.
        let both = TcpListener::bind("[::]:0").unwrap();
        let port = both.local_addr().unwrap().port();
        assert!(wait_at(TCP, "::ffff:127.0.0.1", port) && wait_at(TCP, "::1", port));
    }

    #[test]
    fn a_bound_udp_socket_waits_if_it_is_not_connected_or_at_a_clients_port() {
        let mut sockets = Sockets::open().unwrap();
        let bound = UdpSocket::bind("127.0.0.1:0").unwrap();
        let end = End {
            protocol: UDP,
            address: "::ffff:127.0.0.1".parse().unwrap(),
            port: bound.local_addr().unwrap().port(),
        };
        sockets.client_ports = 1..=1;
        assert!(sockets.wait_at(end, NOWHERE).unwrap());
        sockets.client_ports = end.port..=end.port;
        assert!(!sockets.wait_at(end, NOWHERE).unwrap());
        sockets.client_ports = 1..=1;
        bound.connect("127.0.0.1:9").unwrap();
        assert!(!sockets.wait_at(end, NOWHERE).unwrap());
    }

    #[test]
    fn the_ports_of_clients_are_those_of_the_kernel() {
        assert_eq!(range("32768\t60999\n"), Some(32_768..=60_999));
        assert_eq!(range("32768"), None);
        assert!(!client_ports().is_empty());
    }
}
