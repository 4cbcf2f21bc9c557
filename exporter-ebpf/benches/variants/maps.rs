//! The maps of the variants. The bench gives them their size: the least one here, so that none costs memory unused.

use core::mem::MaybeUninit;

use abi::{Counts, Facts, PackedKey};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, PerCpuArray, PerCpuHashMap};
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::frame::Headers;
use crate::slot::{SLOTS_PER_GENERATION, Slot};
use crate::yardstick;
use crate::{clock, entry};

/// What the variants keep of a key.
#[repr(C)]
pub(crate) struct Observation {
    pub(crate) facts: Facts,
    pub(crate) counts: Counts,
    pub(crate) pad: u32,
}

impl Observation {
    #[inline(always)]
    pub(crate) fn first(context: &TcContext, packet: &Packet, wire: Wire) -> Self {
        let (counts, facts) = entry::first(context, packet, wire);
        Self { facts, counts, pad: 0 }
    }

    #[inline(always)]
    pub(crate) fn update(&mut self, packet: &Packet, wire: Wire) {
        entry::update::<{ entry::OPENS }>(
            &mut self.counts,
            &mut self.facts,
            packet,
            wire,
            clock::jiffies() as u16,
        );
    }
}

#[map]
pub(crate) static YARDSTICK: HashMap<yardstick::Key, yardstick::Counts> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static SHARED: HashMap<PackedKey, Observation> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static PER_CPU: PerCpuHashMap<PackedKey, Observation> = PerCpuHashMap::with_max_entries(1, 0);

/// The generation that programs write, as in the exporter.
#[map]
pub(crate) static CONTROL: Array<u32> = Array::with_max_entries(1, 0);

#[map]
pub(crate) static GENERATION_0: HashMap<PackedKey, Observation> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static GENERATION_1: HashMap<PackedKey, Observation> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static COUNTS_0: HashMap<PackedKey, Observation> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static COUNTS_1: HashMap<PackedKey, Observation> = HashMap::with_max_entries(1, 0);

#[map]
pub(crate) static SLOTS: PerCpuArray<Slot> = PerCpuArray::with_max_entries(2 * SLOTS_PER_GENERATION, 0);

/// As of the exporter, for its code.
#[map]
pub(crate) static HEADERS: PerCpuArray<Headers> = PerCpuArray::with_max_entries(1, 0);

/// As of the exporter, for its code.
#[map]
pub(crate) static PACKET: PerCpuArray<MaybeUninit<Packet>> = PerCpuArray::with_max_entries(1, 0);

/// The packet that a CPU is working on: the stack is full of what hash maps are given.
#[map]
pub(crate) static SCRATCH: PerCpuArray<MaybeUninit<Packet>> = PerCpuArray::with_max_entries(1, 0);

/// The generation that the programs write.
#[inline(always)]
pub(crate) fn generation() -> u32 {
    CONTROL.get(0).copied().unwrap_or(0) & 1
}
