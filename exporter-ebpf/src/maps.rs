//! Every map: its size and its reason. User space sets those of the entries and their index from the memory budget.

use core::mem::MaybeUninit;

use abi::maps::{FRAGMENT_ENTRIES, LOSS_ENTRIES};
use abi::{
    Awaited, Batch, Bucket, Entry, FragmentKey, FragmentPorts, Frame, LossKey, LossSlot, Reason, Taken,
    Tally, TcpQuality, Timings,
};
use aya_ebpf::bindings::BPF_F_MMAPABLE;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray, PerCpuHashMap, RingBuf};
use packet::Packet;

use crate::frame::Headers;

/// What was seen: entries of generation 0, then those of generation 1. Preallocated: a new entry costs no allocation, and the
/// memory is charged at the start. User space has it mapped.
#[map(name = "ENTRIES_V3")]
pub(crate) static ENTRIES: Array<Entry> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Where a key's entry is: buckets of generation 0, then those of generation 1. Mapped, also because a map that can be is aligned
/// to pages, and so a bucket to a cache line.
#[map(name = "INDEX_V2")]
pub(crate) static INDEX: Array<Bucket> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// How many entries each generation has given out.
#[map(name = "TAKEN_V1")]
pub(crate) static TAKEN: Array<Taken> = Array::with_max_entries(2, BPF_F_MMAPABLE);

/// Which generation the programs write, and how much of its index. User space writes it.
#[map(name = "CONTROL_V1")]
pub(crate) static CONTROL: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The frames that user space hands over, if it does. User space has it mapped, so that they cost it no call more.
#[map(name = "BATCH_V1")]
pub(crate) static BATCH: Array<Batch> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Their first bytes. Mapped as well; user space sets its size.
#[map(name = "BYTES_V1")]
pub(crate) static BYTES: Array<[u8; Frame::MOST_BYTES]> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// The packet that a CPU is working on, if it is not a plain one.
#[map(name = "PACKET_V1")]
pub(crate) static PACKET: PerCpuArray<MaybeUninit<Packet>> = PerCpuArray::with_max_entries(1, 0);

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

/// Where a packet's headers are copied to when they lie outside its linear part.
#[map(name = "HEADERS_V2")]
pub(crate) static HEADERS: PerCpuArray<Headers> = PerCpuArray::with_max_entries(1, 0);

/// What the user does not want to see, by CPU and hook: slots of generation 0, then those of generation 1. Mapped.
#[map(name = "LOSS_SLOTS_V1")]
pub(crate) static LOSS_SLOTS: Array<LossSlot> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Payloads on their way to user space, which looks at it from time to time and is not woken. User space sets its size.
#[map(name = "PAYLOADS_V2")]
pub(crate) static PAYLOADS: RingBuf = RingBuf::with_byte_size(1, 0);

/// The sequence number of the first data of each side of a connection that was seen to open. One for all hooks, CPUs and
/// generations, so each network namespace ships the data once, wherever it is seen there first. User space sets its size; what it
/// forgets is not shipped.
#[map(name = "AWAITED_V2")]
pub(crate) static AWAITED: LruHashMap<Awaited, u32> = LruHashMap::with_max_entries(1, 0);

/// Payloads that found the ring full.
#[map(name = "UNSHIPPED_V1")]
pub(crate) static UNSHIPPED: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// A key of [`AWAITED`]: the stack has no room for it.
#[map(name = "AWAITED_KEY_V1")]
pub(crate) static AWAITED_KEY: PerCpuArray<Awaited> = PerCpuArray::with_max_entries(1, 0);

/// How well TCP does: beside each of [`ENTRIES`], under its number, and not in it, because an entry is two cache lines and most
/// packets touch one of them. User space has it mapped.
#[map(name = "TCP_QUALITY_V1")]
pub(crate) static TCP_QUALITY: Array<TcpQuality> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// What is timed of TCP connections, by a hash that both directions of an interface share. One for all CPUs and generations.
#[map(name = "TIMINGS_V1")]
pub(crate) static TIMINGS: Array<Timings> = Array::with_max_entries(1, 0);
