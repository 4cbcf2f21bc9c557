//! What was lost between two hooks of a flow's way.
//!
//! Packets are on their way while hooks are read, so what two hooks counted in an interval differs without a loss. Only of a
//! stretch, from one silence to the next, is the difference what was lost: a reading that brings no packet of the flow says that
//! nothing was on its way any more. What is counted is kept until then, of flows that were seen at more than one hook of a
//! direction.
//!
//! The difference is a loss only where each hook had to see each packet. It is not known, and then not told, where
//! - a hook was attached after the stretch had begun, came later to the flow's way, or has left;
//! - the way is not a line: two hooks of a namespace and a direction that are no layers of one link share packets, as after another
//!   choice of route, or one of them saw copies, as a switch sends while it learns;
//! - there were fragments, which a router cuts and puts together;
//! - the kernel had no room to count a packet of whatever flow in the stretch;
//! - a later hook has more packets than the one before.
//!
//! Where another program hands packets on past a hook, or hardware does, they look lost.

use smallvec::SmallVec;

use crate::clock::MonotonicTime;
use crate::flow::{Hook, HookId, Hooks, Observation, Role};
use crate::table::accounting::Tally;
use crate::table::conversation::Side;
use crate::table::reuse::Reading;
use crate::table::uses::Uses;

/// What is kept of a flow for its losses.
#[derive(Debug)]
pub(super) struct Way {
    /// The last reading that brought packets.
    heard: Reading,
    /// The stretch goes back before the interval, and what its hooks counted until then is not known.
    is_open: bool,
    /// There were fragments in the stretch.
    is_cut: bool,
    /// What was counted in the stretch before the interval, if it was seen at more than one hook of a side: then not empty.
    counted: Vec<Counted>,
}

/// What a hook counted of one direction in the stretch.
#[derive(Clone, Copy, Debug)]
struct Counted {
    first: MonotonicTime,
    packets: u64,
    hook: HookId,
    side: Side,
}

/// A hook of a stretch that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passage {
    pub(super) hook: HookId,
    pub(super) side: Side,
    /// First packet in the stretch.
    pub(super) first: MonotonicTime,
    /// Packets that the hook before counted and this one did not.
    pub(super) lost: u64,
}

pub(super) type Passages = SmallVec<[Passage; 4]>;

impl Counted {
    fn of(tally: &Tally) -> Self {
        Self { first: tally.first, packets: tally.counts.packets, hook: tally.hook, side: tally.side }
    }

    fn add(&mut self, other: &Self) {
        self.first = self.first.min(other.first);
        self.packets += other.packets;
    }
}

/// What the table has read, and what the kernel could not count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readings {
    /// The last one that is complete.
    pub(super) complete: Reading,
    /// One is not: of what a flow's hooks saw at once, some may yet be to come.
    pub(super) is_running: bool,
    /// When the last one was over that brought packets without a flow for want of room.
    pub(super) overflowed: Option<MonotonicTime>,
}

impl Way {
    /// Of a flow whose first packet the running reading brings.
    pub(super) fn new(reading: Reading) -> Self {
        Self { heard: reading, is_open: false, is_cut: false, counted: Vec::new() }
    }

    /// The running reading brings packets.
    pub(super) fn hear(&mut self, observation: &Observation, reading: Reading) {
        self.heard = reading;
        self.is_cut |= observation.is_fragmented;
    }

