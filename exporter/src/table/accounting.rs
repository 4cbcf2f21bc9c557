//! Which hook accounts for each direction of a flow, and what the other hooks on its way saw: the path.
//!
//! The rule: of the hooks that saw the packets of a direction before its first record, the one whose interface comes first in
//! the order of [`Role`](crate::flow::Role); of one role an ingress before an egress, because a packet comes in before it goes
//! out; then the one with the earliest packet, then the lesser number. So of eth0, its bond0 and bond0.100 it is bond0, and of a
//! pod's port and the uplink the pod's port, in whatever order the packets pass them.
//!
//! The choice holds for the flow's life: a hook that appears later is on the path. When the accounting hook leaves, the next by
//! the same rule takes over, with what it saw in that interval beyond what the old one counted. Uplinks, and members of a bond,
//! share a direction's packets instead of seeing the same ones: those of one role and direction account together.

use smallvec::SmallVec;

use crate::clock::MonotonicTime;
use crate::flow::{
    Counts, Direction, Ecn, Hook, HookId, Hooks, Mac, NetworkId, Observation, Role, TcpFlags, Vlan,
};
use crate::ledger::Ledger;
use crate::table::conversation::Side;
use crate::table::path::Settled;
use crate::table::shared::Shared;
use crate::table::uses::Uses;

/// What hooks saw of both directions of a flow since its last record.
#[derive(Debug, Default)]
pub(super) struct Accounting {
    leads: [Option<Lead>; 2],
    /// One for each hook and direction, from the first packet of an interval to its record. Not a part of the flow: most flows
    /// are silent most of the time.
    tallies: Vec<Tally>,
}

/// The accounting hook of a direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    pub(super) hook: HookId,
    point: Point,
    /// First packet; what was seen after the first record does not count.
    first: MonotonicTime,
    /// Who sent the direction's first frame, where the device has a link layer. Never changes once `fixed`.
    pub(super) mac: Option<Mac>,
    /// Tags of the direction's first frame. Never changes once `fixed`.
    pub(super) vlan: Vlan,
    /// A record has said that this hook accounts for the direction.
    fixed: bool,
    /// The hook has left, and others still see packets.
    left: bool,
}

/// What one hook saw of one direction in the interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    pub(super) hook: HookId,
    pub(super) side: Side,
    point: Point,
    /// First packet of the interval, precise.
    pub(super) first: MonotonicTime,
    /// DSCP of the first packet.
    dscp: u8,
    ecn: Ecn,
    tcp_flags: TcpFlags,
    /// Source and destination of the first frame, where the device has a link layer.
    pub(super) macs: Option<(Mac, Mac)>,
    pub(super) counts: Counts,
}

/// Where a hook stands in the order of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    role: Role,
    direction: Direction,
}

/// One direction's share of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Share {
    pub(super) counts: Counts,
    pub(super) ecn: Ecn,
    pub(super) tcp_flags: TcpFlags,
    pub(super) dscp: Option<u8>,
}

impl Point {
    fn of(hook: &Hook) -> Self {
        Self { role: hook.role, direction: hook.direction }
    }

    /// Whether hooks of both points share packets instead of seeing the same ones.
    fn is_beside(self, other: Self) -> bool {
        self == other && self.role.is_exclusive()
    }
}

impl Lead {
    fn of(observation: &Observation, point: Point) -> Self {
        Self {
            hook: observation.hook,
            point,
            first: observation.first,
            mac: observation.macs.map(|(source, _)| source),
            vlan: observation.vlan,
            fixed: false,
            left: false,
        }
    }

    /// Whether this observation comes before the other. What else differs decides last, so that the order of arrival never does.
    fn is_before(&self, other: &Self) -> bool {
        let key = |lead: &Self| {
            let Vlan { outer, inner } = lead.vlan;
            (lead.point, lead.first, lead.hook, lead.mac.map(|mac| mac.0), outer, inner)
        };
        key(self) < key(other)
    }

    fn accounts_for(&self, tally: &Tally) -> bool {
        !self.fixed || self.hook == tally.hook || self.point.is_beside(tally.point)
    }
}

impl Tally {
    fn of(side: Side, observation: &Observation, point: Point) -> Self {
        Self {
            hook: observation.hook,
            side,
            point,
            first: observation.first,
            dscp: observation.dscp,
            ecn: observation.ecn,
            tcp_flags: observation.tcp_flags,
            macs: observation.macs,
            counts: observation.counts,
        }
    }

    /// The place by the rule.
    fn rank(&self) -> (Point, MonotonicTime, HookId) {
        (self.point, self.first, self.hook)
    }

    fn add(&mut self, observation: &Observation) {
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
    fn add(&mut self, tally: &Tally, counts: Counts) {
        self.counts += counts;
        self.ecn.0 |= tally.ecn.0;
        self.tcp_flags.0 |= tally.tcp_flags.0;
        self.dscp.get_or_insert(tally.dscp);
    }
}

impl Accounting {
    pub(super) fn lead(&self, side: Side) -> Option<&Lead> {
        self.leads[side as usize].as_ref()
    }

