//! The maps of the variants. The bench gives them their size: the least one here, so that none costs memory unused.

use core::mem::MaybeUninit;

use abi::{Observation, ObservationKey, Slot, maps::SLOTS_PER_GENERATION};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, PerCpuHashMap};
use packet::Packet;

use crate::clock::Tick;
use crate::halves::Pair;
use crate::hooks::Hooks;
use crate::locations::Location;
use crate::yardstick;

#[map]
pub(crate) static YARDSTICK: HashMap<yardstick::Key, yardstick::Counts> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static SHARED: HashMap<ObservationKey, Observation> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static PER_CPU: PerCpuHashMap<ObservationKey, Observation> = PerCpuHashMap::with_max_entries(1, 0);

/// The generation that programs write, as in the exporter.
#[map]
pub(crate) static CONTROL: Array<u32> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static GENERATION_0: HashMap<ObservationKey, Observation> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static GENERATION_1: HashMap<ObservationKey, Observation> = HashMap::with_max_entries(1, 0);

/// Key to index in [`ENTRIES`].
#[map]
pub(crate) static LOCATION_0: HashMap<ObservationKey, u32> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static LOCATION_1: HashMap<ObservationKey, u32> = HashMap::with_max_entries(1, 0);

/// Entries of both generations and all CPUs.
#[map]
pub(crate) static ENTRIES: Array<Observation> = Array::with_max_entries(1, 0);

/// How many entries each CPU has taken, by generation.
#[map]
pub(crate) static TAKEN: PerCpuArray<u32> = PerCpuArray::with_max_entries(2, 0);

#[map]
pub(crate) static LOCATION_SLOTS: PerCpuArray<Location> =
    PerCpuArray::with_max_entries(2 * SLOTS_PER_GENERATION, 0);

#[map]
pub(crate) static PAIR_0: HashMap<ObservationKey, Pair> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static PAIR_1: HashMap<ObservationKey, Pair> = HashMap::with_max_entries(1, 0);

/// Where a new pair is put together: it is half of a program's stack.
#[map]
pub(crate) static NEW_PAIR: PerCpuArray<Pair> = PerCpuArray::with_max_entries(1, 0);

#[map]
pub(crate) static PAIR_SLOTS: PerCpuArray<Slot> = PerCpuArray::with_max_entries(2 * SLOTS_PER_GENERATION, 0);

#[map]
pub(crate) static HOOKS_0: HashMap<ObservationKey, Hooks> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static HOOKS_1: HashMap<ObservationKey, Hooks> = HashMap::with_max_entries(1, 0);

/// Where a new entry is put together: it does not fit on the stack beside the rest.
#[map]
pub(crate) static NEW_HOOKS: PerCpuArray<Hooks> = PerCpuArray::with_max_entries(1, 0);

/// As of the exporter, for its code.
pub(crate) const HEADERS_LEN: u32 = 512;

/// As of the exporter, for its code.
#[map]
pub(crate) static HEADERS: PerCpuArray<[u64; HEADERS_LEN as usize / 8 + 1]> =
    PerCpuArray::with_max_entries(1, 0);

/// As of the exporter, for its code.
#[map]
pub(crate) static TICK: PerCpuArray<Tick> = PerCpuArray::with_max_entries(1, 0);

/// As of the exporter, for its code.
#[map]
pub(crate) static PACKET: PerCpuArray<MaybeUninit<Packet>> = PerCpuArray::with_max_entries(1, 0);

/// The generation that the programs write.
#[inline(always)]
pub(crate) fn generation() -> u32 {
    CONTROL.get(0).copied().unwrap_or(0) & 1
}
