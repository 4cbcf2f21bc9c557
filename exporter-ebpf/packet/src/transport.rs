//! Layer 4: ports, ICMP type and code, TCP flags, header length.

use abi::{protocol, tcp_flags};

use crate::frame::{Frame, Header};
use crate::parse::{Fragment, Network, Reject};

/// An ICMP message has its type and code where others have ports.
#[derive(Default)]
pub(crate) struct Transport {
    pub(crate) header_len: u32,
    pub(crate) src_port: u16,
    pub(crate) dst_port: u16,
    pub(crate) tcp_flags: u16,
}

/// Whether the header has ports, or a type and code, that are part of the key.
#[inline(always)]
pub(crate) fn tells_flows_apart(number: u8, ip_version: u8) -> bool {
    protocol::has_ports(number) || protocol::is_icmp(number, ip_version)
}

/// A header has to lie inside the IP packet: what follows may be padding of the frame, never ports.
#[inline(always)]
pub(crate) fn parse<F: Frame + ?Sized>(frame: &F, network: &Network) -> Result<Transport, Reject> {
    if let Fragment::Later(_) = network.fragment {
        return Ok(Transport::default());
    }
    let room = network.end - network.at;
    let at = network.at as usize;
    match network.protocol {
        protocol::TCP => tcp(frame, at, room),
        protocol::UDP | protocol::UDP_LITE => ports(frame, at, room, 8),
        protocol::SCTP | protocol::DCCP => ports(frame, at, room, 12),
        number if protocol::is_icmp(number, network.ip_version) => icmp(frame, at, room),
        _ => Ok(Transport::default()),
    }
}

#[inline(always)]
fn tcp<F: Frame + ?Sized>(frame: &F, at: usize, room: u32) -> Result<Transport, Reject> {
    if room < 20 {
        return Err(Reject::Malformed);
    }
    let header = frame.header::<20>(at).ok_or(Reject::OutOfReach)?;
    let offset_and_flags = header.be16::<12>();
    let header_len = u32::from(offset_and_flags >> 12) * 4;
    if header_len < 20 || header_len > room {
        return Err(Reject::Malformed);
    }
    Ok(Transport {
        header_len,
        src_port: header.be16::<0>(),
        dst_port: header.be16::<2>(),
        tcp_flags: offset_and_flags & tcp_flags::ALL,
    })
}

#[inline(always)]
fn ports<F: Frame + ?Sized>(frame: &F, at: usize, room: u32, header_len: u32) -> Result<Transport, Reject> {
    if room < header_len {
        return Err(Reject::Malformed);
    }
    let header = frame.header::<4>(at).ok_or(Reject::OutOfReach)?;
    Ok(Transport {
        header_len,
        src_port: header.be16::<0>(),
        dst_port: header.be16::<2>(),
        ..Transport::default()
    })
}

#[inline(always)]
fn icmp<F: Frame + ?Sized>(frame: &F, at: usize, room: u32) -> Result<Transport, Reject> {
    if room < 4 {
        return Err(Reject::Malformed);
    }
    let header = frame.header::<2>(at).ok_or(Reject::OutOfReach)?;
    Ok(Transport {
        header_len: 4,
        src_port: header.u8::<0>().into(),
        dst_port: header.u8::<1>().into(),
        ..Transport::default()
    })
}
