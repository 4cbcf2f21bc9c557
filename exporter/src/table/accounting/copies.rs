//! Ports that a switch sends copies of a frame to, while it learns where an address is. The port that leads there has each of them, the
//! others have those of the time until the switch knew: so of the ports that had copies the one with the most packets accounts, in each
//! interval anew, and which of them had the first copy does not matter.
//!
//! That is exact because a switch hands all copies of a frame on before any other packet of the CPU runs, and a program that reads the old
//! generation then holds up the reading: the copies of one frame are in one reading, or, if the turn comes between two of them, those of the
//! later one are not later than the end of the turn's grace period ([`Tally::is_early`]).

use std::cmp::Reverse;

use crate::flow::{Direction, HookId, Hooks};
use crate::table::accounting::Lead;
use crate::table::accounting::beside::Ways;
use crate::table::accounting::tally::Tally;

/// Whether both hooks see what one switch sends out. A process that is a switch (0) may take its time between two copies.
pub(super) fn are_of_one_switch(hooks: &Hooks, one: HookId, other: HookId) -> bool {
    let (one, other) = (hooks.get(one), hooks.get(other));
    let is_port = one.direction == Direction::Egress && one.switch.is_some_and(|switch| switch != 0);
    is_port && (one.scope, one.direction, one.switch) == (other.scope, other.direction, other.switch)
}

/// Whether a switch has sent the lead's frames to another port too.
pub(super) fn are_made<'a>(
    lead: &Lead,
    tallies: impl Iterator<Item = &'a Tally> + Clone,
    hooks: &Hooks,
) -> bool {
    let own = tallies.clone().find(|tally| tally.hook == lead.hook);
    own.is_some_and(|own| tallies.into_iter().any(|tally| is_copy(lead, Some(own), tally, hooks)))
}

/// The port of the lead's switch that accounts in an interval: the lead's own unless another one saw more of the same frames.
pub(super) fn port<'a>(
    lead: &Lead,
    tallies: impl Iterator<Item = &'a Tally> + Clone,
    hooks: &Hooks,
) -> HookId {
    let own = tallies.clone().find(|tally| tally.hook == lead.hook);
    // What the lead has counted before may be copies of a port's first packets.
    let is_sure = |tally: &&Tally| !(lead.fixed && tally.is_early);
    let others = tallies.filter(|tally| is_copy(lead, own, tally, hooks)).filter(is_sure);
    let most = others.max_by_key(|tally| (tally.counts.packets, Reverse(tally.rank(hooks))));
    let counted = own.map_or(0, |own| own.counts.packets);
    most.filter(|most| most.counts.packets > counted).map_or(lead.hook, |most| most.hook)
}

/// Whether another hook's frames are those of the lead, or of its sender where the lead saw none and had copies before.
fn is_copy(lead: &Lead, own: Option<&Tally>, tally: &Tally, hooks: &Hooks) -> bool {
    if tally.hook == lead.hook || !are_of_one_switch(hooks, lead.hook, tally.hook) {
        return false;
    }
    match own {
        Some(own) => own.macs.is_some() && own.macs == tally.macs,
        None => lead.ways.has(Ways::COPIED) && tally.macs.map(|(source, _)| source) == lead.mac,
    }
}
