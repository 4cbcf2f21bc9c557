//! What the sequence numbers of one direction of a TCP connection tell, segment by segment: what was sent again, and what came
//! out of order.
//!
//! The rule, of a segment that ends at or before the highest end seen:
//! - It came out of order if it was sent no later than a segment that left a gap before it: when a segment is sent again, the
//!   sender has learnt of the gap from what came after it, a round trip later. When it was sent, says its timestamp (RFC 7323), in
//!   ticks of the sender's clock, mostly milliseconds. Without timestamps it is when the segment came, and a segment that comes
//!   within two timer ticks of the one that left a gap is taken for one out of order.
//! - Else it was sent again. Without a gap before it that is certain, but for a packet that the network doubled.
//! - It is neither if it has one byte at most, the last one again: that is how a silent connection is kept alive, and how a
//!   closed window is asked about (RFC 9293 sections 3.8.4 and 3.8.6.1).
//!
//! Who sees a part of the segments only, because a connection moves between CPUs or its generation began late, sees gaps that
//! nothing fills; in what is in order, it never sees an old segment. What was sent again may then look new: there are never
//! too many, but at times too few.

use abi::{TcpQuality, tcp_flags};

/// Sequence numbers that are further apart belong to different connections: no window is larger (RFC 7323 section 2.3).
const LARGEST_WINDOW: u32 = 1 << 30;

/// A segment, or those of a GSO or GRO packet.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Sequence number of the first byte.
    pub sequence: u32,
    /// Payload bytes.
    pub payload_len: u32,
    /// TCP flags ([`tcp_flags`]).
    pub flags: u16,
    /// Window, not scaled.
    pub window: u16,
    /// Segments on the wire.
    pub segments: u32,
}

/// When a segment was sent, on some clock that may start again from 0. Of two segments, by the same clock.
#[derive(Clone, Copy, Debug)]
pub struct SentAt {
    /// The time.
    pub time: u32,
    /// How much later a segment may seem to be sent that was sent before this one.
    pub tolerance: u32,
}

impl SentAt {
    /// By the timestamp in the segment (TSval).
    #[inline(always)]
    #[must_use]
    pub const fn timestamp(value: u32) -> Self {
        Self { time: value, tolerance: 0 }
    }

    /// By the timer tick in which it came.
    #[inline(always)]
    #[must_use]
    pub const fn tick(number: u32) -> Self {
        Self { time: number, tolerance: 1 }
    }

    /// Of a segment that was sent before this one; never 0.
    #[inline(always)]
    const fn latest(self) -> u32 {
        let latest = self.time.wrapping_add(self.tolerance);
        if latest == 0 { 1 } else { latest }
    }
}

impl Segment {
    /// Notes a segment as [`note`](Self::note) does if it is one of the commonest, in few instructions: the next one, or one
    /// without payload. Else it does nothing, and says so.
    #[inline(always)]
    pub fn note_plain<'quality>(&self, quality: impl FnOnce() -> Option<&'quality mut TcpQuality>) -> bool {
        if self.window == 0 || self.flags & (tcp_flags::SYN | tcp_flags::FIN | tcp_flags::RST) != 0 {
            return false;
        }
        if self.payload_len == 0 {
            return true;
        }
        let Some(quality) = quality() else { return true };
        if quality.sequence_end != self.sequence || self.sequence == 0 {
            return false;
        }
        quality.sequence_end = self.sequence.wrapping_add(self.payload_len);
        true
    }

    /// Adds the segment to what is known of its sender, and tells whether some of it was there before. `sent_at` is asked of few
    /// segments.
    #[inline(always)]
    pub fn note(&self, quality: &mut TcpQuality, sent_at: impl Fn() -> SentAt) -> bool {
        let has = |flag: u16| self.flags & flag != 0;
        if has(tcp_flags::RST) {
            return false; // Its numbers and its window say nothing.
        }
        if self.window == 0 && !has(tcp_flags::SYN) {
            quality.zero_windows = quality.zero_windows.saturating_add(1);
        }
        let space = self.payload_len + u32::from(has(tcp_flags::SYN)) + u32::from(has(tcp_flags::FIN));
        if space == 0 {
            return false;
        }
        let end = self.sequence.wrapping_add(space);
        if quality.sequence_end == self.sequence && self.sequence != 0 {
            quality.sequence_end = end;
            return false;
        }
        self.note_unexpected(quality, end, space, sent_at)
    }

    /// A segment that does not begin where the one before ended.
    #[inline(always)]
    fn note_unexpected(
        &self,
        quality: &mut TcpQuality,
        end: u32,
        space: u32,
        sent_at: impl Fn() -> SentAt,
    ) -> bool {
        let highest = quality.sequence_end;
        let ahead = end.wrapping_sub(highest);
        let is_new = ahead.wrapping_sub(1) < LARGEST_WINDOW;
        let is_old = highest.wrapping_sub(end) < LARGEST_WINDOW;
        let is_opening = self.flags & tcp_flags::SYN != 0;
        if highest == 0 || !(is_new || is_old) || (is_opening && ahead != 0) {
            // The first that is seen, or the first of a new connection. Before the first that is seen may be a gap.
            quality.sequence_end = end;
            quality.gap_at = if is_opening { 0 } else { sent_at().latest() };
            return false;
        }
        if is_new {
            quality.sequence_end = end;
            if ahead > space {
                quality.gap_at = sent_at().latest();
                return false;
            }
            // Bytes in front of the new ones were there before. Those of a plain segment are none.
            let again = space - ahead;
            if again != 0 {
                quality.retransmits = quality.retransmits.saturating_add(1);
                quality.retransmitted_bytes = quality.retransmitted_bytes.wrapping_add(again);
            }
            return again != 0;
        }
        if ahead == 0 && space == 1 && self.payload_len == 1 {
            return false;
        }
        if quality.gap_at != 0 && quality.gap_at.wrapping_sub(sent_at().time) < 1 << 31 {
            let segments = u16::try_from(self.segments).unwrap_or(u16::MAX);
            quality.out_of_order = quality.out_of_order.saturating_add(segments);
            return true;
        }
        quality.retransmits = quality.retransmits.saturating_add(self.segments);
        quality.retransmitted_bytes = quality.retransmitted_bytes.wrapping_add(self.payload_len);
        true
    }
}