    /// Ends the stretch if the flow is silent. Gives the hooks of the stretch, those of each side in the order of their first
    /// packets, with what was lost before each; nothing if that is not known.
    pub(super) fn settle(
        &mut self,
        tallies: &[Tally],
        readings: Readings,
        hooks: &Hooks,
        uses: &mut Uses,
    ) -> Option<Passages> {
        let is_silent = self.heard < readings.complete;
        let known = self.counted.len();
        if known == 0 {
            if !is_crossing(tallies) {
                self.begin(!is_silent);
                return None;
            }
            if is_silent {
                // As mostly: the stretch is in the interval, and nothing has to be kept.
                let mut counted: SmallVec<[Counted; 4]> = tallies.iter().map(Counted::of).collect();
                return self.end_stretch(&mut counted, readings, hooks);
            }
            self.counted.reserve_exact(tallies.len());
        }
        for counted in tallies.iter().map(Counted::of) {
            let is_same = |other: &&mut Counted| (other.hook, other.side) == (counted.hook, counted.side);
            if let Some(other) = self.counted.iter_mut().find(is_same) {
                other.add(&counted);
            } else {
                // One that comes later than others of its side may be another way.
                self.is_open |= self.counted[..known].iter().any(|other| other.side == counted.side);
                uses.add(counted.hook);
                self.counted.push(counted);
            }
        }
        if !is_silent {
            return None;
        }
        let mut counted = std::mem::take(&mut self.counted);
        for Counted { hook, .. } in &counted {
            uses.remove(*hook);
        }
        self.end_stretch(&mut counted, readings, hooks)
    }

    /// Says what was lost between the hooks that counted this in the stretch, if that is known, and begins the next one.
    fn end_stretch(
        &mut self,
        counted: &mut [Counted],
        readings: Readings,
        hooks: &Hooks,
    ) -> Option<Passages> {
        let is_whole = !self.is_open && !self.is_cut;
        self.begin(false);
        is_whole.then(|| compare(counted, readings.overflowed, hooks)).flatten()
    }

    /// The flow is over.
    pub(super) fn end(self, uses: &mut Uses) {
        for counted in self.counted {
            uses.remove(counted.hook);
        }
    }

    fn begin(&mut self, is_open: bool) {
        // What is open is not told, cut or not.
        (self.is_open, self.is_cut) = (is_open, false);
    }
}

/// Whether packets of a side were seen at more than one hook.
fn is_crossing(tallies: &[Tally]) -> bool {
    Side::BOTH.into_iter().any(|side| tallies.iter().filter(|tally| tally.side == side).count() > 1)
}

/// Orders the hooks of each side and says what was lost before each, if that is known.
fn compare(counted: &mut [Counted], overflowed: Option<MonotonicTime>, hooks: &Hooks) -> Option<Passages> {
    counted.sort_unstable_by_key(|one| (one.side as usize, one.first, one.hook));
    let mut passages = Passages::new();
    for line in counted.chunk_by(|a, b| a.side == b.side) {
        let begin = line.first()?.first;
        let saw_all = |one: &Counted| {
            !hooks.has_left(one.hook) && hooks.attached(one.hook).is_some_and(|attached| attached <= begin)
        };
        let is_comparable = || {
            overflowed.is_none_or(|overflowed| overflowed < begin)
                && line.iter().all(saw_all)
                && is_line(line, hooks)
        };
        if line.len() > 1 && !is_comparable() {
            return None;
        }
        let mut before = line.first()?.packets;
        for &Counted { first, packets, hook, side } in line {
            passages.push(Passage { hook, side, first, lost: before.checked_sub(packets)? });
            before = packets;
        }
    }
    Some(passages)
}

/// Whether a packet that passes the first hook has to pass the others. In a namespace it comes in once, and goes out once; but for
/// the layers of one link.
fn is_line(line: &[Counted], hooks: &Hooks) -> bool {
    let hooks: SmallVec<[&Hook; 4]> = line.iter().map(|one| hooks.get(one.hook)).collect();
    let are_beside = |a: &Hook, b: &Hook| {
        (a.scope, a.direction) == (b.scope, b.direction)
            && (a.role == b.role || !(is_layer(a.role) || is_layer(b.role)))
    };
    (1..hooks.len()).all(|at| !hooks[..at].iter().any(|before| are_beside(before, hooks[at])))
}

/// Whether packets that pass the interface pass another one in the same direction.
fn is_layer(role: Role) -> bool {
    matches!(role, Role::Upper | Role::Bridge | Role::Member)
}
