//! Hooks that share the packets of a direction: a packet passes one of them and not the other, so that they account together.
//!
//! Where that is not certain they do not, and packets that take another way stay on the path: one that counts twice would be worse.

use smallvec::SmallVec;

use crate::flow::{Direction, Hook, HookId, Hooks, OWN_SCOPE, Role};
use crate::table::accounting::Lead;
use crate::table::accounting::apart::are_apart;
use crate::table::accounting::copies;
use crate::table::accounting::tally::Tally;

/// What is known of the ways of a direction's packets, in a byte: a flow has it twice. What is known once stays.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ways(u8);

impl Ways {
    /// Hooks of the lead's namespace saw them in both directions: what passed one of its interfaces may pass another.
    pub(super) const PASSING: u8 = 1;
    /// Two hooks may have had copies of one packet, or something went by unseen.
    pub(super) const UNCLEAR: u8 = 2;
    /// Another hook than the lead has counted some.
    pub(super) const SHARED: u8 = 4;
    /// The same, but one that is apart from the lead.
    pub(super) const APART: u8 = 8;
    /// A switch has sent the lead's frames to another of its ports too.
    pub(super) const COPIED: u8 = 16;

    pub(super) fn add(&mut self, way: u8, is_so: bool) {
        self.0 |= if is_so { way } else { 0 };
    }

    /// Whether one of these is known.
    pub(super) fn has(self, way: u8) -> bool {
        self.0 & way != 0
    }
}

/// Takes in what the hooks of an interval tell of the ways of a direction's packets.
pub(super) fn look<'a>(lead: &mut Lead, tallies: impl Iterator<Item = &'a Tally>, hooks: &Hooks) {
    let tallies: SmallVec<[&Tally; 4]> = tallies.collect();
    let here = hooks.get(lead.hook);
    let is_turned = |hook: &Hook| hook.scope == here.scope && hook.direction != here.direction;
    lead.ways.add(Ways::PASSING, tallies.iter().any(|tally| is_turned(hooks.get(tally.hook))));
    tallies.iter().for_each(|tally| lead.entered.add(tally.hook, hooks));
    lead.ways.add(Ways::COPIED, copies::are_made(lead, tallies.iter().copied(), hooks));
    let is_beside = |tally: &&&Tally| tally.hook == lead.hook || are_beside(hooks, lead.hook, tally.hook);
    let beside: SmallVec<[&Tally; 4]> = tallies.iter().filter(is_beside).copied().collect();
    // What copies packets on purpose does so all the time: what two hooks see from the beginning may be copies.
    let is_from_the_beginning = !lead.fixed && !here.role.is_exclusive() && beside.len() > 1;
    // Another way has another address at one of its ends; but members of a bond have one address.
    let are_equal = |one: &Tally, other: &Tally| one.macs.is_some() && one.macs == other.macs;
    let has_equal = || (1..beside.len()).any(|at| beside[..at].iter().any(|one| are_equal(one, beside[at])));
    let may_be_copies = is_from_the_beginning || (here.role != Role::Member && has_equal());
    lead.ways.add(Ways::UNCLEAR, may_be_copies);
}

/// Whether the next record carries what a hook saw.
///
/// The ways out of the machine, and members of a bond, share packets by what they are. Of other interfaces it has to be shown: a
/// packet that passes two of a namespace in one direction passes one in the other direction in between, where a hook sees it before
/// the second one does, and is read no later. So packets of another hook than the lead count only while none was seen going the other
/// way (`may_pass`), and only if there is a hook at each interface. Once some have counted, and then one is seen that does, the lead's
/// own may be those that have counted. Hooks that are apart have different packets ([`apart`](super::apart)).
pub(super) fn accounts(lead: &Lead, tally: &Tally, sight: Sight, hooks: &Hooks) -> bool {
    let Sight { port, may_pass, is_running } = sight;
    let here = hooks.get(lead.hook);
    let is_exclusive = here.role.is_exclusive();
    if tally.hook == port {
        let was_elsewhere = may_pass && !is_exclusive && lead.ways.has(Ways::SHARED);
        let was_apart = lead.ways.has(Ways::APART) && (is_running || lead.entered.from(lead.hook, hooks));
        return !was_elsewhere && !was_apart;
    }
    if tally.hook == lead.hook || lead.ways.has(Ways::UNCLEAR) {
        return false;
    }
    let are_all_seen = || hooks.whole_since(here.scope).is_some_and(|moment| moment <= tally.first);
    if are_beside(hooks, lead.hook, tally.hook) {
        return is_exclusive || (!may_pass && are_all_seen());
    }
    !is_running && are_all_seen() && are_apart(lead, tally, hooks)
}

/// How much is known when hooks are told apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// The port of the lead's switch that accounts in its place, or its own ([`copies::port`]).
    pub(super) port: HookId,
    /// Packets of the lead may have passed its namespace before, or may pass it again.
    pub(super) may_pass: bool,
    /// Some of what other hooks saw by now is yet to be read.
    pub(super) is_running: bool,
}

/// Whether a packet of the lead may have passed its namespace before, or may pass it again: not what the namespace sends itself, and not
/// what comes in and is answered there (`back` is the lead of the other direction), so that it goes nowhere else.
pub(super) fn may_pass(lead: &Lead, back: Option<&Lead>, hooks: &Hooks) -> bool {
    let here = hooks.get(lead.hook);
    let is_sent_here = |lead: &Lead| {
        let hook = hooks.get(lead.hook);
        hook.scope == here.scope && hook.direction == Direction::Egress && !lead.ways.has(Ways::PASSING)
    };
    lead.ways.has(Ways::PASSING) || !(is_sent_here(lead) || back.is_some_and(is_sent_here))
}

/// Whether the interfaces of two hooks lead to different places outside of their namespace. Two ports of a switch do not: both may have
/// a copy while it learns where an address is. What comes in from pods at two switches is a matter of the pods
/// ([`apart`](super::apart)).
pub(super) fn are_beside(hooks: &Hooks, one: HookId, other: HookId) -> bool {
    let (one, other) = (hooks.get(one), hooks.get(other));
    let are_ports_of_one = one.switch.is_some() && one.switch == other.switch;
    let come_from_pods =
        one.direction == Direction::Ingress && one.switch.is_some() && other.switch.is_some();
    let lead_away = match one.role {
        // The other namespaces of the machine are known by what passes this one.
        Role::PodPort | Role::Tunnel => one.scope == OWN_SCOPE && !come_from_pods,
        role => role.is_exclusive(),
    };
    lead_away && !are_ports_of_one && is_like(one, other)
}

/// Whether two hooks are of a kind: only then one may account beside the other.
pub(super) fn are_alike(hooks: &Hooks, one: HookId, other: HookId) -> bool {
    is_like(hooks.get(one), hooks.get(other))
}

fn is_like(one: &Hook, other: &Hook) -> bool {
    (one.role, one.direction, one.scope) == (other.role, other.direction, other.scope)
}
