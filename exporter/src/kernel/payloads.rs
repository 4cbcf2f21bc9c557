//! Reads the payloads that the programs ship.

use std::mem::offset_of;

use abi::maps::{PAYLOADS, UNSHIPPED};
use abi::{PackedKey, Payload as Shipped};
use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray, RingBuf};

use crate::clock::MonotonicTime;
use crate::flow::{Sighting, Tuple};
use crate::kernel::decode;
use crate::kernel::reader::{ReadError, at, take};

/// What a packet carries, as far as it was shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Who sent it to whom.
    pub tuple: Tuple,
    /// When and where it was seen.
    pub seen: Sighting,
    /// Bytes that the packet carries; no fewer than there are here.
    pub len: usize,
    /// The first of them.
    pub bytes: &'a [u8],
}

/// The ring of payloads.
pub(super) struct Payloads {
    ring: RingBuf<MapData>,
    unshipped: PerCpuArray<MapData, u64>,
    known: u64,
}

impl Payloads {
    pub(super) fn new(ebpf: &mut Ebpf) -> Result<Self, ReadError> {
        Ok(Self {
            ring: take(ebpf, PAYLOADS)?.try_into().map_err(at(PAYLOADS))?,
            unshipped: take(ebpf, UNSHIPPED)?.try_into().map_err(at(UNSHIPPED))?,
            known: 0,
        })
    }

    /// Gives what has come since the last time.
    pub(super) fn read(&mut self, mut take: impl FnMut(&Payload<'_>)) {
        while let Some(item) = self.ring.next() {
            // The programs ship nothing else.
            if let Some(payload) = Payload::of(&item) {
                take(&payload);
            }
        }
    }

    /// How many found no room since the last time.
    pub(super) fn unshipped(&mut self) -> Result<u64, ReadError> {
        let now = self.unshipped.get(&0, 0).map_err(at(UNSHIPPED))?.iter().sum();
        Ok(now - std::mem::replace(&mut self.known, now))
    }
}

impl<'a> Payload<'a> {
    /// Decodes a [`Shipped`]; `None` if it is none.
    fn of(record: &'a [u8]) -> Option<Self> {
        let u64_at = |at: usize| Some(u64::from_ne_bytes(*record.get(at..)?.first_chunk()?));
        let u32_at = |at: usize| Some(u32::from_ne_bytes(*record.get(at..)?.first_chunk()?));
        let mut words = [0; 6];
        for (number, word) in words.iter_mut().enumerate() {
            *word = u64_at(offset_of!(Shipped, words) + number * size_of::<u64>())?;
        }
        let key = PackedKey { words, kind: u32_at(offset_of!(Shipped, kind))?, cpu: 0 }.unpack();
        let shipped = usize::try_from(u32_at(offset_of!(Shipped, shipped))?).ok()?;
        Some(Self {
            tuple: decode::tuple(&key),
            seen: Sighting {
                time: MonotonicTime(u64_at(offset_of!(Shipped, time_ns))?),
                scope: key.scope,
                ifindex: key.ifindex,
            },
            len: usize::try_from(u32_at(offset_of!(Shipped, len))?).ok()?,
            bytes: record.get(offset_of!(Shipped, bytes)..)?.get(..shipped)?,
        })
    }
}
