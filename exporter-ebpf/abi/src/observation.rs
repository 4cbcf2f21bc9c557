//! What one hook saw of one 5-tuple on one CPU in one generation.

/// Counts and facts of an observation. 80 bytes; what every packet writes is in the first 32. Times are nanoseconds of `CLOCK_MONOTONIC`; 0 means "not seen".
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Frame bytes on the wire, without FCS and preamble; each segment of a GSO or GRO packet counts with its own headers.
    pub bytes: u64,
    /// Packets on the wire: the segments of a GSO or GRO packet.
    pub packets: u64,
    /// Last packet, coarse clock: up to two ticks (of 4 ms at HZ=250) early, so it may lie before `first_ns`.
    pub last_ns: u64,
    /// All TCP flag bits seen ([`tcp_flags`]), reserved bits included.
    pub tcp_flags: u16,
    /// ECN codepoints seen: bit n is codepoint n (RFC 3168).
    pub ecn: u8,
    /// DSCP of the first packet, 0 to 63.
    pub dscp: u8,
    /// Explicit padding.
    pub pad: u32,
    /// First packet, precise clock.
    pub first_ns: u64,
    /// First TCP segment with SYN and without ACK, precise clock.
    pub syn_ns: u64,
    /// First TCP segment with SYN and ACK, precise clock.
    pub syn_ack_ns: u64,
    /// First TCP segment with ACK and without SYN, precise clock.
    pub ack_ns: u64,
    /// Destination MAC of the first packet; zeros on a device without a link-layer header.
    pub dst_mac: [u8; 6],
    /// Source MAC of the first packet; zeros on a device without a link-layer header.
    pub src_mac: [u8; 6],
    /// Outer VLAN tag of the first packet ([`vlan`]).
    pub vlan_outer: u16,
    /// Inner VLAN tag of the first packet ([`vlan`]).
    pub vlan_inner: u16,
}

const _: () = assert!(size_of::<Observation>() == 80);

/// Bits of [`Observation::tcp_flags`], as in bytes 12 and 13 of the TCP header (RFC 9293, RFC 9768).
pub mod tcp_flags {
    /// No more data from the sender.
    pub const FIN: u16 = 0x001;
    /// Synchronise sequence numbers.
    pub const SYN: u16 = 0x002;
    /// Reset the connection.
    pub const RST: u16 = 0x004;
    /// Push.
    pub const PSH: u16 = 0x008;
    /// The acknowledgement field is valid.
    pub const ACK: u16 = 0x010;
    /// The urgent field is valid.
    pub const URG: u16 = 0x020;
    /// ECN echo.
    pub const ECE: u16 = 0x040;
    /// Congestion window reduced.
    pub const CWR: u16 = 0x080;
    /// Accurate ECN, formerly the nonce sum.
    pub const AE: u16 = 0x100;
    /// Flags and reserved bits: all that is not the data offset.
    pub const ALL: u16 = 0xfff;
}

/// VLAN tags as kept in [`Observation`]: the identifier with [`PRESENT`](vlan::PRESENT), or 0 without a tag.
pub mod vlan {
    /// Set when there was a tag: identifier 0 is a priority tag, not the absence of one.
    pub const PRESENT: u16 = 0x8000;
    /// The identifier's bits.
    pub const ID: u16 = 0x0fff;
}
