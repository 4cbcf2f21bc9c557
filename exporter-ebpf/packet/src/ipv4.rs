//! IPv4 (RFC 791), with options, fragments and BIG TCP.

use crate::extension;
use crate::frame::{Frame, Header};
use crate::parse::{Datagram, Fragment, Metadata, Network, Reject};

pub(crate) const MORE_FRAGMENTS: u16 = 0x2000;
pub(crate) const FRAGMENT_OFFSET: u16 = 0x1fff;

#[inline(always)]
pub(crate) fn parse<F: Frame + ?Sized>(frame: &F, at: u32, metadata: Metadata) -> Result<Network, Reject> {
    let ip = frame.header::<20>(at as usize).ok_or(Reject::OutOfReach)?;
    let version_and_length = ip.u8::<0>();
    let header_len = u32::from(version_and_length & 0x0f) * 4;
    if version_and_length >> 4 != 4 || header_len < 20 {
        return Err(Reject::Malformed);
    }
    let total_len = u32::from(ip.be16::<2>());
    let end = match total_len {
        // BIG TCP: longer than the field can say (RFC 2675 has no counterpart in IPv4; include/net/ip.h iph_totlen).
        0 if metadata.offloaded => metadata.len,
        // What is not there is not counted, whatever the field claims.
        _ => metadata.len.min(at + total_len),
    };
    if end < at + header_len {
        return Err(Reject::Malformed);
    }
    let datagram = Datagram { id: ip.be16::<4>().into(), protocol: ip.u8::<9>() };
    let fragment_field = ip.be16::<6>();
    let fragment = if fragment_field & FRAGMENT_OFFSET != 0 {
        Fragment::Later(datagram)
    } else if fragment_field & MORE_FRAGMENTS != 0 {
        Fragment::First(datagram)
    } else {
        Fragment::None
    };
    let mut network = Network {
        at: at + header_len,
        end,
        src_addr: mapped(ip.ne32::<12>()),
        dst_addr: mapped(ip.ne32::<16>()),
        jumbo_len: 0,
        fragment,
        ip_version: 4,
        protocol: datagram.protocol,
        traffic_class: ip.u8::<1>(),
    };
    if extension::is_one::<4>(network.protocol) && !matches!(fragment, Fragment::Later(_)) {
        extension::walk::<F, 4>(frame, &mut network);
    }
    Ok(network)
}

/// `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2) as it stands in memory.
#[inline(always)]
pub(crate) fn mapped(address: u32) -> [u64; 2] {
    let address = u64::from(address);
    [0, if cfg!(target_endian = "little") { address << 32 | 0xffff_0000 } else { 0xffff_0000_0000 | address }]
}
