//! Which hook accounts for each direction of a flow, and what the other hooks on its way saw: the path.
//!
//! The rule: of the hooks that saw the packets of a direction before its first record, the one whose interface comes first in
//! the order of [`Role`](crate::flow::Role); of one role an ingress before an egress, because a packet comes in before it goes
//! out; then the one with the earliest packet, then the lesser number. So of eth0, its bond0 and bond0.100 it is bond0, and of a
//! pod's port and the uplink the pod's port, in whatever order the packets pass them.
//!
//! The choice holds for the flow's life: a hook that appears later is on the path. When the accounting hook leaves, the next by
//! the same rule takes over. Hooks that share a direction's packets instead of seeing the same ones ([`beside`]) account together.
//! What passes none of these hooks counts where it is seen ([`beyond`]).

mod beside;
mod beyond;
mod tally;

use smallvec::SmallVec;

use crate::clock::MonotonicTime;
use crate::flow::{HookId, Hooks, Mac, NetworkId, Observation, Vlan};
use crate::ledger::Ledger;
use crate::table::conversation::Side;
use crate::table::path::Settled;
use crate::table::reuse::Reading;
use crate::table::shared::Shared;
use crate::table::uses::Uses;

use self::beside::{are_apart, are_beside, are_ports_of_switches};
use self::beyond::{Beyond, Comparison, Even};
use self::tally::{Point, saturating};

pub(super) use self::tally::{Share, Tally};

/// What hooks saw of both directions of a flow since its last record.
#[derive(Debug)]
pub(super) struct Accounting {
    leads: [Option<Lead>; 2],
    /// One for each hook and direction, from the first packet of an interval to its record. Not a part of the flow: most flows
    /// are silent most of the time.
    tallies: Vec<Tally>,
    /// Of a flow that other hooks see too, and differently.
    beyond: Option<Box<Beyond>>,
    even: Even,
    /// Packets of each side that were counted in the last interval, if the flow was not silent since.
    before: [u32; 2],
    /// The last reading that brought packets.
    heard: Reading,
}

/// How much is known of what is under way when a record is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// No reading is complete since the record before.
    Early,
    /// Packets may be under way.
    Running,
    /// The flow was silent for a reading, or is over.
    Silent,
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
    /// Never less.
    ways: Ways,
}

/// What is known of the ways of a direction's packets, in a byte: a flow has it twice.
#[derive(Clone, Copy, Debug, Default)]
struct Ways(u8);

impl Ways {
    /// They pass hooks of the lead's namespace in both directions, or may be copied: no two hooks share them by what they are.
    const PASSING: u8 = 1;
    /// A hook saw them that may lead from one switch to another.
    const JOINED: u8 = 2;
    /// There were fragments.
    const CUT: u8 = 4;

    fn add(&mut self, way: u8, is_so: bool) {
        self.0 |= if is_so { way } else { 0 };
    }

    fn has(self, way: u8) -> bool {
        self.0 & way != 0
    }
}

impl Lead {
    /// Whether packets passed a hook of the same namespace in the other direction.
    fn is_passed(&self, tallies: &[&Tally], hooks: &Hooks) -> bool {
        let here = hooks.get(self.hook);
        tallies
            .iter()
            .map(|tally| hooks.get(tally.hook))
            .any(|hook| hook.scope == here.scope && hook.direction != here.direction)
    }