    /// The network of the accounting hooks: this one, if one of them is in it, or if there are none.
    pub(super) fn network(&self, now: NetworkId, hooks: &Hooks) -> NetworkId {
        let leads = self.leads.iter().flatten();
        let networks: SmallVec<[NetworkId; 2]> = leads.map(|lead| hooks.network(lead.hook)).collect();
        networks.iter().find(|network| **network == now).or(networks.first()).copied().unwrap_or(now)
    }

    /// Takes an observation of the packets that `side` sent. Says whether [`first`](Self::first) may be another one than before.
    pub(super) fn take(
        &mut self,
        side: Side,
        observation: &Observation,
        hooks: &Hooks,
        shared: &mut Shared,
    ) -> bool {
        let point = Point::of(hooks.get(observation.hook));
        let new = Lead::of(observation, point);
        let lead = self.leads[side as usize].get_or_insert_with(|| {
            shared.uses.add(new.hook);
            new
        });
        if !lead.fixed && new.is_before(lead) {
            shared.uses.change(lead.hook, new.hook);
            *lead = new;
        }
        let tally = Tally::of(side, observation, point);
        let has_just_left = !lead.left && !lead.accounts_for(&tally) && hooks.has_left(lead.hook);
        lead.left |= has_just_left;
        let is_due = lead.left || lead.accounts_for(&tally);
        let is_same = |known: &&mut Tally| known.hook == tally.hook && known.side == side;
        if let Some(known) = self.tallies.iter_mut().find(is_same) {
            let before = known.first;
            known.add(observation);
            return has_just_left || (is_due && known.first != before);
        }
        shared.uses.add(tally.hook);
        let len = self.tallies.len();
        if len == 0 {
            self.tallies = shared.list();
        }
        if len == self.tallies.capacity() {
            // Both directions at one hook, then at two, and so on: by itself a vector begins with room for four.
            self.tallies.reserve_exact(len.max(2));
        }
        self.tallies.push(tally);
        is_due
    }

    /// The first packet since the last record that the next one will count.
    pub(super) fn first(&self) -> Option<MonotonicTime> {
        self.tallies.iter().filter(|tally| self.is_due(tally)).map(|tally| tally.first).min()
    }

    /// The first packet that `side` sent in the interval, at any hook.
    pub(super) fn first_of(&self, side: Side) -> Option<MonotonicTime> {
        self.tallies.iter().filter(|tally| tally.side == side).map(|tally| tally.first).min()
    }

    /// Fixes the accounting hooks of the directions that were seen, and takes what they saw. The packets of the others are on the
    /// path from then on.
    pub(super) fn settle(&mut self, ledger: &Ledger, uses: &mut Uses) -> Settled {
        let mut settled = Settled { hops: std::mem::take(&mut self.tallies), ..Settled::default() };
        for side in Side::BOTH {
            let Some(lead) = &mut self.leads[side as usize] else { continue };
            let mut tallies: SmallVec<[&Tally; 2]> =
                settled.hops.iter().filter(|tally| tally.side == side).collect();
            if tallies.is_empty() {
                continue;
            }
            lead.fixed = true;
            // Those that account come first, the one that takes over next.
            tallies.sort_unstable_by_key(|tally| (!lead.accounts_for(tally), tally.rank()));
            let share = &mut settled.shares[side as usize];
            // What the hook that left has counted of the packets that its successor saw too.
            let mut covered = Counts::default();
            for tally in tallies {
                if !lead.accounts_for(tally) && std::mem::take(&mut lead.left) {
                    uses.change(lead.hook, tally.hook);
                    (lead.hook, lead.point) = (tally.hook, tally.point);
                    covered = share.counts;
                }
                let counted = if lead.accounts_for(tally) {
                    tally.counts.saturating_sub(covered)
                } else {
                    Counts::default()
                };
                covered = covered.saturating_sub(tally.counts);
                if !counted.is_zero() {
                    share.add(tally, counted);
                    settled.accounted.push((side, tally.hook, counted));
                }
                let passed = tally.counts - counted;
                if !passed.is_zero() {
                    ledger.on_path(tally.hook, passed);
                }
            }
        }
        for hop in &settled.hops {
            uses.remove(hop.hook);
        }
        settled
    }

    /// Forgets the hooks. There is nothing left to settle.
    pub(super) fn end(self, uses: &mut Uses) {
        for lead in self.leads.into_iter().flatten() {
            uses.remove(lead.hook);
        }
    }

    /// Whether a tally is reason for a record.
    fn is_due(&self, tally: &Tally) -> bool {
        self.leads[tally.side as usize].is_some_and(|lead| lead.left || lead.accounts_for(tally))
    }
}
