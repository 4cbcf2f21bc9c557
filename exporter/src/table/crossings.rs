//! What was seen of a flow at each interface: times of different ones do not mix.

use abi::Direction;

use crate::flow::{Hook, Role};
use crate::table::conversation::Side;

/// Network namespace, interface and the direction of [`Side::Along`].
type Place = (u32, u32, Direction);

/// Those of one flow, mostly few or none.
#[derive(Debug)]
pub(super) struct Crossings<T>(Option<Box<Crossing<T>>>);

/// What was seen at an interface, of the packets that cross it in one sense: a packet may come back out of the interface that it
/// came in by, and then it was seen there twice.
#[derive(Debug)]
pub(super) struct Crossing<T> {
    place: Place,
    pub(super) sides: [T; 2],
    next: Option<Box<Self>>,
}

impl<T> Default for Crossings<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Default> Crossings<T> {
    /// Changes what was seen, where the hook is, of the packets that `side` sent.
    pub(super) fn change(&mut self, side: Side, hook: &Hook, change: impl FnOnce(&mut T)) {
        let place = place(side, hook);
        let mut here = &mut self.0;
        while let Some(crossing) = here {
            if crossing.place == place {
                return change(&mut crossing.sides[side as usize]);
            }
            here = &mut crossing.next;
        }
        let mut sides = [T::default(), T::default()];
        change(&mut sides[side as usize]);
        *here = Some(Box::new(Crossing { place, sides, next: None }));
    }
}

impl<T> Crossings<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Crossing<T>> {
        std::iter::successors(self.0.as_deref(), |crossing| crossing.next.as_deref())
    }

    /// Forgets all but the one of this [`order`](Crossing::order).
    pub(super) fn keep(&mut self, order: (u32, u32, u8)) {
        let mut rest = self.0.take();
        while let Some(mut crossing) = rest {
            rest = crossing.next.take();
            if crossing.order() == order {
                self.0 = Some(crossing);
                return;
            }
        }
    }
}

impl<T> Crossing<T> {
    /// No two of a flow have the same: so what is chosen among them does not depend on who came first.
    pub(super) fn order(&self) -> (u32, u32, u8) {
        let (scope, ifindex, along) = self.place;
        (scope, ifindex, along as u8)
    }
}

/// Where a hook sees packets that `side` sent.
fn place(side: Side, hook: &Hook) -> Place {
    let along = match side {
        // One hook has both directions of the interface, and both sides are seen where they pass it.
        _ if hook.role == Role::Capture => hook.direction,
        Side::Along => hook.direction,
        Side::Against => opposite(hook.direction),
    };
    (hook.scope, hook.ifindex, along)
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    }
}
