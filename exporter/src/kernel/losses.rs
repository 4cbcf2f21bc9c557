//! Reads what the programs could not put into an observation: running totals by hook and reason, of which the growth counts.
//!
//! The kernel has room for a number of hooks and reasons. When it has none, a packet is counted by reason alone; when a hook has
//! left, its room is another's.

use std::collections::HashMap;

use abi::maps::{LOSSES, UNATTRIBUTED};
use abi::{LossKey, Reason, Tally};
use aya::Ebpf;
use aya::maps::{MapData, MapError, PerCpuArray, PerCpuHashMap, PerCpuValues};
use foldhash::fast::FixedState;

use crate::flow::{Counts, Hook, HookId, Hooks};
use crate::kernel::decode;
use crate::kernel::reader::{ReadError, at, take};

/// Packets that a hook saw and that are in no observation, since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Where; `None` for hooks beyond those that losses are told apart for.
    pub hook: Option<HookId>,
    /// Why.
    pub reason: Reason,
    /// How much. Never zero.
    pub counts: Counts,
}

/// The maps of losses, and their totals as of the last reading.
pub(super) struct Losses {
    by_hook: PerCpuHashMap<MapData, LossKey, Tally>,
    by_reason: PerCpuArray<MapData, Tally>,
    known_by_hook: HashMap<LossKey, Counts, FixedState>,
    known_by_reason: [Counts; Reason::ALL.len()],
}

impl Losses {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, ReadError> {
        Ok(Self {
            by_hook: take(ebpf, LOSSES)?.try_into().map_err(at(LOSSES))?,
            by_reason: take(ebpf, UNATTRIBUTED)?.try_into().map_err(at(UNATTRIBUTED))?,
            known_by_hook: HashMap::default(),
            known_by_reason: Default::default(),
        })
    }

    /// Hooks and reasons in the kernel's map, as of the last reading.
    pub(super) fn entries(&self) -> usize {
        self.known_by_hook.len()
    }

    /// Gives the growth since the last reading.
    pub(super) fn read(
        &mut self,
        hooks: &mut Hooks,
        mut take: impl FnMut(&Hooks, &Loss),
    ) -> Result<(), ReadError> {
        for entry in &self.by_hook {
            let (key, tallies) = entry.map_err(at(LOSSES))?;
            let Ok(reason) = Reason::try_from(key.reason) else { continue };
            if let Some(counts) = growth(self.known_by_hook.entry(key).or_default(), &tallies) {
                let hook = Some(decode::hook(key.scope, key.ifindex, key.direction, hooks));
                take(hooks, &Loss { hook, reason, counts });
            }
        }
        for (index, reason) in (0..).zip(Reason::ALL) {
            let tallies = self.by_reason.get(&index, 0).map_err(at(UNATTRIBUTED))?;
            if let Some(counts) = growth(&mut self.known_by_reason[reason as usize], &tallies) {
                take(hooks, &Loss { hook: None, reason, counts });
            }
        }
        Ok(())
    }

    /// Gives the growth of a hook whose program no longer runs, and makes its room free.
    pub(super) fn forget(
        &mut self,
        hook: HookId,
        hooks: &Hooks,
        mut take: impl FnMut(&Loss),
    ) -> Result<(), ReadError> {
        let Hook { scope, ifindex, direction, .. } = *hooks.get(hook);
        for reason in Reason::ALL {
            let key = LossKey { ifindex, scope, direction: direction as u8, reason: reason as u8, pad: 0 };
            match self.by_hook.get(&key, 0) {
                Ok(tallies) => {
                    if let Some(counts) = growth(self.known_by_hook.entry(key).or_default(), &tallies) {
                        take(&Loss { hook: Some(hook), reason, counts });
                    }
                    self.by_hook.remove(&key).map_err(at(LOSSES))?;
                    // Only now: what is still in the map must not be given twice.
                    self.known_by_hook.remove(&key);
                }
                Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(at(LOSSES)(error)),
            }
        }
        Ok(())
    }
}

/// What a running total grew by, if at all.
fn growth(known: &mut Counts, tallies: &PerCpuValues<Tally>) -> Option<Counts> {
    let now = tallies.iter().map(|tally| Counts { packets: tally.packets, bytes: tally.bytes }).sum();
    let grown = now - std::mem::replace(known, now);
    (!grown.is_zero()).then_some(grown)
}
