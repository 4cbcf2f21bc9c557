//! What a record takes of what the hooks saw: whose packets it carries, and the way that they took.

use smallvec::SmallVec;

use crate::clock::MonotonicTime;
use crate::flow::{Counts, HookId, Hooks, Hop};
use crate::table::accounting::{Share, Tally};
use crate::table::conversation::Side;
use crate::table::stretch::Passage;

/// What a record takes.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) shares: [Share; 2],
    /// Which hooks' packets are in the shares.
    pub(super) accounted: SmallVec<[(Side, HookId, Counts); 2]>,
    /// All that was seen, accounted for or not.
    pub(super) hops: Vec<Tally>,
}

impl Settled {
    /// The hooks whose packets the record carries, the source's first; one that counts both directions once.
    pub(super) fn by_hook(&self, source: Side) -> SmallVec<[(HookId, Counts); 2]> {
        let mut sums = SmallVec::<[(HookId, Counts); 2]>::new();
        for side in [source, source.other()] {
            for &(_, hook, counts) in self.accounted.iter().filter(|(of, ..)| *of == side) {
                match sums.iter_mut().find(|(known, _)| *known == hook) {
                    Some((_, sum)) => *sum += counts,
                    None => sums.push((hook, counts)),
                }
            }
        }
        sums
    }

    /// The hooks that the packets passed, in their order, the source's packets first. Empty if one hook saw all there was to see
    /// of each direction. `start` is the flow's first packet; `passed` are those of the stretch that has ended, if it is known what was lost in it.
    pub(super) fn path<'a>(
        &self,
        source: Side,
        start: MonotonicTime,
        passed: Option<&[Passage]>,
        hooks: &'a Hooks,
    ) -> SmallVec<[Hop<'a>; 4]> {
        if let Some(passed) = passed {
            return self.path_with_losses(source, start, passed, hooks);
        }
        let of = |side| self.hops.iter().filter(move |hop| hop.side == side);
        if Side::BOTH.into_iter().all(|side| of(side).count() < 2) {
            return SmallVec::new();
        }
        let mut path = SmallVec::new();
        for side in [source, source.other()] {
            let mut of_side: SmallVec<[&Tally; 4]> = of(side).collect();
            of_side.sort_unstable_by_key(|hop| (hop.first, hop.hook));
            path.extend(of_side.into_iter().map(|hop| Hop {
                hook: hooks.get(hop.hook),
                is_reverse: side != source,
                macs: hop.macs,
                first: hop.first,
                offset: offset(hop.first, start),
                counts: hop.counts,
                lost: None,
            }));
        }
        path
    }

    /// A hook may have had its packets of the stretch in earlier intervals.
    fn path_with_losses<'a>(
        &self,
        source: Side,
        start: MonotonicTime,
        passed: &[Passage],
        hooks: &'a Hooks,
    ) -> SmallVec<[Hop<'a>; 4]> {
        let mut path = SmallVec::new();
        for side in [source, source.other()] {
            path.extend(passed.iter().filter(|passage| passage.side == side).map(|passage| {
                let is_its = |tally: &&Tally| (tally.hook, tally.side) == (passage.hook, passage.side);
                let tally = self.hops.iter().find(is_its);
                Hop {
                    hook: hooks.get(passage.hook),
                    is_reverse: side != source,
                    macs: tally.and_then(|tally| tally.macs),
                    first: passage.first,
                    offset: offset(passage.first, start),
                    counts: tally.map(|tally| tally.counts).unwrap_or_default(),
                    lost: Some(passage.lost),
                }
            }));
        }
        path
    }
}

/// Nanoseconds from one time to another, which may be the earlier one.
fn offset(time: MonotonicTime, from: MonotonicTime) -> i64 {
    time.0.wrapping_sub(from.0).cast_signed()
}
