//! Every map: its size and its reason. Sizes of the observations maps are set by user space from the memory budget.

use core::mem::MaybeUninit;

use abi::maps::{DEFAULT_OBSERVATIONS, FRAGMENT_ENTRIES, LOSS_ENTRIES, SLOTS_PER_GENERATION};
use abi::{FragmentKey, FragmentPorts, LossKey, Observation, ObservationKey, Reason, Slot, Tally};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap, PerCpuArray, PerCpuHashMap};
use packet::Packet;

use crate::clock::Tick;

/// Observations of generation 0. Preallocated: an insert costs no allocation, and the memory is charged at the start.
#[map(name = "OBSERVED_0_V1")]
pub(crate) static OBSERVATIONS_0: HashMap<ObservationKey, Observation> =
    HashMap::with_max_entries(DEFAULT_OBSERVATIONS, 0);

/// Observations of generation 1.
#[map(name = "OBSERVED_1_V1")]
pub(crate) static OBSERVATIONS_1: HashMap<ObservationKey, Observation> =
    HashMap::with_max_entries(DEFAULT_OBSERVATIONS, 0);

/// Per-CPU cache in front of the observations, both generations one after the other.
#[map(name = "SLOTS_V1")]
pub(crate) static SLOTS: PerCpuArray<Slot> = PerCpuArray::with_max_entries(2 * SLOTS_PER_GENERATION, 0);

/// Which generation the programs write. User space flips it.
#[map(name = "CONTROL_V1")]
pub(crate) static CONTROL: Array<u32> = Array::with_max_entries(1, 0);

/// The coarse clock, read once a tick.
#[map(name = "TICK_V1")]
pub(crate) static TICK: PerCpuArray<Tick> = PerCpuArray::with_max_entries(1, 0);

/// The packet that a CPU is working on. Not on the stack: there are 512 bytes for all calls together, and the parser, which is
/// inlined, needs half of them.
#[map(name = "PACKET_V1")]
pub(crate) static PACKET: PerCpuArray<MaybeUninit<Packet>> = PerCpuArray::with_max_entries(1, 0);

/// How many observations each generation has, so that user space flips before one is full.
#[map(name = "INSERTED_V1")]
pub(crate) static INSERTED: PerCpuArray<u64> = PerCpuArray::with_max_entries(2, 0);

/// Packets that are in no observation, by hook and reason.
#[map(name = "LOSSES_V1")]
pub(crate) static LOSSES: PerCpuHashMap<LossKey, Tally> = PerCpuHashMap::with_max_entries(LOSS_ENTRIES, 0);

/// The same by reason alone, for hooks that no longer fit into [`LOSSES`].
#[map(name = "UNATTRIBUTED_V1")]
pub(crate) static UNATTRIBUTED: PerCpuArray<Tally> =
    PerCpuArray::with_max_entries(Reason::ALL.len() as u32, 0);

/// Ports of first fragments. The only map that may forget: then a later fragment is counted with its ports unknown.
#[map(name = "FRAGMENTS_V1")]
pub(crate) static FRAGMENTS: LruHashMap<FragmentKey, FragmentPorts> =
    LruHashMap::with_max_entries(FRAGMENT_ENTRIES, 0);

/// Bytes of headers in [`HEADERS`]: no chain of headers that a sender has use for is longer.
pub(crate) const HEADERS_LEN: u32 = 512;

/// Where a packet's headers are copied to when they lie outside its linear part; 8 bytes more are scratch memory.
#[map(name = "HEADERS_V1")]
pub(crate) static HEADERS: PerCpuArray<[u64; HEADERS_LEN as usize / 8 + 1]> =
    PerCpuArray::with_max_entries(1, 0);
