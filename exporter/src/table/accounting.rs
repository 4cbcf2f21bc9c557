//! Which hook accounts for each direction of a flow, and what the other hooks on its way saw: the path.
//!
//! The rule: of the hooks that saw the packets of a direction before its first record, the one whose interface comes first in
//! the order of [`Role`](crate::flow::Role); of one role an ingress before an egress, because a packet comes in before it goes
//! out; then the one with the earliest packet, then the lesser number. So of eth0, its bond0 and bond0.100 it is bond0, and of a
//! pod's port and the uplink the pod's port, in whatever order the packets pass them.
//!
//! The choice holds for the flow's life: a hook that appears later is on the path, unless the two share the direction's packets
//! instead of seeing the same ones ([`beside`]): then they account together, and one that goes on alone takes over. Of the ports of a
//! switch that had copies of the same frames, the one with the most accounts in each interval ([`copies`]). When the
//! accounting hook leaves, the next by the same rule takes over, with what it saw in that interval beyond what the old one counted.

mod apart;
mod beside;
mod copies;
mod tally;

use smallvec::SmallVec;

use crate::clock::MonotonicTime;
use crate::flow::{Counts, HookId, Hooks, Mac, NetworkId, Observation, Vlan};
use crate::ledger::Ledger;
use crate::table::conversation::Side;
use crate::table::path::Settled;
use crate::table::shared::Shared;
use crate::table::stretch::Readings;
use crate::table::uses::Uses;

use self::apart::Entered;
use self::beside::{Sight, Ways, accounts, are_alike, are_beside, look, may_pass};
use self::tally::Point;

pub(super) use self::tally::{Share, Tally};

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
    ways: Ways,
    entered: Entered,
}

impl Lead {
    fn of(observation: &Observation) -> Self {
        Self {
            hook: observation.hook,
            first: observation.first,
            mac: observation.macs.map(|(source, _)| source),
            vlan: observation.vlan,
            fixed: false,
            left: false,
            ways: Ways::default(),
            entered: Entered::default(),
        }
    }

