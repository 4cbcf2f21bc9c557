//! What may stand between an Ethernet header and IP in a capture of a provider's line, and is not read by the programs: an interface
//! that takes it off hands on IP, and there they see it.

use super::link::{IPV4, IPV6};

/// Bytes of both MAC addresses.
const MACS: usize = 12;
/// VLAN tags that the programs read.
const MOST_TAGS: usize = 2;
const TAG_LEN: usize = 4;

/// The highest length of an IEEE 802.3 frame; above are EtherTypes.
const LONGEST_802_3: u16 = 1500;
/// LLC of a SNAP header, and the organization whose protocols are EtherTypes (RFC 1042).
const SNAP: [u8; 6] = [0xaa, 0xaa, 3, 0, 0, 0];
/// The last label of a stack (RFC 3032 section 2.1).
const BOTTOM: u32 = 0x100;
/// Bytes of a PPPoE header (RFC 2516 section 4).
const PPPOE_LEN: usize = 6;

/// IP behind other headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inner {
    /// Where the headers end that a program reads.
    pub(super) head: usize,
    /// Where IP begins.
    pub(super) at: usize,
    /// EtherType of its version.
    pub(super) ether_type: u16,
}

/// Finds IP behind MPLS labels, PPPoE, SNAP or more VLAN tags than a program reads. `None` where a program finds it itself, and where
/// there is none.
pub(super) fn find(frame: &[u8]) -> Option<Inner> {
    let (mut head, mut at) = (MACS, MACS);
    loop {
        let kind = be16(frame, at)?;
        at += 2;
        match kind {
            IPV4 | IPV6 => return (at != head + 2).then_some(Inner { head, at, ether_type: kind }),
            0x8100 | 0x88a8 | 0x9100 => {
                let is_read = at == head + 2 && head < MACS + MOST_TAGS * TAG_LEN;
                at += 2;
                if is_read {
                    head = at;
                }
            }
            0x8847 | 0x8848 => {
                while be32(frame, at)? & BOTTOM == 0 {
                    at += 4;
                }
                at += 4;
                let ether_type = match frame.get(at)? >> 4 {
                    4 => IPV4,
                    6 => IPV6,
                    _ => return None,
                };
                return Some(Inner { head, at, ether_type });
            }
            0x8864 => {
                at += PPPOE_LEN;
                // The first byte may be left out: the last one alone is odd (RFC 1661 section 6.5).
                let first = *frame.get(at)?;
                let (protocol, len) = if first & 1 == 1 { (first.into(), 1) } else { (be16(frame, at)?, 2) };
                let ether_type = match protocol {
                    0x0021 => IPV4,
                    0x0057 => IPV6,
                    _ => return None,
                };
                return Some(Inner { head, at: at + len, ether_type });
            }
            ..=LONGEST_802_3 if frame.get(at..)?.starts_with(&SNAP) => at += SNAP.len(),
            _ => return None,
        }
    }
}

fn be16(frame: &[u8], at: usize) -> Option<u16> {
    frame.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

fn be32(frame: &[u8], at: usize) -> Option<u32> {
    frame.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}
