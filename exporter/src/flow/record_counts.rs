//! What each record of a request accounts for.

use std::collections::HashMap;
use std::iter;

use foldhash::fast::FixedState;

use crate::flow::{Counts, HookId};

/// Packets that the records of a request carry, by record and hook, so that a part of the request has its own.
///
/// A request may have thousands of records and wait in memory, so it is a few bytes for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// For each hook of a record four numbers in LEB128: records since the entry before, hook, packets, bytes.
    entries: Vec<u8>,
    /// The record of the last entry.
    last: u32,
}

impl RecordCounts {
    /// Adds what a record carries of a hook's. Records are numbered from 0 and come in their order; those that carry nothing are
    /// left out.
    pub fn add(&mut self, record: u32, hook: HookId, counts: Counts) {
        let since = record.saturating_sub(self.last);
        self.last += since;
        for number in [since.into(), hook.0.into(), counts.packets, counts.bytes] {
            put(&mut self.entries, number);
        }
    }

    /// Takes everything out, without spare capacity; that stays for what comes next.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let entries = self.entries.as_slice().to_vec();
        self.entries.clear();
        Self { entries, last: std::mem::take(&mut self.last) }
    }

    /// The sums over all records.
    #[must_use]
    pub fn by_hook(&self) -> HashMap<HookId, Counts, FixedState> {
        let mut sums = HashMap::<_, Counts, _>::default();
        for (_, hook, counts) in self.entries() {
            *sums.entry(hook).or_default() += counts;
        }
        sums
    }

    /// What the first `records` carry, and what the others do, as records of requests of their own.
    #[must_use]
    pub fn split_at(&self, records: u32) -> [Self; 2] {
        let mut halves = [Self::default(), Self::default()];
        for (record, hook, counts) in self.entries() {
            match record.checked_sub(records) {
                None => halves[0].add(record, hook, counts),
                Some(record) => halves[1].add(record, hook, counts),
            }
        }
        halves.map(|mut half| half.take())
    }

    /// Bytes of memory beside the value itself.
    #[must_use]
    pub fn size(&self) -> usize {
        self.entries.len()
    }

    fn entries(&self) -> impl Iterator<Item = (u32, HookId, Counts)> + '_ {
        let (mut rest, mut record) = (self.entries.as_slice(), 0);
        iter::from_fn(move || {
            record += u32::try_from(get(&mut rest)?).ok()?;
            let hook = HookId(u32::try_from(get(&mut rest)?).ok()?);
            Some((record, hook, Counts { packets: get(&mut rest)?, bytes: get(&mut rest)? }))
        })
    }
}

impl FromIterator<(u32, HookId, Counts)> for RecordCounts {
    /// From entries in the order of the records.
    fn from_iter<I: IntoIterator<Item = (u32, HookId, Counts)>>(entries: I) -> Self {
        let mut counts = Self::default();
        for (record, hook, of_hook) in entries {
            counts.add(record, hook, of_hook);
        }
        counts.take()
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// `None` at the end.
fn get(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, others) = rest.split_first()?;
        *rest = others;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Entry = (u32, HookId, Counts);

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = (0_u32..3, 0_u32..4, 0_u32..64, any::<u64>(), any::<u32>());
        let entries = proptest::collection::vec(entry, 0..40);
        entries.prop_map(|entries| {
            let mut record = 0;
            let numbered = entries.into_iter().map(|(since, hook, shift, packets, bytes)| {
                record += since;
                // Of every length, and small enough for a sum.
                let counts = Counts { packets: packets >> shift.max(6), bytes: bytes.into() };
                (record, HookId(hook), counts)
            });
            numbered.collect()
        })
    }

    proptest! {
        #[test]
        fn entries_are_read_as_they_were_added(entries in entries()) {
            let counts: RecordCounts = entries.iter().copied().collect();
            prop_assert_eq!(counts.entries().collect::<Vec<_>>(), entries);
        }

        #[test]
        fn two_parts_have_every_record_once(entries in entries(), records in 0_u32..100) {
            let counts: RecordCounts = entries.iter().copied().collect();
            let [first, others] = counts.split_at(records);
            let others = others.entries().map(|(record, hook, counts)| (record + records, hook, counts));
            prop_assert!(first.entries().all(|(record, ..)| record < records));
            prop_assert_eq!(first.entries().chain(others).collect::<Vec<_>>(), entries);
        }
    }

    #[test]
    fn sums_are_by_hook() {
        let counts = |packets| Counts { packets, bytes: 100 * packets };
        let all: RecordCounts =
            [(0, HookId(7), counts(1)), (0, HookId(300), counts(2)), (5, HookId(7), counts(4))]
                .into_iter()
                .collect();
        let sums = HashMap::from_iter([(HookId(7), counts(5)), (HookId(300), counts(2))]);
        assert_eq!(all.by_hook(), sums);
    }

    #[test]
    fn what_is_taken_begins_anew() {
        let counts = Counts { packets: 1, bytes: 60 };
        let mut writing = RecordCounts::default();
        for _ in 0..2 {
            for record in 0..100 {
                writing.add(record, HookId(1), counts);
            }
            let taken = writing.take();
            assert_eq!(taken.entries().last(), Some((99, HookId(1), counts)));
            assert_eq!((taken.entries.capacity(), taken.size()), (400, 400));
        }
    }
}
