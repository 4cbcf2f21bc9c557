//! Layer 4: ports, ICMP type and code, TCP flags, header length.

use abi::{protocol, tcp_flags};

use crate::frame::{Frame, Header};
use crate::parse::{Fragment, Network};

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

/// What the header says; `None` where it would tell flows apart and is not there: in a later fragment, in a packet that ends before
/// it, or beyond what was captured.
///
/// A header has to lie inside the IP packet: what follows may be padding of the frame, never ports.
#[inline(always)]
pub(crate) fn parse<F: Frame + ?Sized>(frame: &F, network: &Network) -> Option<Transport> {
    if !tells_flows_apart(network.protocol, network.ip_version) {
        return Some(Transport::default());
    }
    if let Fragment::Later(_) = network.fragment {
        return None;
    }
    let room = network.end - network.at;
    let at = network.at as usize;
    match network.protocol {
        protocol::TCP => tcp(frame, at, room),
        protocol::UDP | protocol::UDP_LITE => ports(frame, at, room, 8),
        protocol::SCTP | protocol::DCCP => ports(frame, at, room, 12),
        _ => icmp(frame, at, room),
    }
}

/// No receiver acts on the flags of a header that is not whole.
#[inline(always)]
fn tcp<F: Frame + ?Sized>(frame: &F, at: usize, room: u32) -> Option<Transport> {
    if room >= 20
        && let Some(header) = frame.header::<20>(at)
    {
        let offset_and_flags = header.be16::<12>();
        let header_len = u32::from(offset_and_flags >> 12) * 4;
        if header_len >= 20 && header_len <= room {
            return Some(Transport {
                header_len,
                src_port: header.be16::<0>(),
                dst_port: header.be16::<2>(),
                tcp_flags: offset_and_flags & tcp_flags::ALL,
            });
        }
    }
    ports(frame, at, room, 20)
}

#[inline(always)]
fn ports<F: Frame + ?Sized>(frame: &F, at: usize, room: u32, header_len: u32) -> Option<Transport> {
    if room < 4 {
        return None;
    }
    let header = frame.header::<4>(at)?;
    Some(Transport {
        header_len: header_len.min(room),
        src_port: header.be16::<0>(),
        dst_port: header.be16::<2>(),
        ..Transport::default()
    })
}

#[inline(always)]
fn icmp<F: Frame + ?Sized>(frame: &F, at: usize, room: u32) -> Option<Transport> {
    if room < 2 {
        return None;
    }
    let header = frame.header::<2>(at)?;
    Some(Transport {
        header_len: room.min(4),
        src_port: header.u8::<0>().into(),
        dst_port: header.u8::<1>().into(),
        ..Transport::default()
    })
}
