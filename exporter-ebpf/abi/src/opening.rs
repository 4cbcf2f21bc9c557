//! Which connection a TCP segment opens, or refuses: connections of the same addresses and ports, one after the other, are told apart
//! by the initial sequence number of the end that opened them (RFC 9293 section 3.4.1).

use crate::{Entry, seen, tcp_flags};

/// What a segment says of the opening of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// TCP flags ([`tcp_flags`]).
    pub flags: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Initial sequence number of the end that opens the connection, or 0 where the segment does not say it.
    pub initial: u32,
}

impl Opening {
    /// Of a segment with these numbers. The initial sequence number is its own if it is a SYN; a SYN-ACK acknowledges it, and so does
    /// the reset that refuses a connection (RFC 9293 section 3.10.7.1).
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn of(flags: u16, sequence: u32, acknowledgement: u32) -> Self {
        let initial = match flags & (tcp_flags::SYN | tcp_flags::ACK | tcp_flags::RST) {
            tcp_flags::SYN => sequence,
            SYN_ACK => acknowledgement.wrapping_sub(1),
            RST_ACK if sequence == 0 => acknowledgement.wrapping_sub(1),
            _ => 0,
        };
        Self { flags, sequence, initial }
    }

    /// Of a segment whose numbers are out of reach.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn unknown(flags: u16) -> Self {
        Self { flags, sequence: 0, initial: 0 }
    }

    /// Whether the segment cannot be of the connection that an entry has segments of: it opens or refuses one of another number, or opens
    /// one where its side is past opening, because it has sent a segment with ACK alone, FIN or RST.
    #[inline(always)]
    #[must_use]
    #[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
    pub const fn is_of_another(self, entry: &Entry) -> bool {
        let known = entry.facts.initial;
        let are_known = known != 0 && self.initial != 0;
        // Where both ends open it at once, a side's SYN-ACK has the number of its SYN.
        let differs = are_known && self.initial != known && self.sequence != known;
        let is_opening = self.flags & (tcp_flags::SYN | tcp_flags::RST) == tcp_flags::SYN;
        let ended = seen::tcp_flags(entry.counts.seen) & (tcp_flags::FIN | tcp_flags::RST) != 0;
        differs || is_opening && (entry.facts.ack_ns != 0 || ended)
    }
}

const SYN_ACK: u16 = tcp_flags::SYN | tcp_flags::ACK;
const RST_ACK: u16 = tcp_flags::RST | tcp_flags::ACK;

#[cfg(test)]
mod tests {
    use super::{Opening, RST_ACK, SYN_ACK};
    use crate::tcp_flags::{ACK, FIN, PSH, RST, SYN};
    use crate::{Counts, Entry, Facts};

    /// A side that has sent these flags, of the connection with this number.
    fn side(flags: u16, initial: u32) -> Entry {
        let ack_ns = u64::from(flags & ACK != 0 && flags != SYN_ACK && flags != RST_ACK);
        Entry {
            counts: Counts { seen: flags, ..Counts::default() },
            facts: Facts { ack_ns, initial, ..Facts::default() },
            ..Entry::default()
        }
    }

    #[test]
    fn three_kinds_of_segments_say_which_connection_it_is() {
        let initial =
            |flags, sequence, acknowledgement| Opening::of(flags, sequence, acknowledgement).initial;
        assert_eq!(initial(SYN, 7, 0), 7);
        assert_eq!(initial(SYN_ACK, 99, 8), 7);
        assert_eq!(initial(RST_ACK, 0, 8), 7);
        assert_eq!(initial(RST_ACK, 99, 8), 0, "a reset of what was open");
        assert_eq!(initial(ACK | PSH, 8, 100), 0);
        assert_eq!(initial(SYN | RST, 8, 100), 0, "nothing that TCP sends");
    }

    #[test]
    fn what_is_sent_again_is_of_the_same_connection() {
        assert!(!Opening::of(SYN, 7, 0).is_of_another(&side(SYN, 7)));
        assert!(!Opening::of(SYN_ACK, 99, 8).is_of_another(&side(SYN_ACK, 7)));
        assert!(!Opening::of(RST_ACK, 0, 8).is_of_another(&side(RST_ACK, 7)));
    }

    #[test]
    fn another_number_is_another_connection() {
        assert!(Opening::of(SYN, 8, 0).is_of_another(&side(SYN, 7)));
        assert!(Opening::of(SYN_ACK, 99, 9).is_of_another(&side(SYN_ACK, 7)));
        assert!(Opening::of(RST_ACK, 0, 9).is_of_another(&side(RST_ACK, 7)));
    }

    #[test]
    fn a_side_that_opens_as_the_other_one_does_is_of_one_connection() {
        assert!(!Opening::of(SYN_ACK, 7, 51).is_of_another(&side(SYN, 7)));
    }

    #[test]
    fn a_side_past_opening_opens_another_one_whatever_its_number() {
        for past in [ACK, SYN | ACK | FIN, RST] {
            assert!(Opening::of(SYN, 8, 0).is_of_another(&side(past, 0)));
            assert!(Opening::of(SYN, 7, 0).is_of_another(&side(past, 7)));
            assert!(Opening::unknown(SYN).is_of_another(&side(past, 7)));
            assert!(!Opening::of(ACK, 8, 0).is_of_another(&side(past, 0)));
        }
        assert!(!Opening::of(SYN, 8, 0).is_of_another(&side(SYN, 0)));
    }
}
