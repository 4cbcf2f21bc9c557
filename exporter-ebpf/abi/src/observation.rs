//! What one hook saw of one 5-tuple on one CPU in one generation.

/// What every packet of an observation writes. 12 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frame bytes on the wire, modulo 2^32.
    pub bytes: u32,
    /// Packets on the wire, modulo 2^32.
    pub packets: u32,
    /// Low bits of the kernel's timer tick at the last packet: a load, where reading a clock is a call. A generation is read
    /// before they repeat, which takes a minute at 1000 ticks a second.
    pub last_tick: u16,
    /// What was seen so far ([`seen`]).
    pub seen: u16,
}

const _: () = assert!(size_of::<Counts>() == 12);

/// What the first packet of an observation says, and what few others add. 64 bytes. Times are nanoseconds of
/// `CLOCK_MONOTONIC`; 0 means "not seen".
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// How often [`Counts::bytes`] started again from 0.
    pub bytes_high: u16,
    /// How often [`Counts::packets`] started again from 0.
    pub packets_high: u16,
    /// [`Counts::last_tick`] of the first packet.
    pub first_tick: u16,
    /// When the second SYN (or SYN-ACK) came ([`opened_again`]), or that of the two which came earlier; 0 means "not seen".
    pub opened_again: u16,
    /// First packet, precise clock.
    pub first_ns: u64,
    /// First TCP segment with SYN and without ACK and RST, precise clock.
    pub syn_ns: u64,
    /// First TCP segment with SYN and ACK and without RST, precise clock.
    pub syn_ack_ns: u64,
    /// First TCP segment with ACK and without SYN and RST, precise clock.
    pub ack_ns: u64,
    /// Destination MAC of the first packet; zeros on a device without a link-layer header.
    pub dst_mac: [u8; 6],
    /// Source MAC of the first packet; zeros on a device without a link-layer header.
    pub src_mac: [u8; 6],
    /// Outer VLAN tag of the first packet ([`vlan`]).
    pub vlan_outer: u16,
    /// Inner VLAN tag of the first packet ([`vlan`]).
    pub vlan_inner: u16,
    /// DSCP of the first packet, 0 to 63.
    pub dscp: u8,
    /// Whether the first data is still looked for ([`start`](crate::start)).
    pub start: u8,
    /// Bits of [`Counts::seen`] that were seen and are kept out of it, so that the next packet with one of them gets a second look.
    pub withheld: u16,
    /// Which connection was opened, or refused ([`Opening::initial`](crate::Opening::initial)); 0 if neither was seen.
    pub initial: u32,
}

const _: () = assert!(size_of::<Facts>() == 64);

/// Bits of [`Counts::seen`]: all TCP flags, reserved bits included ([`tcp_flags`]), and above them the ECN codepoints, one bit
/// each (RFC 3168).
pub mod seen {
    use super::tcp_flags;

    const ECN_AT: u32 = 12;

    /// The bits of the ECN codepoints, of which each packet has one.
    pub const ECN: u16 = 0xf << ECN_AT;

    /// What a packet with these TCP flags and this DS field shows.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn of(tcp_flags: u16, traffic_class: u8) -> u16 {
        tcp_flags | 1 << (ECN_AT + (traffic_class & 3) as u32)
    }

    /// TCP flags seen.
    #[must_use]
    pub const fn tcp_flags(seen: u16) -> u16 {
        seen & tcp_flags::ALL
    }

    /// ECN codepoints seen: bit n is codepoint n.
    #[must_use]
    pub const fn ecn(seen: u16) -> u8 {
        (seen >> ECN_AT) as u8
    }
}

/// Bits of a segment, as in bytes 12 and 13 of the TCP header (RFC 9293, RFC 9768).
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

/// [`Facts::opened_again`]: the time from the first segment of its kind, in units of 2^20 ns, rounded down, and one more.
pub mod opened_again {
    const UNIT: u32 = 20;
    const MOST: u64 = u16::MAX as u64 - 1;

    /// What to keep: of more than 68 seconds, that.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    #[expect(clippy::cast_possible_truncation, reason = "see above")]
    pub const fn of(nanoseconds: u64) -> u16 {
        let units = nanoseconds >> UNIT;
        (if units < MOST { units } else { MOST }) as u16 + 1
    }

    /// Nanoseconds, up to a unit too few. `None` if no second segment was seen.
    #[must_use]
    pub const fn nanoseconds(kept: u16) -> Option<u64> {
        match kept.checked_sub(1) {
            Some(units) => Some((units as u64) << UNIT),
            None => None,
        }
    }
}

/// VLAN tags as kept in [`Facts`]: the identifier with [`PRESENT`](vlan::PRESENT), or 0 without a tag.
pub mod vlan {
    /// Set when there was a tag: identifier 0 is a priority tag, not the absence of one.
    pub const PRESENT: u16 = 0x8000;
    /// The identifier's bits.
    pub const ID: u16 = 0x0fff;
}
