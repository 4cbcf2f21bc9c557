//! IPv6 (RFC 8200), with extension headers, fragments and BIG TCP.

use crate::extension;
use crate::frame::{Frame, Header};
use crate::parse::{Fragment, Metadata, Network, Reject};

const HEADER_LEN: u32 = 40;
/// Next header value of hop-by-hop options.
const HOP_BY_HOP: u8 = 0;
const JUMBO_OPTION: u16 = 0xc204;

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
        traffic_class: (first_word >> 20 & 0xff) as u8,
    };
    if network.protocol == HOP_BY_HOP && payload_len == 0 {
        jumbo(frame, &mut network, metadata);
    }
    network.end = network.end.min(metadata.len);
    if network.end < network.at {
        return Err(Reject::Malformed);
    }
    if extension::is_one::<6>(network.protocol) {
        extension::walk::<F, 6>(frame, &mut network);
    }
    Ok(network)
}

/// The jumbo payload option (RFC 2675) as BIG TCP writes it: alone in a hop-by-hop header. The packet's segments are cut
/// without it (`ipv6_hopopt_jumbo_remove` of the kernel); a jumbogram that is no offload keeps it on the wire.
#[inline(always)]
fn jumbo<F: Frame + ?Sized>(frame: &F, network: &mut Network, metadata: Metadata) {
    let Some(options) = frame.header::<8>(network.at as usize) else { return };
    if options.u8::<1>() == 0 && options.be16::<2>() == JUMBO_OPTION {
        if metadata.offloaded {
            network.jumbo_len = 8;
        } else {
            network.end = network.at.saturating_add(options.be32::<4>());
        }
    }
}
