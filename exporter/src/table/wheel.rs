//! One timer per flow, in a wheel: setting, moving and taking one costs the same however many there are, nothing is
//! allocated, and a timer that is not due costs nothing.
//!
//! The wheel has [`SPOKES`] lists of timers, one per tick of time. A timer beyond one turn waits in the last list and is
//! handed out too early; whoever takes a timer checks what is due and sets it again. It is never handed out too early for
//! another reason, and late by one tick at most.

use crate::clock::MonotonicTime;
use crate::table::slab::Slot;

/// 2^24 ns: 17 ms.
const TICK_BITS: u32 = 24;
/// One turn is 69 s: an idle TCP connection is looked at as rarely.
const SPOKES: u32 = 4096;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Wheel {
    /// First timer of each list, a slot's number or `NONE`.
    heads: Box<[u32]>,
    /// Neighbours of each slot in its list.
    links: Vec<Link>,
    /// The first tick that was not handed out completely. Timers lie within one turn from here.
    cursor: u64,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    previous: u32,
    next: u32,
    /// The list that the slot is in, or `NONE`.
    spoke: u32,
}

impl Link {
    const FREE: Self = Self { previous: NONE, next: NONE, spoke: NONE };
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self { heads: vec![NONE; SPOKES as usize].into(), links: Vec::new(), cursor: 0, len: 0 }
    }

    /// An empty wheel may turn without looking at its lists.
    pub(super) fn turn_empty(&mut self, now: MonotonicTime) {
        if self.len == 0 {
            self.cursor = self.cursor.max(now.0 >> TICK_BITS);
        }
    }

    /// Sets the slot's timer, or moves it.
    pub(super) fn set(&mut self, slot: Slot, deadline: MonotonicTime) {
        // Rounded up: a timer that is handed out is due.
        let tick = (deadline.0 >> TICK_BITS) + u64::from(deadline.0.trailing_zeros() < TICK_BITS);
        let spoke = spoke(tick.clamp(self.cursor, self.cursor + u64::from(SPOKES) - 1));
        let index = slot.0 as usize;
        if self.links.len() <= index {
            self.links.resize(index + 1, Link::FREE);
        }
        if self.links[index].spoke == spoke {
            return;
        }
        self.cancel(slot);
        let next = self.heads[spoke as usize];
        if next != NONE {
            self.links[next as usize].previous = slot.0;
        }
        self.links[index] = Link { previous: NONE, next, spoke };
        self.heads[spoke as usize] = slot.0;
        self.len += 1;
    }

    /// Takes the slot's timer away, if it has one.
    pub(super) fn cancel(&mut self, slot: Slot) {
        let Some(&Link { previous, next, spoke }) = self.links.get(slot.0 as usize) else { return };
        if spoke == NONE {
            return;
        }
        match previous {
            NONE => self.heads[spoke as usize] = next,
            previous => self.links[previous as usize].next = next,
        }
        if next != NONE {
            self.links[next as usize].previous = previous;
        }
        self.links[slot.0 as usize] = Link::FREE;
        self.len -= 1;
    }

    /// Takes one timer whose deadline has passed. A timer that is set again meanwhile must be set after `now`.
    pub(super) fn take_due(&mut self, now: MonotonicTime) -> Option<Slot> {
        let end = now.0 >> TICK_BITS;
        // After a long sleep one turn goes by all lists.
        self.cursor = self.cursor.max((end + 1).saturating_sub(u64::from(SPOKES)));
        while self.cursor <= end && self.len > 0 {
            let head = self.heads[spoke(self.cursor) as usize];
            if head != NONE {
                self.cancel(Slot(head));
                return Some(Slot(head));
            }
            self.cursor += 1;
        }
        self.turn_empty(now);
        None
    }

    /// The timer that is due next, with its deadline as the wheel knows it: to a tick, and at most one turn ahead.
    pub(super) fn next(&self) -> Option<(Slot, MonotonicTime)> {
        if self.len == 0 {
            return None;
        }
        (self.cursor..self.cursor + u64::from(SPOKES)).find_map(|tick| {
            let head = self.heads[spoke(tick) as usize];
            (head != NONE).then_some((Slot(head), MonotonicTime(tick << TICK_BITS)))
        })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the remainder is below SPOKES")]
fn spoke(tick: u64) -> u32 {
    (tick % u64::from(SPOKES)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 1 << TICK_BITS;

    fn at(ticks: u64) -> MonotonicTime {
        MonotonicTime(ticks * TICK)
    }

    fn wheel(now: u64) -> Wheel {
        let mut wheel = Wheel::new();
        wheel.turn_empty(at(now));
        wheel
    }

    #[test]
    fn a_timer_is_taken_once_and_not_before_its_deadline() {
        let mut wheel = wheel(1_000_000);
        wheel.set(Slot(3), at(1_000_005));
        assert_eq!(wheel.take_due(MonotonicTime(at(1_000_005).0 - 1)), None);
        assert_eq!(wheel.take_due(at(1_000_005)), Some(Slot(3)));
        assert_eq!(wheel.take_due(at(2_000_000)), None);
    }

    #[test]
    fn a_timer_between_two_ticks_is_late_rather_than_early() {
        let mut wheel = wheel(0);
        wheel.set(Slot(0), MonotonicTime(TICK + 1));
        assert_eq!(wheel.take_due(at(1)), None);
        assert_eq!(wheel.take_due(at(2)), Some(Slot(0)));
    }

    #[test]
    fn a_timer_that_is_moved_is_due_at_its_new_deadline_only() {
        let mut wheel = wheel(0);
        for slot in 0..3 {
            wheel.set(Slot(slot), at(5));
        }
        wheel.set(Slot(1), at(9));
        let mut due: Vec<_> = std::iter::from_fn(|| wheel.take_due(at(5))).map(|slot| slot.0).collect();
        due.sort_unstable();
        assert_eq!(due, [0, 2]);
        assert_eq!(wheel.take_due(at(9)), Some(Slot(1)));
    }

    #[test]
    fn a_timer_beyond_one_turn_is_handed_out_within_one_turn() {
        let mut wheel = wheel(0);
        wheel.set(Slot(0), at(10 * u64::from(SPOKES)));
        assert_eq!(wheel.take_due(at(u64::from(SPOKES) - 2)), None);
        assert_eq!(wheel.take_due(at(u64::from(SPOKES) - 1)), Some(Slot(0)));
    }

    #[test]
    fn after_a_long_sleep_every_timer_is_due() {
        let mut wheel = wheel(0);
        for slot in 0..100 {
            wheel.set(Slot(slot), at(u64::from(slot) * 40));
        }
        assert_eq!(std::iter::from_fn(|| wheel.take_due(at(1_000_000))).count(), 100);
    }

    #[test]
    fn a_timer_that_was_never_set_can_be_cancelled() {
        let mut wheel = wheel(0);
        wheel.cancel(Slot(7));
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn next_is_the_earliest() {
        let mut wheel = wheel(0);
        assert_eq!(wheel.next(), None);
        wheel.set(Slot(0), at(70));
        wheel.set(Slot(1), at(30));
        assert_eq!(wheel.next(), Some((Slot(1), at(30))));
        wheel.cancel(Slot(1));
        assert_eq!(wheel.next(), Some((Slot(0), at(70))));
    }
}
