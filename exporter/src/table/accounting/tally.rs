//! What one hook saw of one direction of a flow in an interval.

use crate::clock::MonotonicTime;
use crate::flow::{Counts, Direction, Ecn, Hook, HookId, Hooks, Mac, Observation, Role, TcpFlags};
use crate::table::conversation::Side;

/// What one hook saw of one direction in the interval.
#[derive(Clone, Copy, Debug)]
pub(in crate::table) struct Tally {
    pub(in crate::table) hook: HookId,
    pub(in crate::table) side: Side,
    /// As far as is known, the next record carries its packets.
    pub(super) accounts: bool,
    /// There are packets from before the turn to this interval's first generation was over: copies of them may have been read before.
    pub(super) is_early: bool,
    /// First packet of the interval, precise.
    pub(in crate::table) first: MonotonicTime,
    /// DSCP of the first packet.
    dscp: u8,
    ecn: Ecn,
    tcp_flags: TcpFlags,
    /// Source and destination of the first frame, where the device has a link layer.
    pub(in crate::table) macs: Option<(Mac, Mac)>,
    pub(in crate::table) counts: Counts,
}

/// Where a hook stands in the order of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    role: Role,
    direction: Direction,
}

/// One direction's share of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::table) struct Share {
    pub(in crate::table) counts: Counts,
    pub(in crate::table) ecn: Ecn,
    pub(in crate::table) tcp_flags: TcpFlags,
    pub(in crate::table) dscp: Option<u8>,
}

impl Point {
    pub(super) fn of(hook: &Hook) -> Self {
        Self { role: hook.role, direction: hook.direction }
    }
}

impl Tally {
    /// `parted` is when the turn was over that ended the reading before.
    pub(super) fn of(side: Side, observation: &Observation, parted: MonotonicTime) -> Self {
        Self {
            hook: observation.hook,
            side,
            accounts: true,
            is_early: observation.first <= parted,
            first: observation.first,
            dscp: observation.dscp,
            ecn: observation.ecn,
            tcp_flags: observation.tcp_flags,
            macs: observation.macs,
            counts: observation.counts,
        }
    }

    /// The place by the rule.
    pub(super) fn rank(&self, hooks: &Hooks) -> (Point, MonotonicTime, HookId) {
        (Point::of(hooks.get(self.hook)), self.first, self.hook)
    }

    pub(super) fn add(&mut self, observation: &Observation, parted: MonotonicTime) {
        self.is_early |= observation.first <= parted;
        self.counts += observation.counts;
        self.ecn.0 |= observation.ecn.0;
        self.tcp_flags.0 |= observation.tcp_flags.0;
        let macs = |macs: Option<(Mac, Mac)>| macs.map(|(source, destination)| (source.0, destination.0));
        let new = (observation.first, observation.dscp, macs(observation.macs));
        if new < (self.first, self.dscp, macs(self.macs)) {
            (self.first, self.dscp, self.macs) = (observation.first, observation.dscp, observation.macs);
        }
    }
}

impl Share {
    pub(super) fn add(&mut self, tally: &Tally, counts: Counts) {
        self.counts += counts;
        self.ecn.0 |= tally.ecn.0;
        self.tcp_flags.0 |= tally.tcp_flags.0;
        self.dscp.get_or_insert(tally.dscp);
    }
}
