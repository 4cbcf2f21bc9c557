//! What frames begin with, and what of them a program takes.

use packet::Link;

use super::encapsulation;

/// The link types that are known (<https://www.tcpdump.org/linktypes.html>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkType {
    /// `LINKTYPE_ETHERNET`.
    Ethernet,
    /// `LINKTYPE_RAW`, `LINKTYPE_IPV4`, `LINKTYPE_IPV6`: IP at once.
    Raw,
    /// `LINKTYPE_LINUX_SLL`: what `tcpdump -i any` wrote.
    Cooked,
    /// `LINKTYPE_LINUX_SLL2`: what `tcpdump -i any` writes.
    Cooked2,
    /// `LINKTYPE_NULL` and `LINKTYPE_LOOP`: the loopback interface of BSD and macOS.
    Loopback,
}

/// A frame as a program takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The program for devices of this kind takes it.
    Of {
        /// Kind of the device.
        link: Link,
        /// Length on the wire, as a hook would have seen it.
        wire_len: u32,
        /// Index of the interface, where the frame says it, or 0.
        ifindex: u32,
        /// From the header on that the program expects first.
        bytes: &'a [u8],
    },
    /// Its header says that it is not IP.
    NotIp,
    /// It ends before its header does.
    Short,
}

/// EtherTypes (IEEE 802).
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
/// Kinds of devices whose frames have an Ethernet header: `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` (include/uapi/linux/if_arp.h).
const WITH_ETHERNET: [u16; 2] = [1, 772];

const COOKED_HEADER: usize = 16;
const COOKED_2_HEADER: usize = 20;
const LOOPBACK_HEADER: usize = 4;

/// What a cooked header says.
struct Cooked {
    header: usize,
    protocol: u16,
    device: u16,
    /// Of the sender, where it is a MAC.
    mac: Option<[u8; 6]>,
    ifindex: u32,
}

impl LinkType {
    /// For messages.
    pub const KNOWN: &str = "1 (Ethernet), 101, 228, 229 (IP), 113, 276 (Linux cooked), 0, 108 (loopback)";

    /// The link type of a number in a file.
    #[must_use]
    pub fn of(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Ethernet),
            // 12 and 14 are what files of some systems have for 101 (pcap-linktype(7)).
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            113 => Some(Self::Cooked),
            276 => Some(Self::Cooked2),
            0 | 108 => Some(Self::Loopback),
            _ => None,
        }
    }

    /// What a program takes of a frame, at most `most` bytes. A cooked header of a device whose frames have an Ethernet header becomes
    /// one again, in `made`, so that the bytes of flows are those on the wire; where the frame went to is not known. What stands between
    /// an Ethernet header and IP, and no program reads, is left out there, and still counts in `wire_len`.
    #[must_use]
    pub fn packet<'a>(
        self,
        frame: &'a [u8],
        wire_len: u32,
        most: usize,
        made: &'a mut Vec<u8>,
    ) -> Packet<'a> {
        made.clear();
        let (header, link, ifindex) = match self {
            Self::Ethernet => (0, Link::Ethernet, 0),
            Self::Raw => (0, Link::Ip, 0),
            Self::Loopback => match family(frame) {
                None => return Packet::Short,
                // AF_INET everywhere; AF_INET6 of Linux, BSD and macOS.
                Some(2 | 10 | 24 | 28 | 30) => (LOOPBACK_HEADER, Link::Ip, 0),
                Some(_) => return Packet::NotIp,
            },
            Self::Cooked | Self::Cooked2 => {
                let cooked = if self == Self::Cooked { cooked(frame) } else { cooked_2(frame) };
                let Some(cooked) = cooked else { return Packet::Short };
                if WITH_ETHERNET.contains(&cooked.device) {
                    made.extend([0; 6]);
                    made.extend(cooked.mac.unwrap_or_default());
                    made.extend(cooked.protocol.to_be_bytes());
                    (cooked.header, Link::Ethernet, cooked.ifindex)
                } else if matches!(cooked.protocol, IPV4 | IPV6) {
                    (cooked.header, Link::Ip, cooked.ifindex)
                } else {
                    return Packet::NotIp;
                }
            }
        };
        let (body, made_len) = (&frame[header..], made.len());
        let body = &body[..body.len().min(most.saturating_sub(made_len))];
        let len = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let wire_len = wire_len.saturating_sub(len(header)).saturating_add(len(made_len));
        if made_len != 0 {
            made.extend(body);
        }
        let whole = if made_len == 0 { body } else { &made[..] };
        if link == Link::Ethernet
            && let Some(inner) = encapsulation::find(whole)
        {
            if made_len == 0 {
                made.extend(body);
            }
            drop(made.splice(inner.head..inner.at, inner.ether_type.to_be_bytes()));
        }
        let bytes = if made.is_empty() { body } else { made };
        Packet::Of { link, wire_len, ifindex, bytes }
    }
}

/// In the byte order of the machine that captured, which is not known: the values are small.
fn family(frame: &[u8]) -> Option<u32> {
    let word = *frame.first_chunk::<LOOPBACK_HEADER>()?;
    Some(u32::from_le_bytes(word).min(u32::from_be_bytes(word)))
}

fn cooked(frame: &[u8]) -> Option<Cooked> {
    let header = frame.first_chunk::<COOKED_HEADER>()?;
    Some(Cooked {
        header: COOKED_HEADER,
        device: be16(header, 2),
        mac: mac(header, be16(header, 4), 6),
        protocol: be16(header, 14),
        ifindex: 0,
    })
}

fn cooked_2(frame: &[u8]) -> Option<Cooked> {
    let header = frame.first_chunk::<COOKED_2_HEADER>()?;
    Some(Cooked {
        header: COOKED_2_HEADER,
        protocol: be16(header, 0),
        ifindex: u32::from(be16(header, 4)) << 16 | u32::from(be16(header, 6)),
        device: be16(header, 8),
        mac: mac(header, header[11].into(), 12),
    })
}

fn be16(header: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

fn mac(header: &[u8], len: u16, at: usize) -> Option<[u8; 6]> {
    (len == 6).then(|| std::array::from_fn(|byte| header[at + byte]))
}
