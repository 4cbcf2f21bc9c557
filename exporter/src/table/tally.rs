//! How the observations of one direction become the counts of one hook.
//!
//! The hook that accounts for a direction is the one with the earliest packet, and that is known only when the drain is over.
//! Until the flow's first record for the direction every hook keeps its tally, and the earliest observation its facts. After
//! it only the accounting hook is tallied; the others are on the path.

use crate::clock::MonotonicTime;
use crate::flow::{Counts, Ecn, HookId, Mac, Observation, TcpFlags, Vlan};
use crate::table::conversation::Side;

/// What an observation was to its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It may account for the direction, and is its earliest of the interval so far.
    Lead,
    /// It may account for the direction.
    Tally,
    /// Another hook accounts for the direction.
    Path,
    /// The flow is not reported.
    Excluded,
}

/// The earliest observation of a direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    /// Where: the accounting hook once `fixed`.
    pub(super) hook: HookId,
    /// First packet of the interval; stale if the hook has no tally.
    pub(super) first: MonotonicTime,
    /// Who sent the direction's first frame, where the device has a link layer. Never changes once `fixed`.
    pub(super) mac: Option<Mac>,
    /// Tags of the direction's first frame. Never changes once `fixed`.
    pub(super) vlan: Vlan,
    /// DSCP of the interval's first packet; stale if the hook has no tally.
    pub(super) dscp: u8,
    /// A record has said that this hook accounts for the direction.
    pub(super) fixed: bool,
}

/// What one hook counted of one direction in the interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    pub(super) hook: HookId,
    pub(super) side: Side,
    pub(super) ecn: Ecn,
    pub(super) tcp_flags: TcpFlags,
    pub(super) counts: Counts,
}

impl Lead {
    pub(super) fn of(observation: &Observation) -> Self {
        Self {
            hook: observation.hook,
            first: observation.first,
            mac: observation.macs.map(|(source, _)| source),
            vlan: observation.vlan,
            dscp: observation.dscp,
            fixed: false,
        }
    }

    /// Whether this observation comes before the other. Of the same time, the lesser hook decides, and then what else
    /// differs, so that the order of arrival never does.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        let key = |lead: &Self| {
            let Vlan { outer, inner } = lead.vlan;
            (lead.first, lead.hook, lead.dscp, lead.mac.map(|mac| mac.0), outer, inner)
        };
        key(self) < key(other)
    }
}

impl Tally {
    pub(super) fn of(side: Side, observation: &Observation) -> Self {
        Self {
            hook: observation.hook,
            side,
            ecn: observation.ecn,
            tcp_flags: observation.tcp_flags,
            counts: observation.counts,
        }
    }

    pub(super) fn add(&mut self, observation: &Observation) {
        self.counts += observation.counts;
        self.ecn.0 |= observation.ecn.0;
        self.tcp_flags.0 |= observation.tcp_flags.0;
    }
}
