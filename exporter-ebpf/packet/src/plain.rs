//! The commonest packets, read in one piece: TCP or UDP in IP, with nothing that is optional in front of it.
//!
//! It says nothing that [`parse`](crate::parse()) does not say too, and is less than half the instructions. Everything else is left
//! to that: VLAN tags in the bytes, options, extension headers, fragments, BIG TCP, other protocols, and whatever may be
//! malformed.

use core::mem::MaybeUninit;

use abi::{ObservationKey, protocol, tcp_flags};

use crate::frame::{Frame, Header};
use crate::parse::{Fragment, Link, Metadata, Packet};
use crate::{ethernet, ipv4};

/// A short segment may have no more bytes than this behind its IP header.
const TCP_LEN: u32 = 20;
const UDP_LEN: u32 = 8;
const IPV4_LEN: u32 = 20;
const IPV6_LEN: u32 = 40;

/// Reads a packet of an IP version, or writes nothing and gives `None`. One version at a time, so that what follows knows which.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "takes ports out of a word")]
pub fn parse_plain<'packet, F: Frame + ?Sized, const VERSION: u8>(
    frame: &F,
    link: Link,
    metadata: Metadata,
    packet: &'packet mut MaybeUninit<Packet>,
) -> Option<&'packet mut Packet> {
    let (at, ether_type) = match link {
        Link::Ethernet => (ethernet::HEADER_LEN, frame.header::<14>(0)?.be16::<12>()),
        Link::Ip => match frame.header::<20>(0)?.u8::<0>() >> 4 {
            4 => (0, ethernet::IPV4),
            6 => (0, ethernet::IPV6),
            _ => return None,
        },
    };
    let network = match (ether_type, VERSION) {
        (ethernet::IPV4, 4) => version_4(frame, at)?,
        (ethernet::IPV6, 6) => version_6(frame, at)?,
        _ => return None,
    };
    let (at, end) = (network.at, network.at + network.payload_len);
    let (header_len, ports, flags) = match network.protocol {
        protocol::TCP => {
            let tcp = frame.header::<20>(at as usize)?;
            let offset_and_flags = tcp.be16::<12>();
            (u32::from(offset_and_flags >> 12) * 4, tcp.be32::<0>(), offset_and_flags & tcp_flags::ALL)
        }
        protocol::UDP => (UDP_LEN, frame.header::<8>(at as usize)?.be32::<0>(), 0),
        _ => return None,
    };
    let shortest = if network.protocol == protocol::TCP { TCP_LEN } else { UDP_LEN };
    if header_len < shortest || header_len > network.payload_len || end > metadata.len {
        return None;
    }
    Some(
        packet.write(Packet {
            link,
            key: ObservationKey {
                src_addr: network.src_addr,
                dst_addr: network.dst_addr,
                src_port: (ports >> 16) as u16,
                dst_port: ports as u16,
                ifindex: metadata.ifindex,
                scope: metadata.scope,
                vni: 0,
                protocol: network.protocol,
                ip_version: network.ip_version,
                direction: metadata.direction as u8,
                flags: 0,
            }
            .pack(metadata.cpu),
            header_len: at + header_len,
            transport_at: at,
            payload_len: network.payload_len - header_len,
            jumbo_len: 0,
            tcp_flags: flags,
            vlan_outer: metadata.vlan,
            vlan_inner: 0,
            traffic_class: network.traffic_class,
            fragment: Fragment::None,
        }),
    )
}

struct Plain {
    /// Offset of the transport header.
    at: u32,
    payload_len: u32,
    src_addr: [u64; 2],
    dst_addr: [u64; 2],
    ip_version: u8,
    protocol: u8,
    traffic_class: u8,
}

/// Without options, and not a fragment.
#[inline(always)]
fn version_4<F: Frame + ?Sized>(frame: &F, at: u32) -> Option<Plain> {
    let ip = frame.header::<20>(at as usize)?;
    let is_plain =
        ip.u8::<0>() == 0x45 && ip.be16::<6>() & (ipv4::MORE_FRAGMENTS | ipv4::FRAGMENT_OFFSET) == 0;
    is_plain.then_some(())?;
    Some(Plain {
        at: at + IPV4_LEN,
        payload_len: u32::from(ip.be16::<2>()).checked_sub(IPV4_LEN)?,
        src_addr: ipv4::mapped(ip.ne32::<12>()),
        dst_addr: ipv4::mapped(ip.ne32::<16>()),
        ip_version: 4,
        protocol: ip.u8::<9>(),
        traffic_class: ip.u8::<1>(),
    })
}

/// An extension header is another protocol than TCP and UDP.
#[inline(always)]
fn version_6<F: Frame + ?Sized>(frame: &F, at: u32) -> Option<Plain> {
    let ip = frame.header::<40>(at as usize)?;
    let first_word = ip.be32::<0>();
    (first_word >> 28 == 6).then_some(())?;
    Some(Plain {
        at: at + IPV6_LEN,
        payload_len: ip.be16::<4>().into(),
        src_addr: [ip.ne64::<8>(), ip.ne64::<16>()],
        dst_addr: [ip.ne64::<24>(), ip.ne64::<32>()],
        ip_version: 6,
        protocol: ip.u8::<6>(),
        traffic_class: (first_word >> 20 & 0xff) as u8,
    })
}
