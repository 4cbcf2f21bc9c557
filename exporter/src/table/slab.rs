//! Values by number. A number that became free is given out again, so numbers stay small and memory stays dense.

use std::ops::{Index, IndexMut};

/// A value's number in a [`Slab`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(pub(super) u32);

#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Option<Slot>,
    len: usize,
}

#[derive(Debug)]
enum Entry<T> {
    Used(T),
    Free { next: Option<Slot> },
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), free: None, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot of the next value.
    pub(super) fn next(&self) -> Slot {
        let end = || u32::try_from(self.entries.len()).expect("the table's limit of flows is a u32");
        self.free.unwrap_or_else(|| Slot(end()))
    }

    pub(super) fn insert(&mut self, value: T) -> Slot {
        let slot = self.next();
        self.len += 1;
        if self.free.is_none() {
            self.entries.push(Entry::Used(value));
            return slot;
        }
        let entry = &mut self.entries[slot.0 as usize];
        match std::mem::replace(entry, Entry::Used(value)) {
            Entry::Free { next } => self.free = next,
            Entry::Used(_) => unreachable!("the free list leads to free entries only"),
        }
        slot
    }

    pub(super) fn remove(&mut self, slot: Slot) -> T {
        let entry = &mut self.entries[slot.0 as usize];
        match std::mem::replace(entry, Entry::Free { next: self.free }) {
            Entry::Used(value) => {
                self.free = Some(slot);
                self.len -= 1;
                value
            }
            Entry::Free { .. } => unreachable!("{}", GONE),
        }
    }

    /// The slots in use, from number `from` on.
    pub(super) fn first_from(&self, from: u32) -> Option<Slot> {
        let used = |number: &u32| matches!(self.entries[*number as usize], Entry::Used(_));
        let end = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        (from..end).find(used).map(Slot)
    }
}

const GONE: &str = "a slot is forgotten by all when its value is removed";

impl<T> Index<Slot> for Slab<T> {
    type Output = T;

    fn index(&self, slot: Slot) -> &T {
        match &self.entries[slot.0 as usize] {
            Entry::Used(value) => value,
            Entry::Free { .. } => unreachable!("{}", GONE),
        }
    }
}

impl<T> IndexMut<Slot> for Slab<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        match &mut self.entries[slot.0 as usize] {
            Entry::Used(value) => value,
            Entry::Free { .. } => unreachable!("{}", GONE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_number_is_given_out_again() {
        let mut slab = Slab::new();
        let (first, second) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.remove(first), 'a');
        assert_eq!(slab.insert('c'), first);
        assert_eq!((slab[first], slab[second], slab.len()), ('c', 'b', 2));
    }

    #[test]
    fn first_from_skips_what_is_free() {
        let mut slab = Slab::new();
        let slots = ['a', 'b', 'c'].map(|value| slab.insert(value));
        slab.remove(slots[1]);
        assert_eq!(slab.first_from(1), Some(slots[2]));
        assert_eq!(slab.first_from(3), None);
    }
}
