//! A packet's way through its headers.

use core::mem::MaybeUninit;

use abi::{Direction, ObservationKey, PackedKey, key_flags};

use crate::frame::Frame;
use crate::{ethernet, ipv4, ipv6, transport};

/// What the first header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet, with its 14 bytes.
    Ethernet,
    /// IP at once: tun, WireGuard, IPIP and other devices without a link-layer header.
    Ip,
}

/// What the kernel knows of a packet beside its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Metadata {
    /// Interface index of the hook.
    pub ifindex: u32,
    /// Network namespace of the hook.
    pub scope: u32,
    /// CPU that runs the program.
    pub cpu: u32,
    /// Direction of the hook.
    pub direction: Direction,
    /// Bytes of the packet from its first header on.
    pub len: u32,
    /// VLAN tag that was taken out of the bytes ([`abi::vlan`]), or 0.
    pub vlan: u16,
    /// Whether it is a GSO or GRO packet, or may have been one when it was captured. Only such a packet may have an IP length of 0:
    /// BIG TCP, or one whose lengths the network card writes.
    pub offloaded: bool,
}

/// What the headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What the first header is.
    pub link: Link,
    /// The observation's key.
    pub key: PackedKey,
    /// Bytes up to the transport payload. Each segment repeats them on the wire.
    pub header_len: u32,
    /// Offset of the transport header.
    pub transport_at: u32,
    /// Payload bytes of the transport; of a fragment those that it has.
    pub payload_len: u32,
    /// Bytes of a jumbo payload option that BIG TCP put into the packet and that no segment carries on the wire.
    pub jumbo_len: u32,
    /// TCP flags and reserved bits, else 0.
    pub tcp_flags: u16,
    /// Outer VLAN tag ([`abi::vlan`]).
    pub vlan_outer: u16,
    /// Inner VLAN tag ([`abi::vlan`]).
    pub vlan_inner: u16,
    /// DSCP and ECN: type of service (IPv4) or traffic class (IPv6).
    pub traffic_class: u8,
    /// Place in a fragmented datagram.
    pub fragment: Fragment,
}

/// Place of a packet in a fragmented datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Not fragmented.
    None,
    /// The first fragment, which has the ports.
    First(Datagram),
    /// A later fragment, without a transport header.
    Later(Datagram),
}

/// What the fragments of a datagram have in common, beside the addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Identification.
    pub id: u32,
    /// Protocol number in the IPv4 header (RFC 791 section 3.2). 0 in IPv6: there each fragment may say another next header, and
    /// only the first fragment's counts (RFC 8200 section 4.5).
    pub protocol: u8,
}

/// Why a packet has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// The IP header, or one before it, lies beyond what the frame can read: outside the linear part, or beyond the packet's end.
    OutOfReach,
    /// The IP header contradicts itself or the one before it.
    Malformed,
    /// Not IP.
    NotIp,
}

/// Layer 3, as found by its parser.
pub(crate) struct Network {
    /// Offset of the first byte after the IP and extension headers.
    pub(crate) at: u32,
    /// Offset of the first byte after the IP packet: padding of the frame lies beyond.
    pub(crate) end: u32,
    pub(crate) src_addr: [u64; 2],
    pub(crate) dst_addr: [u64; 2],
    pub(crate) jumbo_len: u32,
    pub(crate) fragment: Fragment,
    pub(crate) ip_version: u8,
    pub(crate) protocol: u8,
    pub(crate) traffic_class: u8,
}

/// Parses from the link layer to the transport header, into `packet`. Tunnels are not entered.
///
/// Whose IP header can be read is of a flow: where the rest is cut or contradicts itself, of one that says less.
///
/// It writes to a place of the caller's, because the kernel programs have 512 bytes of stack for all their calls together.
///
/// # Errors
/// [`Reject`]: a rejected packet belongs to no flow and is counted by reason. Then nothing is written.
#[inline(always)]
pub fn parse<F: Frame + ?Sized>(
    frame: &F,
    link: Link,
    metadata: Metadata,
    packet: &mut MaybeUninit<Packet>,
) -> Result<(), Reject> {
    let layer2 = match link {
        Link::Ethernet => ethernet::parse(frame, metadata.vlan)?,
        Link::Ip => ethernet::bare(frame, metadata.vlan)?,
    };
    // Or the verifier would go through what follows for each number of VLAN tags.
    let at = frame.forget(layer2.at);
    let network = match layer2.ether_type {
        ethernet::IPV4 => ipv4::parse(frame, at, metadata)?,
        ethernet::IPV6 => ipv6::parse(frame, at, metadata)?,
        _ => return Err(Reject::NotIp),
    };
    let transport = transport::parse(frame, &network);
    let fragment = if matches!(network.fragment, Fragment::None) { 0 } else { key_flags::FRAGMENT };
    // Of a later fragment the caller takes the flag back when it finds what the first one said.
    let unknown = if transport.is_none() { key_flags::PORTS_UNKNOWN } else { 0 };
    let transport = transport.unwrap_or_default();
    packet.write(Packet {
        link,
        key: ObservationKey {
            src_addr: network.src_addr,
            dst_addr: network.dst_addr,
            src_port: transport.src_port,
            dst_port: transport.dst_port,
            ifindex: metadata.ifindex,
            scope: metadata.scope,
            vni: 0,
            protocol: network.protocol,
            ip_version: network.ip_version,
            direction: metadata.direction as u8,
            flags: fragment | unknown,
        }
        .pack(metadata.cpu),
        header_len: network.at + transport.header_len,
        transport_at: network.at,
        payload_len: network.end - network.at - transport.header_len,
        jumbo_len: network.jumbo_len,
        tcp_flags: transport.tcp_flags,
        vlan_outer: layer2.vlan_outer,
        vlan_inner: layer2.vlan_inner,
        traffic_class: network.traffic_class,
        fragment: network.fragment,
    });
    Ok(())
}

/// Parses a packet whose bytes are in memory. They may end before the packet does, as those of a capture.
///
/// # Errors
/// As [`parse`].
#[expect(unsafe_code, reason = "the parser writes in place")]
pub fn parse_slice(bytes: &[u8], link: Link, metadata: Metadata) -> Result<Packet, Reject> {
    let mut packet = MaybeUninit::uninit();
    parse(bytes, link, metadata, &mut packet)?;
    // SAFETY: parsing succeeded, so the packet is written.
    Ok(unsafe { packet.assume_init() })
}
