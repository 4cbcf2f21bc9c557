//! Who opened a TCP connection, asked of the kernel's connection tracking (include/uapi/linux/netfilter/nfnetlink_conntrack.h).
//!
//! Its entry names as original the direction of the first packet that it saw. That is the SYN, or else the connection was picked up
//! when it was open already, as where tracking began later, and the first packet may be anybody's. The kernel marks what it picked
//! up: it cannot know the window's scale and is liberal about it. Such an entry says nothing here, and neither does one that was
//! offloaded, which has the same mark.
//!
//! A question is about the zone 0; [`list`](Conntrack::list) gives the entries of all.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};

use abi::protocol::TCP;
use netlink_sys::protocols::NETLINK_NETFILTER;

use crate::flow::Tuple;
use crate::kernel::netlink::{NetlinkError, Request, Socket, attributes, number};

/// `NFNL_SUBSYS_CTNETLINK`, above the type of a message.
const CTNETLINK: u16 = 1 << 8;
const CT_NEW: u16 = CTNETLINK;
const CT_GET: u16 = CTNETLINK | 1;
/// `struct nlattr`.
const ATTRIBUTE: usize = 4;
/// `struct nfgenmsg`.
const MESSAGE: usize = 4;

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_PROTOINFO: u16 = 4;
const CTA_ZONE: u16 = 18;
const CTA_TUPLE_IP: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
/// Of one direction; that of both is `CTA_ZONE`.
const CTA_TUPLE_ZONE: u16 = 3;
const CTA_IP_V4: [u16; 2] = [1, 2];
const CTA_IP_V6: [u16; 2] = [3, 4];
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_PORTS: [u16; 2] = [2, 3];
const CTA_PROTOINFO_TCP: u16 = 1;
const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL: u16 = 4;
/// `IP_CT_TCP_FLAG_BE_LIBERAL` (include/uapi/linux/netfilter/nf_conntrack_tcp.h).
const BE_LIBERAL: u8 = 0x08;

/// Of the namespace of the thread that reads it; there only if connection tracking is loaded.
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// Asks the connection tracking of the network namespace that the opening thread is in.
pub(super) struct Conntrack {
    socket: Socket,
    entries: usize,
}

/// An entry of a TCP connection that was seen opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Of the packets of the side that opened it, as they come.
    pub(super) original: Tuple,
    /// Of those that answer; not the reverse where addresses or ports are translated.
    pub(super) reply: Tuple,
    /// Whether a direction of it is in another zone than the default one.
    pub(super) is_in_zone: bool,
}

