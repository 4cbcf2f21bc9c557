//! How well a TCP connection does, as one hook sees it on one CPU in one generation.

/// What the programs note beside an [`Entry`](crate::Entry) of TCP, under the entry's number. 32 bytes: two on a cache line.
///
/// Numbers of segments are those on the wire, and stay at the greatest number that they can hold. A program that takes an entry
/// clears this with it; of a capture, a new entry goes on with what the one before told of the sequence numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpQuality {
    /// The highest sequence number seen and one more: where the next new segment begins. 0 means "none", which costs one segment in 2^32
    /// bytes its place.
    pub sequence_end: u32,
    /// When the last segment that left a gap before it was sent, at the latest, by the sender's clock or else by this
    /// machine's; 0 means "none".
    pub gap_at: u32,
    /// Segments that were sent again.
    pub retransmits: u32,
    /// Payload bytes of these segments, modulo 2^32.
    pub retransmitted_bytes: u32,
    /// Segments that came after one that was sent later.
    pub out_of_order: u16,
    /// Segments that say that their sender has no room to receive.
    pub zero_windows: u16,
    /// Of the sender's socket, as last looked at: smoothed round-trip time in units of 1/8 us; 0 if no socket was there.
    pub smoothed_rtt: u32,
    /// Of the sender's socket: least round-trip time of the last minutes, in microseconds; the greatest number if it has none. Without
    /// a socket: see [`round_trips`](Self::round_trips).
    pub min_rtt: u32,
    /// Of the sender's socket: segments that it has sent again, ever. Without a socket: see [`round_trips`](Self::round_trips).
    pub total_retransmits: u32,
}

impl TcpQuality {
    /// Takes a round trip from the hook to the sender and back, by timestamps, in units of 1024 ns and not 0. Not to be called once
    /// a socket was met, which has the place.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn add_round_trip(&mut self, time: u32) {
        self.total_retransmits = time;
        if self.min_rtt == 0 || time < self.min_rtt {
            self.min_rtt = time;
        }
    }

    /// The last and the least round trip that were added, if there was one and no socket was met.
    #[must_use]
    pub const fn round_trips(&self) -> Option<(u32, u32)> {
        if self.smoothed_rtt != 0 || self.min_rtt == 0 {
            return None;
        }
        Some((self.total_retransmits, self.min_rtt))
    }
}

const _: () = assert!(size_of::<TcpQuality>() == 32);
