//! Packets that passed other hooks than those that account for their direction.
//!
//! Most are the same packets again. When they take another way, they are not: then nobody would count them. A hook cannot tell which
//! packets others saw, but how many: of what it counted in an interval, as many may be the same as the accounting hooks counted from
//! one interval before to one interval after. (A packet may be read at one hook and still be under way to the other; but not for a
//! whole interval, which is a reading at least.) Each such pair is taken for one packet. What is left over, no accounting hook
//! has seen: it counts where it was seen. So nothing counts twice, and what cannot be told apart counts once.
//!
//! Of several other hooks, what is left over at the first by the order of the rule counts, and is compared with the next as what the
//! accounting hooks counted. A flow's silence for a reading ends all comparison: nothing is under way.
//!
//! Where numbers do not compare (a router cuts packets into fragments; packets come back out of the interface that they came in by, and
//! pass a hook twice), any packet of the accounting hooks stands for all of another one.

use smallvec::SmallVec;

use crate::flow::{Hook, HookId, Hooks};
use crate::ledger::Ledger;
use crate::table::accounting::tally::Tally;
use crate::table::conversation::Side;
use crate::table::uses::Uses;

/// What is kept of a flow that was seen at other hooks than those that account for it.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    known: SmallVec<[Known; 2]>,
    /// Of few flows at a time.
    ahead: Option<Box<Ahead>>,
    /// Packets of each side that others counted in the last interval, in which the accounting hooks saw none, and which they may see yet.
    pub(super) over: [u32; 2],
}

/// What no accounting hook has counted so far, and may yet: in the table until the next record.
#[derive(Debug, Default)]
struct Ahead {
    tallies: SmallVec<[Tally; 2]>,
    /// The flow was silent since the last record: no accounting hook will count them.
    is_sure: bool,
}

/// A hook that saw packets of a side in the last interval.
#[derive(Clone, Copy, Debug)]
struct Known {
    hook: HookId,
    /// Packets counted in that interval that it may see yet.
    credit: u32,
    side: Side,
}

/// The only other hook that saw packets of each side in the last interval, where it may see no more of them: so most flows at two hooks
/// need no [`Beyond`]. 1 more than the hook's number; 0 if there is none such.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Even([u16; 2]);

impl Even {
    pub(super) fn get(self, side: Side) -> Option<HookId> {
        u32::from(self.0[side as usize]).checked_sub(1).map(HookId)
    }

    /// Forgets them.
    pub(super) fn rest(&mut self, uses: &mut Uses) {
        for hook in Side::BOTH.into_iter().filter_map(|side| self.get(side)) {
            uses.remove(hook);
        }
        *self = Self::default();
    }
}

/// What there is to compare with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) side: Side,
    /// Packets that the accounting hooks counted in the interval.
    pub(super) counted: u64,
    /// And in the one before.
    pub(super) before: u32,
    /// They will count none of these packets any more, or have seen none: nothing waits.
    pub(super) at_once: bool,
    /// There were fragments.
    pub(super) is_cut: bool,
}

/// What became of packets at other hooks, in the order of the rule.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What had waited, and how many packets of it count. The others are on the path.
    pub(super) late: SmallVec<[(Tally, u64); 1]>,
    /// Packets of the interval that count where these hooks saw them.
    pub(super) counted: SmallVec<[(HookId, u64); 2]>,
    /// Packets of the interval that wait.
    pub(super) waiting: SmallVec<[(HookId, u64); 2]>,
    /// Packets of the interval that count, wherever.
    pub(super) total: u64,
}

/// What of a hook's packets was taken for the same as those that are counted.
#[derive(Clone, Copy, Debug)]
struct Matched {
    hook: HookId,
    /// In the interval before, or counted for it here.
    late: u64,
    now: u64,
}

impl Found {
    /// Packets of the interval that count where a hook saw them.
    pub(super) fn counted_at(&self, hook: HookId) -> u64 {
        at(&self.counted, hook)
    }

    /// Packets of the interval that wait and were seen by a hook.
    pub(super) fn waiting_at(&self, hook: HookId) -> u64 {
        at(&self.waiting, hook)
    }
}

fn at(list: &[(HookId, u64)], hook: HookId) -> u64 {
    list.iter().find(|(known, _)| *known == hook).map_or(0, |(_, packets)| *packets)
}

impl Beyond {
    pub(super) fn ahead(&self) -> impl Iterator<Item = &Tally> {
        self.ahead.iter().flat_map(|ahead| &ahead.tallies)
    }

    /// The hooks that saw packets of a side in the last interval.
    pub(super) fn seen(&self, side: Side) -> impl Iterator<Item = HookId> {
        self.known.iter().filter(move |known| known.side == side).map(|known| known.hook)
    }

    /// What waits is on the path: the flow is over, and its last record made.
    pub(super) fn drop_ahead(&mut self, ledger: &Ledger, uses: &mut Uses) {
        for tally in self.ahead.take().into_iter().flat_map(|ahead| ahead.tallies) {
            uses.remove(tally.hook);
            ledger.on_path(tally.hook, tally.counts);
        }
    }

    /// Packets of the interval before that a hook may see yet, if it is known.
    pub(super) fn credit(&self, hook: HookId, side: Side) -> Option<u32> {
        self.known.iter().find(|known| (known.hook, known.side) == (hook, side)).map(|known| known.credit)
    }

    /// The flow was silent: nothing is under way.
    pub(super) fn rest(&mut self, uses: &mut Uses) {
        for known in self.known.drain(..) {
            uses.remove(known.hook);
        }
        self.over = [0; 2];
        if let Some(ahead) = &mut self.ahead {
            ahead.is_sure = true;
        }
    }

