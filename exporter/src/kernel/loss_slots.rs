//! Reads what the programs left out on purpose: counts of a generation by CPU and hook, in memory that no program has any more.

use std::io;

use abi::maps::LOSS_SLOTS;
use abi::{LossSlot, Reason};
use aya::Ebpf;
use aya::util::nr_cpus;

use crate::flow::{Counts, Hooks};
use crate::kernel::decode;
use crate::kernel::losses::Loss;
use crate::kernel::reader::{ReadError, mapped};
use crate::kernel::sys::Mapped;

/// How many slots each generation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotCount(u32);

impl SlotCount {
    /// Where nothing is left out.
    pub(super) const NONE: Self = Self(0);

    /// Enough for each CPU that this machine can have.
    pub(super) fn of_this_machine() -> io::Result<Self> {
        let cpus = nr_cpus().map_err(|(_, error)| error)?;
        Ok(Self(u32::try_from(cpus).unwrap_or(u32::MAX).saturating_mul(LossSlot::PER_CPU)))
    }

    pub(super) const fn per_generation(self) -> u32 {
        self.0
    }

    /// No map is empty.
    pub(super) const fn in_map(self) -> u32 {
        if self.0 == 0 { 1 } else { 2 * self.0 }
    }
}

/// The slots of both generations.
pub(super) struct LossSlots {
    slots: Mapped<LossSlot>,
    per_generation: u32,
    /// Read, and not given yet.
    read: Vec<Loss>,
}

impl LossSlots {
    pub(super) fn new(ebpf: &mut Ebpf, count: SlotCount) -> Result<Self, ReadError> {
        let slots = mapped(ebpf, LOSS_SLOTS, count.in_map())?;
        Ok(Self { slots, per_generation: count.per_generation(), read: Vec::new() })
    }

    /// Reads and empties a generation that no program writes.
    pub(super) fn read(&mut self, generation: u32, hooks: &mut Hooks) {
        let first = generation * self.per_generation;
        for number in first..first + self.per_generation {
            let LossSlot { key, tally, .. } = self.slots.get(number);
            if tally.packets == 0 {
                continue;
            }
            self.slots.set(number, LossSlot::FREE);
            if let Ok(reason) = Reason::try_from(key.reason) {
                let hook = Some(decode::hook(key.scope, key.ifindex, key.direction, hooks));
                let counts = Counts { packets: tally.packets, bytes: tally.bytes };
                self.read.push(Loss { hook, reason, counts });
            }
        }
    }

    /// Gives what was read since the last time.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Loss> + '_ {
        self.read.drain(..)
    }
}
