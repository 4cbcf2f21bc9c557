//! What a packet counts on the wire.

use crate::parse::{Metadata, Packet};

/// How the stack aggregated the packet (`skb_shared_info`).
#[derive(Clone, Copy, Debug)]
pub struct Offload {
    /// Segments, or 0 where the sender left the count to the kernel (TAP, virtio) or nothing is aggregated.
    pub segments: u32,
    /// Payload bytes of a segment; 0 where nothing is aggregated.
    pub segment_size: u32,
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
    pub fn opaque(metadata: Metadata, offload: Offload) -> Self {
        let tag = if metadata.vlan == 0 { 0 } else { crate::ethernet::TAG_LEN };
        Self { packets: offload.segments.max(1), bytes: metadata.len + tag }
    }

    /// Each segment goes out with its own headers; the packet in memory has them once.
    #[inline(always)]
    #[must_use]
    pub fn of(packet: &Packet, metadata: Metadata, offload: Offload) -> Self {
        let whole = Self::opaque(metadata, offload);
        if offload.segment_size == 0 {
            return Self { packets: 1, ..whole };
        }
        let header_len = packet.header_len - packet.jumbo_len;
        let bytes = whole.bytes - packet.jumbo_len;
        let packets = if offload.segments == 0 {
            bytes.saturating_sub(header_len).div_ceil(offload.segment_size).max(1)
        } else {
            offload.segments
        };
        Self { packets, bytes: bytes + (packets - 1) * header_len }
    }
}