    /// Knows those as well.
    pub(super) fn recall(&mut self, even: Even) {
        for side in Side::BOTH {
            self.known.extend(even.get(side).map(|hook| Known { hook, credit: 0, side }));
        }
    }

    /// Those that need not be kept here.
    pub(super) fn take_even(&mut self) -> Even {
        Even(Side::BOTH.map(|side| {
            let mut of_side = (0..).zip(&self.known).filter(|(_, known)| known.side == side);
            let (Some((place, Known { hook, credit: 0, .. })), None) = (of_side.next(), of_side.next())
            else {
                return 0;
            };
            let Some(number) = u16::try_from(hook.0).ok().and_then(|number| number.checked_add(1)) else {
                return 0;
            };
            self.known.remove(place);
            number
        }))
    }

    /// An interval is compared.
    pub(super) fn go_on(&mut self) {
        match &mut self.ahead {
            Some(ahead) if !ahead.tallies.is_empty() => ahead.is_sure = false,
            ahead => *ahead = None,
        }
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.ahead().next().is_none() && self.over == [0; 2]
    }

    /// Forgets a hook of a side, which accounts from now on; gives its credit.
    pub(super) fn promote(&mut self, hook: HookId, side: Side, uses: &mut Uses) -> u32 {
        let place = self.known.iter().position(|known| (known.hook, known.side) == (hook, side));
        place.map_or(0, |place| {
            uses.remove(hook);
            self.known.swap_remove(place).credit
        })
    }

    /// Compares what hooks saw that do not account, in the order of the rule.
    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        others: &[&Tally],
        hooks: &Hooks,
        uses: &mut Uses,
    ) -> Found {
        let mut found = Found { total: comparison.counted, ..Found::default() };
        let mut matched = self.settle_ahead(comparison, &mut found, uses);
        let late: u64 = found.late.iter().map(|(_, packets)| packets).sum();
        for tally in others {
            let is_loose = comparison.is_cut || turns_back(tally, others, hooks);
            let place = matched.iter().position(|matched| matched.hook == tally.hook);
            let place = place.unwrap_or_else(|| {
                matched.push(Matched { hook: tally.hook, late: 0, now: 0 });
                matched.len() - 1
            });
            let of_it = &mut matched[place];
            let before = self.credit(tally.hook, comparison.side).unwrap_or(comparison.before);
            let before = u64::from(before) + late.saturating_sub(of_it.late);
            let rest = left_over(tally.open(), before, is_loose);
            let now = found.total.saturating_sub(of_it.now);
            let beyond = left_over(rest, now, is_loose);
            of_it.now += (rest - beyond).min(now);
            if beyond == 0 {
                continue;
            }
            if comparison.at_once {
                of_it.now += beyond;
                found.total += beyond;
                found.counted.push((tally.hook, beyond));
            } else {
                found.waiting.push((tally.hook, beyond));
                uses.add(tally.hook);
                self.ahead.get_or_insert_default().tallies.push(tally.of_part(beyond));
            }
        }
        self.know(comparison.side, &matched, found.total, uses);
        found
    }

    /// Decides on what waited for this interval's packets of the accounting hooks.
    fn settle_ahead(
        &mut self,
        comparison: Comparison,
        found: &mut Found,
        uses: &mut Uses,
    ) -> SmallVec<[Matched; 4]> {
        let (mut late, mut matched) = (0, SmallVec::new());
        let Some(Ahead { tallies, is_sure }) = self.ahead.as_deref_mut() else { return matched };
        let is_its = |tally: &Tally| tally.side == comparison.side;
        let mut ahead: SmallVec<[Tally; 2]> = tallies.iter().copied().filter(is_its).collect();
        tallies.retain(|tally| !is_its(tally));
        ahead.sort_unstable_by_key(Tally::rank);
        let now = if *is_sure { 0 } else { comparison.counted };
        for tally in ahead {
            uses.remove(tally.hook);
            let rest = left_over(tally.packets(), late, comparison.is_cut);
            let beyond = left_over(rest, now, comparison.is_cut);
            let of_late = (tally.packets() - rest).min(late) + beyond;
            matched.push(Matched { hook: tally.hook, late: of_late, now: (rest - beyond).min(now) });
            late += beyond;
            found.late.push((tally, beyond));
        }
        matched
    }

    /// Keeps what each hook may see yet of what is counted by now.
    fn know(&mut self, side: Side, matched: &[Matched], total: u64, uses: &mut Uses) {
        self.known.retain(|known| {
            let is_other = known.side != side;
            if !is_other {
                uses.remove(known.hook);
            }
            is_other
        });
        for &Matched { hook, now, .. } in matched {
            uses.add(hook);
            let credit = u32::try_from(total.saturating_sub(now)).unwrap_or(u32::MAX);
            self.known.push(Known { hook, credit, side });
        }
    }
}

/// What is left over of packets if as many as possible are the same as those that are counted.
fn left_over(packets: u64, counted: u64, is_loose: bool) -> u64 {
    if is_loose && counted > 0 { 0 } else { packets.saturating_sub(counted) }
}

/// Whether packets also passed the same interface in the other direction.
fn turns_back(tally: &Tally, others: &[&Tally], hooks: &Hooks) -> bool {
    let interface = |hook: &Hook| (hook.scope, hook.ifindex);
    let here = interface(hooks.get(tally.hook));
    others.iter().any(|other| other.hook != tally.hook && interface(hooks.get(other.hook)) == here)
}
