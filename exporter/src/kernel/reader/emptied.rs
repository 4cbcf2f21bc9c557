//! Reads entries of a capture where they lie: no program runs meanwhile, and the entries stay for the frames to come.

use abi::{Counts, Entry, TcpQuality, control};

use super::Reader;
use crate::clock::MonotonicTime;
use crate::flow::{Hooks, Observation};
use crate::kernel::decode;

impl Reader {
    /// Gives what an entry counted since the last time, of which the last frame was captured at `last`, and empties it. What sequence
    /// numbers told of its sender stays.
    pub(in crate::kernel) fn empty_entry(
        &mut self,
        number: u32,
        last: MonotonicTime,
        hooks: &mut Hooks,
    ) -> Observation {
        let entry = self.entries.get(number);
        let quality = self.tcp_quality_of(&entry, number);
        let observation = decode::observation(&entry, quality, 0, hooks);
        self.entries.set(number, Entry { counts: Counts { packets: 0, ..entry.counts }, ..entry });
        if self.sizes.tcp_quality {
            let TcpQuality { sequence_end, gap_at, .. } = quality;
            self.tcp_quality.set(number, TcpQuality { sequence_end, gap_at, ..TcpQuality::default() });
        }
        Observation { last, ..observation }
    }

    /// Reads what was left out on purpose, for [`read_losses`](Self::read_losses).
    pub(in crate::kernel) fn read_left_out(&mut self, hooks: &mut Hooks) {
        self.left_out.read(self.generation, hooks);
    }

    /// Whether as many frames would find entries if each were of a new key.
    pub(in crate::kernel) fn has_room_for(&self, frames: usize) -> bool {
        self.fill() + frames as u64 <= u64::from(self.sizes.observations)
    }

    /// Turns the programs to the other generation, whose entries are forgotten. Those of this one were read, and tell what is known of
    /// a sender until the next time.
    pub(in crate::kernel) fn begin_generation(&mut self) {
        self.generation = 1 - self.generation;
        self.empty(self.generation);
        self.control.set(0, control::word(self.generation, self.buckets[self.generation as usize]));
    }
}