    /// Whether this observation comes before the other. What else differs decides last, so that the order of arrival never does.
    fn is_before(&self, other: &Self, hooks: &Hooks) -> bool {
        let key = |lead: &Self| {
            let Vlan { outer, inner } = lead.vlan;
            (Point::of(hooks.get(lead.hook)), lead.first, lead.hook, lead.mac.map(|mac| mac.0), outer, inner)
        };
        key(self) < key(other)
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
        let new = Lead::of(observation);
        let lead = self.leads[side as usize].get_or_insert_with(|| {
            shared.uses.add(new.hook);
            new
        });
        if !lead.fixed && new.is_before(lead, hooks) {
            shared.uses.change(lead.hook, new.hook);
            *lead = Lead { ways: lead.ways, ..new };
        }
        let is_same = |known: &&mut Tally| known.hook == observation.hook && known.side == side;
        let (known, mut may_move) = if let Some(known) = self.tallies.iter_mut().find(is_same) {
            let before = known.first;
            known.add(observation, shared.parted);
            (*known, known.first != before)
        } else {
            lead.ways.add(Ways::UNCLEAR, observation.is_to_many());
            self.begin(Tally::of(side, observation, shared.parted), hooks, shared)
        };
        if let Some(lead) = &mut self.leads[side as usize] {
            let had_left = lead.left;
            lead.left |= is_left_by(lead, &known, hooks);
            may_move |= lead.left && (!had_left || known.first == observation.first);
        }
        may_move
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
    pub(super) fn settle(
        &mut self,
        readings: Readings,
        hooks: &Hooks,
        ledger: &Ledger,
        uses: &mut Uses,
    ) -> Settled {
        self.tell_apart(Some(readings), hooks);
        let mut settled = Settled { hops: std::mem::take(&mut self.tallies), ..Settled::default() };
        for side in Side::BOTH {
            self.settle_side(side, &mut settled, hooks, (ledger, &mut *uses));
        }
        for hop in &settled.hops {
            uses.remove(hop.hook);
        }
        settled
    }

    /// Forgets the hooks. What they saw since the last record is no reason for one, and on the path.
    pub(super) fn end(self, ledger: &Ledger, uses: &mut Uses) {
        for tally in self.tallies {
            uses.remove(tally.hook);
            ledger.on_path(tally.hook, tally.counts);
        }
        for lead in self.leads.into_iter().flatten() {
            uses.remove(lead.hook);
        }
    }

    /// A hook's first packets of a side in the interval. Gives them back with what is known of them, and says whether others may account
    /// than before.
    fn begin(&mut self, mut tally: Tally, hooks: &Hooks, shared: &mut Shared) -> (Tally, bool) {
        shared.uses.add(tally.hook);
        let len = self.tallies.len();
        if len == 0 {
            self.tallies = shared.list();
        }
        if len == self.tallies.capacity() {
            // Both directions at one hook, then at two, and so on: by itself a vector begins with room for four.
            self.tallies.reserve_exact(len.max(2));
        }
        // Most hooks of a way are of other kinds.
        let is_other = |lead: &Lead| {
            lead.fixed
                && !are_alike(hooks, lead.hook, tally.hook)
                && !copies::are_of_one_switch(hooks, lead.hook, tally.hook)
        };
        if self.lead(tally.side).is_some_and(is_other) {
            tally.accounts = false;
            self.tallies.push(tally);
            return (tally, false);
        }
        self.tallies.push(tally);
        self.tell_apart(None, hooks);
        (self.tallies.last().copied().unwrap_or(tally), true)
    }

    /// Finds out which hooks account, from what was seen so far; what is read with others of its reading may yet change it.
    fn tell_apart(&mut self, readings: Option<Readings>, hooks: &Hooks) {
        let Self { leads, tallies } = self;
        let is_plain = |tally: &Tally| {
            leads[tally.side as usize]
                .is_some_and(|lead| lead.hook == tally.hook && !lead.ways.has(Ways::SHARED | Ways::APART))
        };
        if tallies.iter().all(is_plain) {
            return;
        }
        // Until its first record, all that was seen of a side may account.
        let is_decided = |lead: &Lead| lead.fixed || readings.is_some();
        for side in Side::BOTH {
            if let Some(lead) = leads[side as usize].as_mut().filter(|lead| is_decided(lead)) {
                look(lead, tallies.iter().filter(|tally| tally.side == side), hooks);
                let overflowed = readings.and_then(|readings| readings.overflowed);
                let has_missed = overflowed.is_some_and(|moment| lead.first <= moment);
                lead.ways.add(Ways::UNCLEAR, has_missed && !hooks.get(lead.hook).role.is_exclusive());
            }
        }
        let is_running = readings.is_some_and(|readings| readings.is_running);
        for side in Side::BOTH {
            let back = leads[side.other() as usize];
            let Some(lead) = leads[side as usize].as_mut().filter(|lead| is_decided(lead)) else { continue };
            let port = copies::port(lead, tallies.iter().filter(|tally| tally.side == side), hooks);
            let may_pass = is_running || may_pass(lead, back.as_ref(), hooks);
            let sight = Sight { port, may_pass, is_running };
            for tally in tallies.iter_mut().filter(|tally| tally.side == side) {
                tally.accounts = accounts(lead, tally, sight, hooks);
                lead.left |= is_left_by(lead, tally, hooks);
            }
        }
    }

    fn settle_side(
        &mut self,
        side: Side,
        settled: &mut Settled,
        hooks: &Hooks,
        (ledger, uses): (&Ledger, &mut Uses),
    ) {
        let Some(lead) = &mut self.leads[side as usize] else { return };
        let mut tallies: SmallVec<[&Tally; 4]> =
            settled.hops.iter().filter(|tally| tally.side == side).collect();
        if tallies.is_empty() {
            return;
        }
        lead.fixed = true;
        let is_port = |tally: &&&Tally| {
            tally.accounts
                && tally.hook != lead.hook
                && copies::are_of_one_switch(hooks, lead.hook, tally.hook)
        };
        if let Some(port) = tallies.iter().find(is_port) {
            uses.change(lead.hook, port.hook);
            *lead = Lead { hook: port.hook, left: false, ..*lead };
        }
        // Those that account come first, the one that takes over next.
        tallies.sort_unstable_by_key(|tally| (!tally.accounts, tally.rank(hooks)));
        let is_lead = |tally: &&&Tally| tally.hook == lead.hook;
        let beside = tallies.iter().find(|tally| tally.accounts && !is_lead(tally)).map(|tally| tally.hook);
        if let Some(hook) = beside {
            lead.ways.add(if are_beside(hooks, lead.hook, hook) { Ways::SHARED } else { Ways::APART }, true);
            let is_silent = !tallies.iter().any(|tally| is_lead(&tally));
            if lead.left || (is_silent && !hooks.get(hook).role.is_exclusive()) {
                uses.change(lead.hook, hook);
                *lead = Lead { hook, left: false, ..*lead };
            }
        }
        let share = &mut settled.shares[side as usize];
        // What the hook that left has counted of the packets that its successor saw too.
        let mut covered = Counts::default();
        for tally in tallies {
            let mut is_counted = tally.accounts;
            if !is_counted && tally.hook != lead.hook && std::mem::take(&mut lead.left) {
                let has_seen_none = hooks.came_after(tally.hook, lead.hook);
                covered = if has_seen_none { Counts::default() } else { share.counts };
                is_counted = true;
                uses.change(lead.hook, tally.hook);
                lead.hook = tally.hook;
                lead.left = hooks.has_left(lead.hook);
                // What is known of the ways is known of the old one.
                lead.ways.add(Ways::UNCLEAR, !hooks.get(tally.hook).role.is_exclusive());
            }
            let counted = if is_counted { tally.counts.saturating_sub(covered) } else { Counts::default() };
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

    /// Whether a tally is reason for a record.
    fn is_due(&self, tally: &Tally) -> bool {
        tally.accounts || self.leads[tally.side as usize].is_some_and(|lead| lead.left)
    }
}

/// Whether a hook that does not account sees packets where the lead sees no more, or saw some while the lead was away.
fn is_left_by(lead: &Lead, tally: &Tally, hooks: &Hooks) -> bool {
    let was_away = || lead.fixed && hooks.attached(lead.hook).is_some_and(|moment| moment > tally.first);
    !tally.accounts && tally.hook != lead.hook && (hooks.has_left(lead.hook) || was_away())
}
