//! What went wrong with packets of one flow: those that the kernel dropped, and those that an ICMP error is about.

use crate::clock::MonotonicTime;
use crate::flow::{DropCount, Dropped, FlowError, IcmpError};
use crate::table::conversation::Side;
use crate::table::drops::Drops;
use crate::table::icmp_errors::IcmpErrors;
use crate::table::tcp::Silence;

/// Few flows have any.
#[derive(Debug, Default)]
pub(super) struct Mishaps {
    drops: Option<Box<Drops>>,
    icmp_errors: Option<Box<IcmpErrors>>,
}

/// What a record says of them.
pub(super) struct Told {
    pub(super) drops: Vec<DropCount>,
    pub(super) icmp_errors: Vec<FlowError>,
}

impl Mishaps {
    /// Takes packets that `side` sent and the kernel dropped. Says whether there was room.
    pub(super) fn lose(&mut self, side: Side, dropped: &Dropped) -> bool {
        self.drops.get_or_insert_default().absorb(side, dropped)
    }

    /// Takes an ICMP error that is about a packet of `side`. Says whether there was room.
    pub(super) fn is_told(&mut self, side: Side, error: IcmpError, time: MonotonicTime) -> bool {
        self.icmp_errors.get_or_insert_default().absorb(side, error, time)
    }

    /// The first of the interval.
    pub(super) fn first(&self) -> Option<MonotonicTime> {
        let dropped = self.drops.as_ref().and_then(|drops| drops.first());
        let error = self.icmp_errors.as_ref().and_then(|errors| errors.first());
        dropped.into_iter().chain(error).min()
    }

    /// The first dropped packet of the interval that `side` sent.
    pub(super) fn first_dropped_of(&self, side: Side) -> Option<MonotonicTime> {
        self.drops.as_ref().and_then(|drops| drops.first_of(side))
    }

    /// Whether the end was seen to which a connection was to be opened, and if not, whether somebody says why.
    pub(super) fn silence(&self, is_answered: bool) -> Silence {
        match &self.icmp_errors {
            _ if is_answered => Silence::None,
            Some(errors) if errors.is_unreachable => Silence::Unreachable,
            _ => Silence::Unexplained,
        }
    }

    /// What the record says.
    pub(super) fn settle(&mut self, source: Side) -> Told {
        Told {
            // Given back: each flow may have some once, and the kernel tells of few at a time.
            drops: self.drops.take().map_or_else(Vec::new, |drops| drops.settle(source)),
            icmp_errors: self.icmp_errors.as_mut().map_or_else(Vec::new, |errors| errors.settle(source)),
        }
    }
}