    fn of(observation: &Observation, point: Point) -> Self {
        Self {
            hook: observation.hook,
            point,
            first: observation.first,
            mac: observation.macs.map(|(source, _)| source),
            vlan: observation.vlan,
            fixed: false,
            left: false,
            ways: Ways::default(),
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
}

impl Accounting {
    /// Of a flow whose first packet this reading brings.
    pub(super) fn new(reading: Reading) -> Self {
        Self {
            leads: [None; 2],
            tallies: Vec::new(),
            beyond: None,
            even: Even::default(),
            before: [0; 2],
            heard: reading,
        }
    }

    /// The last reading that brought packets.
    pub(super) fn heard(&self) -> Reading {
        self.heard
    }

    /// The running reading brings packets.
    pub(super) fn hear(&mut self, reading: Reading, uses: &mut Uses) {
        if self.heard.next() < reading {
            self.rest(uses);
        }
        self.heard = reading;
    }

    pub(super) fn lead(&self, side: Side) -> Option<&Lead> {
        self.leads[side as usize].as_ref()
    }

    /// The network of the accounting hooks: this one, if one of them is in it, or if there are none.
    pub(super) fn network(&self, now: NetworkId, hooks: &Hooks) -> NetworkId {
        let leads = self.leads.iter().flatten();
        let networks: SmallVec<[NetworkId; 2]> = leads.map(|lead| hooks.network(lead.hook)).collect();
        networks.iter().find(|network| **network == now).or(networks.first()).copied().unwrap_or(now)
    }

    /// Takes an observation of the packets that `side` sent.
    pub(super) fn take(&mut self, side: Side, observation: &Observation, hooks: &Hooks, shared: &mut Shared) {
        let point = Point::of(hooks.get(observation.hook));
        let new = Lead::of(observation, point);
        let lead = self.leads[side as usize].get_or_insert_with(|| {
            shared.uses.add(new.hook);
            new
        });
        if !lead.fixed && new.is_before(lead) {
            shared.uses.change(lead.hook, new.hook);
            *lead = Lead { ways: lead.ways, ..new };
        }
        lead.ways.add(Ways::PASSING, observation.is_to_many());
        lead.ways.add(Ways::CUT, observation.is_fragmented);
        let lead = *lead;
        let mut tally = Tally::of(side, observation, point);
        tally.accounts = !lead.fixed || {
            let before = self.beyond.iter().flat_map(|beyond| beyond.seen(side)).chain(self.even.get(side));
            accounts(&lead, (side, tally.hook), (&self.tallies, before), hooks)
        };
        if !tally.accounts && hooks.has_left(lead.hook) {
            self.leads[side as usize] = Some(Lead { left: true, ..lead });
        }
        let is_same = |known: &&mut Tally| known.hook == tally.hook && known.side == side;
        if let Some(known) = self.tallies.iter_mut().find(is_same) {
            known.add(observation);
        } else {
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
        }
    }

    /// Whether nothing was seen since the last record.
    pub(super) fn is_settled(&self) -> bool {
        self.tallies.is_empty()
    }

    /// A reading brought nothing of the flow: nothing is under way.
    fn rest(&mut self, uses: &mut Uses) {
        let is_counted = Side::BOTH.map(|side| self.is_counted(side));
        if self.tallies.iter().any(|tally| self.is_due(tally, is_counted)) {
            // The silence is within an interval, which is compared as a whole.
            return;
        }
        self.tallies.iter_mut().for_each(Tally::settle);
        self.before = [0; 2];
        self.even.rest(uses);
        if let Some(beyond) = &mut self.beyond {
            beyond.rest(uses);
        }
        self.beyond.take_if(|beyond| beyond.is_empty());
    }

    /// The first packet since the last record that the next one will count.
    pub(super) fn first(&self) -> Option<MonotonicTime> {
        let is_counted = Side::BOTH.map(|side| self.is_counted(side));
        let due = self.tallies.iter().filter(|tally| self.is_due(tally, is_counted)).map(|tally| tally.first);
        let ahead = self.beyond.iter().flat_map(|beyond| beyond.ahead()).map(|tally| tally.first);
        due.chain(ahead).min()
    }

    /// The first packet that `side` sent in the interval, at any hook.
    pub(super) fn first_of(&self, side: Side) -> Option<MonotonicTime> {
        self.tallies.iter().filter(|tally| tally.side == side).map(|tally| tally.first).min()
    }

    /// Fixes the accounting hooks of the directions that were seen, and takes what they saw, and what others saw beyond it. All else
    /// is on the path, or waits for the next record.
    pub(super) fn settle(
        &mut self,
        moment: Moment,
        hooks: &Hooks,
        ledger: &Ledger,
        uses: &mut Uses,
    ) -> Settled {
        if moment == Moment::Early {
            return Settled::default();
        }
        let mut settled = Settled { hops: std::mem::take(&mut self.tallies), ..Settled::default() };
        let mut beyond = self.beyond.take().map_or_else(Beyond::default, |beyond| *beyond);
        beyond.recall(std::mem::take(&mut self.even));
        for side in Side::BOTH {
            self.settle_side(side, moment, (&mut settled, &mut beyond), hooks, (ledger, &mut *uses));
        }
        for hop in &settled.hops {
            uses.remove(hop.hook);
        }
        if moment == Moment::Silent {
            beyond.rest(uses);
            self.before = [0; 2];
        }
        beyond.go_on();
        self.even = beyond.take_even();
        self.beyond = (!beyond.is_empty()).then(|| Box::new(beyond));
        settled
    }

    /// Forgets the hooks. What they saw since the last record is no reason for one, and on the path.
    pub(super) fn end(mut self, ledger: &Ledger, uses: &mut Uses) {
        for tally in std::mem::take(&mut self.tallies) {
            uses.remove(tally.hook);
            ledger.on_path(tally.hook, tally.counts);
        }
        if let Some(beyond) = &mut self.beyond {
            beyond.drop_ahead(ledger, uses);
        }
        self.rest(uses);
        for lead in self.leads.into_iter().flatten() {
            uses.remove(lead.hook);
        }
    }

    fn settle_side(
        &mut self,
        side: Side,
        moment: Moment,
        (settled, beyond): (&mut Settled, &mut Beyond),
        hooks: &Hooks,
        (ledger, uses): (&Ledger, &mut Uses),
    ) {
        let Some(lead) = &mut self.leads[side as usize] else { return };
        let mut tallies: SmallVec<[&Tally; 4]> =
            settled.hops.iter().filter(|tally| tally.side == side).collect();
        lead.ways.add(Ways::PASSING, lead.is_passed(&tallies, hooks));
        tallies.sort_unstable_by_key(|tally| tally.rank());
        lead.fixed |= !tallies.is_empty();
        let is_its = |tally: &&Tally| {
            let seen = (&*settled.hops, beyond.seen(side));
            accounts(lead, (side, tally.hook), seen, hooks)
        };
        let (accounting, others): (SmallVec<[&Tally; 4]>, SmallVec<[&Tally; 4]>) =
            tallies.into_iter().partition(is_its);
        let is_joined = |tally: &&Tally| are_ports_of_switches(hooks.get(lead.hook), hooks.get(tally.hook));
        let is_joined = others.iter().any(is_joined);
        lead.ways.add(Ways::JOINED, is_joined);
        let lead = *lead;

        let share = &mut settled.shares[side as usize];
        let accounted = &mut settled.accounted;
        let mut count = |tally: &Tally, packets: u64| {
            let counted = tally.part(packets);
            if !counted.is_zero() {
                share.add(tally, counted);
                accounted.push((side, tally.hook, counted));
            }
            counted
        };
        let over = std::mem::take(&mut beyond.over[side as usize]);
        let (mut over, mut total) = (u64::from(over), 0);
        for tally in &accounting {
            let packets = tally.open().saturating_sub(over);
            over = over.saturating_sub(tally.open());
            total += packets;
            ledger.on_path(tally.hook, tally.counts - count(tally, packets));
        }
        let before = std::mem::replace(&mut self.before[side as usize], saturating(total));
        if others.is_empty() && beyond.is_empty() {
            return;
        }
        let comparison = Comparison {
            side,
            counted: total,
            before,
            at_once: moment == Moment::Silent || accounting.is_empty() || lead.left,
            is_cut: lead.ways.has(Ways::CUT),
        };
        let found = beyond.compare(comparison, &others, hooks, uses);
        for (tally, packets) in &found.late {
            ledger.on_path(tally.hook, tally.counts - count(tally, *packets));
        }
        for tally in &others {
            let counted = count(tally, found.counted_at(tally.hook));
            ledger.on_path(tally.hook, tally.counts - counted - tally.part(found.waiting_at(tally.hook)));
        }
        self.before[side as usize] = saturating(found.total);
        if accounting.is_empty() {
            beyond.over[side as usize] = saturating(found.total);
        }
        if lead.left
            && let Some(next) = others.first()
        {
            uses.change(lead.hook, next.hook);
            self.leads[side as usize] = Some(Lead { hook: next.hook, left: false, ..lead });
            beyond.over[side as usize] = beyond.promote(next.hook, side, uses);
        }
    }

    /// Whether the accounting hooks have packets of a side that the next record will count.
    fn is_counted(&self, side: Side) -> bool {
        let of_side = self.tallies.iter().filter(|tally| tally.accounts && tally.side == side);
        let over = self.beyond.as_ref().map_or(0, |beyond| beyond.over[side as usize]);
        of_side.map(Tally::open).sum::<u64>() > over.into()
    }

    /// Whether a tally is reason for a record: not what other hooks saw of packets that the accounting hooks saw too, or may have seen
    /// in the interval before.
    fn is_due(&self, tally: &Tally, is_counted: [bool; 2]) -> bool {
        let side = tally.side as usize;
        if tally.accounts || is_counted[side] {
            return tally.accounts && is_counted[side];
        }
        let is_even = self.even.get(tally.side) == Some(tally.hook);
        let credit = self.beyond.as_ref().and_then(|beyond| beyond.credit(tally.hook, tally.side));
        let credit = credit.or(is_even.then_some(0));
        let is_left = self.leads[side].is_some_and(|lead| lead.left);
        is_left || tally.open() > credit.unwrap_or(self.before[side]).into()
    }
}

/// Whether a hook accounts for a side as its lead does or beside it, as far as what was seen in this interval and the last one tells.
fn accounts(
    lead: &Lead,
    (side, hook): (Side, HookId),
    (tallies, before): (&[Tally], impl Iterator<Item = HookId>),
    hooks: &Hooks,
) -> bool {
    let (one, other) = (hooks.get(lead.hook), hooks.get(hook));
    let now = tallies.iter().filter(|tally| tally.side == side).map(|tally| tally.hook);
    let seen = now.chain(before).map(|hook| hooks.get(hook));
    lead.hook == hook
        || are_beside(one, other, lead.ways.has(Ways::PASSING))
        || (!lead.ways.has(Ways::JOINED) && are_apart(one, other, seen))
}