/// Connection tracking cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot ask the kernel's connection tracking: {0}")]
pub(super) struct ConntrackError(#[from] NetlinkError);

impl ConntrackError {
    /// What helps.
    pub(super) const REMEDY: &str = "grant CAP_NET_ADMIN, and load the kernel module nf_conntrack_netlink";
}

impl Conntrack {
    /// Of the calling thread's network namespace; `None` if no connection is tracked there. So asking does not have the kernel load
    /// modules.
    ///
    /// # Errors
    /// Where the socket that asks cannot be had.
    pub(super) fn open() -> Result<Option<Self>, ConntrackError> {
        let entries = fs::read_to_string(COUNT).ok().and_then(|count| count.trim().parse().ok());
        match entries {
            None | Some(0) => Ok(None),
            Some(entries) => Ok(Some(Self { socket: Socket::open(NETLINK_NETFILTER)?, entries })),
        }
    }

    /// How many entries there were when it was opened.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// Gives all entries that say who opened a connection to `take`, of all zones.
    ///
    /// # Errors
    /// Where the kernel does not answer.
    pub(super) fn list(&mut self, take: &mut dyn FnMut(&Entry)) -> Result<(), ConntrackError> {
        // Of all families, which is AF_UNSPEC.
        let request = Request::new(CT_GET, 0, &[0; MESSAGE]);
        self.socket.dump(&request, |kind, body| {
            if kind == CT_NEW
                && let Some(entry) = entry(body)
            {
                take(&entry);
            }
            None::<()>
        })?;
        Ok(())
    }

    /// The tuple of the packets that the side sends which opened the connection of these packets: theirs or the reverse. `None` if
    /// that is not known.
    ///
    /// # Errors
    /// Where the kernel does not answer.
    pub(super) fn opener(&mut self, packets: &Tuple) -> Result<Option<Tuple>, ConntrackError> {
        let Some(reverse) = packets.reverse() else { return Ok(None) };
        // Behind a translation only the direction that comes back from there is an entry's.
        match self.find(packets)? {
            None => self.find(&reverse),
            found => Ok(found),
        }
    }

    /// See [`Socket::rest`].
    pub(super) fn rest(&mut self) {
        self.socket.rest();
    }

    /// What the entry says that has these packets as one of its directions, if there is one.
    fn find(&mut self, packets: &Tuple) -> Result<Option<Tuple>, ConntrackError> {
        let take = |kind, body: &[u8]| (kind == CT_NEW).then(|| opener(body, packets)).flatten();
        match self.socket.ask(request(packets), take) {
            Ok(found) => Ok(found),
            Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn request(packets: &Tuple) -> Request {
    let (family, source, destination) =
        match (packets.source.to_ipv4_mapped(), packets.destination.to_ipv4_mapped()) {
            (Some(source), Some(destination)) if packets.ip_version == 4 => {
                (libc::AF_INET, source.octets().to_vec(), destination.octets().to_vec())
            }
            _ => (libc::AF_INET6, packets.source.octets().to_vec(), packets.destination.octets().to_vec()),
        };
    let kinds = if family == libc::AF_INET { CTA_IP_V4 } else { CTA_IP_V6 };
    let ports = [packets.source_port, packets.destination_port].map(|port| port.unwrap_or(0).to_be_bytes());
    let mut body = [0; MESSAGE];
    // AF_INET and AF_INET6 are 2 and 10.
    body[0] = family.to_le_bytes()[0];
    Request::new(CT_GET, 0, &body).nested(CTA_TUPLE_ORIG, |tuple| {
        tuple
            .nested(CTA_TUPLE_IP, |ip| ip.attribute(kinds[0], &source).attribute(kinds[1], &destination))
            .nested(CTA_TUPLE_PROTO, |transport| {
                transport
                    .attribute(CTA_PROTO_NUM, &[packets.protocol])
                    .attribute(CTA_PROTO_PORTS[0], &ports[0])
                    .attribute(CTA_PROTO_PORTS[1], &ports[1])
            })
    })
}

impl Entry {
    /// The tuple of the packets of the side that opened the connection, on both sides of a translation.
    pub(super) fn openers(&self) -> impl Iterator<Item = Tuple> {
        std::iter::once(self.original).chain(self.reply.reverse())
    }
}

/// The tuple of the side that opened the connection, by an entry of which `packets` are one direction.
pub(super) fn opener(body: &[u8], packets: &Tuple) -> Option<Tuple> {
    let entry = entry(body)?;
    if entry.original == *packets {
        Some(*packets)
    } else if entry.reply == *packets {
        packets.reverse()
    } else {
        None
    }
}

/// What an entry says, if it says who opened a TCP connection.
pub(super) fn entry(body: &[u8]) -> Option<Entry> {
    let entry = body.get(MESSAGE..)?;
    if flags(entry)? & BE_LIBERAL != 0 {
        return None;
    }
    let [original, reply] = [value(entry, CTA_TUPLE_ORIG)?, value(entry, CTA_TUPLE_REPLY)?];
    let is_in_zone = value(entry, CTA_ZONE).is_some()
        || [original, reply].iter().any(|direction| value(direction, CTA_TUPLE_ZONE).is_some());
    Some(Entry { original: tuple(original)?, reply: tuple(reply)?, is_in_zone })
}

/// What is noted of the side whose packets are the original direction.
fn flags(entry: &[u8]) -> Option<u8> {
    let tcp = value(value(entry, CTA_PROTOINFO)?, CTA_PROTOINFO_TCP)?;
    value(tcp, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL)?.first().copied()
}

/// What connection tracking calls a tuple, of TCP.
fn tuple(tuple: &[u8]) -> Option<Tuple> {
    let (ip, transport) = (value(tuple, CTA_TUPLE_IP)?, value(tuple, CTA_TUPLE_PROTO)?);
    let [source, destination] = [address(ip, 0)?, address(ip, 1)?];
    let port = |at: usize| Some(u16::from_be_bytes(number(value(transport, CTA_PROTO_PORTS[at])?, 0)?));
    let protocol = *value(transport, CTA_PROTO_NUM)?.first()?;
    (protocol == TCP).then_some(Tuple {
        source,
        destination,
        source_port: Some(port(0)?),
        destination_port: Some(port(1)?),
        protocol,
        ip_version: if source.to_ipv4_mapped().is_some() { 4 } else { 6 },
        icmp: None,
    })
}

/// Source or destination.
fn address(ip: &[u8], at: usize) -> Option<Ipv6Addr> {
    match value(ip, CTA_IP_V4[at]) {
        Some(v4) => Some(Ipv4Addr::from(number::<4>(v4, 0)?).to_ipv6_mapped()),
        None => Some(Ipv6Addr::from(number::<16>(value(ip, CTA_IP_V6[at])?, 0)?)),
    }
}

/// The value of the first attribute of a kind.
fn value(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    let attribute = attributes(bytes).find(|attribute| attribute.kind() == kind)?;
    let length = usize::from(attribute.length());
    attribute.into_inner().get(ATTRIBUTE..length)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn packets() -> Tuple {
        Tuple {
            source: "::ffff:10.0.0.1".parse().unwrap(),
            destination: "::ffff:10.0.0.2".parse().unwrap(),
            source_port: Some(50_001),
            destination_port: Some(50_002),
            protocol: TCP,
            ip_version: 4,
            icmp: None,
        }
    }

    fn with_tuple(entry: Request, kind: u16, packets: &Tuple) -> Request {
        // A request has the tuple as an entry has it, as its only attribute.
        let request = request(packets).finish(0, 0);
        entry.attribute(kind, &request[HEADER + MESSAGE + ATTRIBUTE..])
    }

    fn entry(original: &Tuple, reply: &Tuple, flags: u8) -> Vec<u8> {
        let entry = with_tuple(Request::new(CT_NEW, 0, &[0; MESSAGE]), CTA_TUPLE_ORIG, original);
        let entry = with_tuple(entry, CTA_TUPLE_REPLY, reply).nested(CTA_PROTOINFO, |info| {
            info.nested(CTA_PROTOINFO_TCP, |tcp| tcp.attribute(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &[flags, 0]))
        });
        entry.finish(0, 0).split_off(HEADER)
    }

    /// `struct nlmsghdr`.
    const HEADER: usize = 16;

    #[test]
    fn the_original_direction_opened_the_connection() {
        let there = packets();
        let back = there.reverse().unwrap();
        let entry = entry(&there, &back, 0x03);
        assert_eq!(opener(&entry, &there), Some(there));
        assert_eq!(opener(&entry, &back), Some(there));
    }

    #[test]
    fn behind_a_translation_the_reply_tells() {
        let there = packets();
        let behind =
            Tuple { source: "::ffff:192.0.2.1".parse().unwrap(), source_port: Some(50_003), ..there };
        let entry = entry(&there, &behind.reverse().unwrap(), 0);
        assert_eq!(opener(&entry, &behind.reverse().unwrap()), Some(behind));
        assert_eq!(opener(&entry, &behind), None, "no direction of the entry");
    }

    #[test]
    fn of_ipv6_too() {
        let there = Tuple {
            source: "fd00::1".parse().unwrap(),
            destination: "fd00::2".parse().unwrap(),
            ip_version: 6,
            ..packets()
        };
        let entry = entry(&there, &there.reverse().unwrap(), 0);
        assert_eq!(opener(&entry, &there.reverse().unwrap()), Some(there));
    }

    #[test]
    fn what_was_picked_up_in_the_middle_says_nothing() {
        let there = packets();
        let entry = entry(&there, &there.reverse().unwrap(), 0x03 | BE_LIBERAL);
        assert_eq!(opener(&entry, &there), None);
    }

    #[test]
    fn a_zone_is_of_an_entry_or_of_a_direction() {
        let there = packets();
        let back = there.reverse().unwrap();
        let plain = entry(&there, &back, 0);
        assert!(!super::entry(&plain).unwrap().is_in_zone);
        let zone = Request::new(CT_NEW, 0, &[]).attribute(CTA_ZONE, &[0, 7]).finish(0, 0).split_off(HEADER);
        assert!(super::entry(&[plain, zone].concat()).unwrap().is_in_zone);
        let tuple = request(&there).finish(0, 0).split_off(HEADER + MESSAGE + ATTRIBUTE);
        let zone = Request::new(CT_NEW, 0, &[]).attribute(CTA_TUPLE_ZONE, &[0, 7]).finish(0, 0);
        let original = [tuple, zone[HEADER..].to_vec()].concat();
        let entry = Request::new(CT_NEW, 0, &[0; MESSAGE]).attribute(CTA_TUPLE_ORIG, &original);
        let entry = with_tuple(entry, CTA_TUPLE_REPLY, &back).nested(CTA_PROTOINFO, |info| {
            info.nested(CTA_PROTOINFO_TCP, |tcp| tcp.attribute(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &[0, 0]))
        });
        let body = entry.finish(0, 0).split_off(HEADER);
        assert_eq!(super::entry(&body), Some(Entry { original: there, reply: back, is_in_zone: true }));
    }

    #[test]
    fn an_entry_that_ends_early_says_nothing() {
        let there = packets();
        let whole = entry(&there, &there.reverse().unwrap(), 0);
        for length in 0..whole.len() - 1 {
            assert_eq!(opener(&whole[..length], &there), None, "{length}");
        }
    }
}
