//! What a packet counts on the wire.

use crate::ethernet;
use crate::parse::Packet;

/// What the kernel says of a packet's size, and how the stack aggregated it (`skb_shared_info`).
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Bytes of the packet from its first header on.
    pub len: u32,
    /// Whether a VLAN tag was taken out of the bytes.
    pub tag_in_metadata: bool,
    /// Segments, or 0 where the sender left the count to the kernel (TAP, virtio) or nothing is aggregated.
    pub segments: u32,
    /// Payload bytes of a segment; 0 where nothing is aggregated.
    pub segment_size: u32,
}

impl Size {
    /// Bytes of the tag that was taken out.
    #[inline(always)]
    fn tag_len(self) -> u32 {
        u32::from(self.tag_in_metadata) * ethernet::TAG_LEN
    }
}

/// Packets and bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Packets.
    pub packets: u32,
    /// Frame bytes, without FCS and preamble.
    pub bytes: u32,
}

impl Wire {
    /// A packet that is counted without its headers being known.
    #[inline(always)]
    #[must_use]
    pub fn opaque(size: Size) -> Self {
        Self { packets: size.segments.max(1), bytes: size.len + size.tag_len() }
    }

    /// Each segment goes out with its own headers, a VLAN tag in the metadata included; the packet in memory has them once.
    #[inline(always)]
    #[must_use]
    pub fn of(packet: &Packet, size: Size) -> Self {
        let whole = Self::opaque(size);
        if size.segment_size == 0 {
            return Self { packets: 1, ..whole };
        }
        let header_len = packet.header_len - packet.jumbo_len + size.tag_len();
        let bytes = whole.bytes - packet.jumbo_len;
        let packets = if size.segments == 0 {
            bytes.saturating_sub(header_len).div_ceil(size.segment_size).max(1)
        } else {
            size.segments
        };
        Self { packets, bytes: bytes + (packets - 1) * header_len }
    }
}
