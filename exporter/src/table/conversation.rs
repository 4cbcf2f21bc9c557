//! Both directions of a conversation have one name: the lesser of a tuple and its reverse.
//!
//! So one index entry leads from either direction to the flow, which halves the index. A conversation that is seen under more
//! than one name (before and after NAT) will have one entry per name.

use crate::flow::Tuple;

/// Who sent a packet, as seen from the conversation's name. Says nothing about who began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The packet's tuple is the conversation's name.
    Along,
    /// The packet's tuple is the reverse of the name.
    Against,
}

/// The conversation that a tuple belongs to, and which side sends it.
pub(super) fn of(tuple: &Tuple) -> (Tuple, Side) {
    match tuple.reverse() {
        Some(reverse) if reverse < *tuple => (reverse, Side::Against),
        _ => (*tuple, Side::Along),
    }
}

/// The tuple of the packets that a side of a conversation sends.
pub(super) fn sent_by(side: Side, conversation: &Tuple) -> Tuple {
    match side {
        Side::Along => *conversation,
        // An ICMP message that nothing answers has another end all the same.
        Side::Against => conversation.reverse().unwrap_or(Tuple {
            source: conversation.destination,
            destination: conversation.source,
            source_port: conversation.destination_port,
            destination_port: conversation.source_port,
            ..*conversation
        }),
    }
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Along, Self::Against];

    pub(super) fn other(self) -> Self {
        match self {
            Self::Along => Self::Against,
            Self::Against => Self::Along,
        }
    }
}

/// Neither side, one or both, in a byte: a flow has several of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sides(u8);

impl Sides {
    pub(super) const NONE: Self = Self(0);
    pub(super) const BOTH: Self = Self(0b11);

    /// The lowest two bits, [`Side::Along`] first.
    pub(super) fn of_bits(bits: u32) -> Self {
        Self(bits.to_le_bytes()[0] & Self::BOTH.0)
    }

    pub(super) fn add(&mut self, side: Side) {
        self.0 |= 1 << side as u8;
    }

    pub(super) fn has(self, side: Side) -> bool {
        self.0 & 1 << side as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::support::{icmp, tcp};

    #[test]
    fn both_directions_have_one_name_and_two_sides() {
        let tuple = tcp(1);
        let reverse = tuple.reverse().unwrap();
        assert_eq!(of(&tuple).0, of(&reverse).0);
        assert_eq!(of(&tuple).1, of(&reverse).1.other());
    }

    #[test]
    fn a_tuple_without_reverse_is_its_own_name() {
        let unreachable = icmp(1, 3);
        assert_eq!(of(&unreachable), (unreachable, Side::Along));
    }
}
