//! IPv6 (RFC 8200), with extension headers, fragments and BIG TCP.

use abi::protocol;

use crate::frame::{Frame, Header};
use crate::parse::{Fragment, Metadata, Network, Reject};

const HEADER_LEN: u32 = 40;
/// More extension headers than any sender has use for; the verifier wants a bound.
const MAX_EXTENSIONS: u32 = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

const JUMBO_OPTION: u16 = 0xc204;
const FRAGMENT_OFFSET: u16 = 0xfff8;
const MORE_FRAGMENTS: u16 = 1;

#[inline(always)]
pub(crate) fn parse<F: Frame + ?Sized>(frame: &F, at: u32, metadata: Metadata) -> Result<Network, Reject> {
    let ip = frame.header::<40>(at as usize).ok_or(Reject::OutOfReach)?;
    let first_word = ip.be32::<0>();
    if first_word >> 28 != 6 {
        return Err(Reject::Malformed);
    }
    let payload_len = u32::from(ip.be16::<4>());
    let unbounded = payload_len == 0 && metadata.offloaded;
    let end = if unbounded { metadata.len } else { at + HEADER_LEN + payload_len };
    let mut network = Network {
        at: at + HEADER_LEN,
        end,
        src_addr: [ip.ne64::<8>(), ip.ne64::<16>()],
        dst_addr: [ip.ne64::<24>(), ip.ne64::<32>()],
        jumbo_len: 0,
        fragment: Fragment::None,
        ip_version: 6,
        protocol: ip.u8::<6>(),
        traffic_class: (first_word >> 20) as u8,
    };
    if network.protocol == HOP_BY_HOP && payload_len == 0 {
        jumbo(frame, &mut network, metadata)?;
    }
    if network.end > metadata.len || network.end < network.at {
        return Err(Reject::Malformed);
    }
    for _ in 0..MAX_EXTENSIONS {
        match network.protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => {
                extension(frame, &mut network)?
            }
            FRAGMENT => fragment(frame, &mut network)?,
            protocol::AH => skip_authentication(frame, &mut network)?,
            _ => return Ok(network),
        }
        if let Fragment::Later(_) = network.fragment {
            return Ok(network);
        }
    }
    match network.protocol {
        HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 | FRAGMENT | protocol::AH => {
            Err(Reject::Malformed)
        }
        _ => Ok(network),
    }
}

/// The jumbo payload option (RFC 2675) as BIG TCP writes it: alone in a hop-by-hop header. The packet's segments are cut
/// without it (net/ipv6/ip6_offload.c, `ipv6_hopopt_jumbo_remove`); a jumbogram that is no offload keeps it on the wire.
#[inline(always)]
fn jumbo<F: Frame + ?Sized>(frame: &F, network: &mut Network, metadata: Metadata) -> Result<(), Reject> {
    let options = frame.header::<8>(network.at as usize).ok_or(Reject::OutOfReach)?;
    if options.u8::<1>() == 0 && options.be16::<2>() == JUMBO_OPTION {
        if metadata.offloaded {
            network.jumbo_len = 8;
        } else {
            network.end = network.at.saturating_add(options.be32::<4>());
        }
    }
    Ok(())
}

#[inline(always)]
fn extension<F: Frame + ?Sized>(frame: &F, network: &mut Network) -> Result<(), Reject> {
    let header = frame.header::<2>(network.at as usize).ok_or(Reject::OutOfReach)?;
    advance(network, header.u8::<0>(), (u32::from(header.u8::<1>()) + 1) * 8)
}

#[inline(always)]
fn fragment<F: Frame + ?Sized>(frame: &F, network: &mut Network) -> Result<(), Reject> {
    let header = frame.header::<8>(network.at as usize).ok_or(Reject::OutOfReach)?;
    let offset_and_more = header.be16::<2>();
    let id = header.be32::<4>();
    network.fragment = if offset_and_more & FRAGMENT_OFFSET != 0 {
        Fragment::Later(id)
    } else if offset_and_more & MORE_FRAGMENTS != 0 {
        Fragment::First(id)
    } else {
        Fragment::None // An atomic fragment (RFC 6946) is a whole datagram.
    };
    advance(network, header.u8::<0>(), 8)
}

/// The Authentication Header counts its length in units of 4 bytes, less 2 (RFC 4302 section 2.2).
#[inline(always)]
pub(crate) fn skip_authentication<F: Frame + ?Sized>(frame: &F, network: &mut Network) -> Result<(), Reject> {
    let header = frame.header::<2>(network.at as usize).ok_or(Reject::OutOfReach)?;
    advance(network, header.u8::<0>(), (u32::from(header.u8::<1>()) + 2) * 4)
}

#[inline(always)]
fn advance(network: &mut Network, next: u8, len: u32) -> Result<(), Reject> {
    network.protocol = next;
    network.at += len;
    if network.at > network.end {
        return Err(Reject::Malformed);
    }
    Ok(())
}
