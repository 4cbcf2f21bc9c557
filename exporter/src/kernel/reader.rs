//! Reads what the programs counted, exactly.
//!
//! The programs write one of two generations. A reading turns them to the other, waits until none of them can still write the
//! old one (a grace period), and then owns the old one alone: reads it, empties it, and hands its counts on as the deltas of
//! the time since the last reading. No entry is ever removed, or written by user space, while a program can hold it.

use std::io;
use std::os::fd::AsFd;

use abi::maps::{CONTROL, INSERTED, OBSERVATIONS_0, OBSERVATIONS_1, SLOTS, SLOTS_PER_GENERATION};
use abi::{ObservationKey, Slot};
use aya::Ebpf;
use aya::maps::{Array, Map, MapData, MapError, PerCpuArray, PerCpuValues};

use crate::flow::{HookId, Hooks, Observation};
use crate::kernel::decode;
use crate::kernel::losses::{Loss, Losses};
use crate::kernel::sys::{Batch, GracePeriod};

/// Entries of one batch call: 557 KiB of buffers; larger ones gain nothing.
const BATCH: usize = 4096;

/// The reading end of the maps.
pub struct Reader {
    control: Array<MapData, u32>,
    observations: [MapData; 2],
    slots: PerCpuArray<MapData, Slot>,
    inserted: PerCpuArray<MapData, u64>,
    losses: Losses,
    grace: GracePeriod,
    generation: u32,
    batch: Batch<ObservationKey, abi::Observation>,
    /// Slots of the generation that is being read, CPU by CPU.
    slots_read: Vec<Slot>,
}

/// Why the maps cannot be read. What was counted stays in them for the next reading.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The object has another set of maps.
    #[error("the embedded kernel object has no map {0} of the expected kind")]
    Missing(&'static str),
    /// The kernel refuses an access to a map.
    #[error("cannot access the map {name}: {source}")]
    Map {
        /// The map's name.
        name: &'static str,
        /// The kernel's answer.
        source: MapError,
    },
    /// The kernel refuses to read a generation.
    #[error("cannot read the observations: {0}")]
    Drain(#[source] io::Error),
    /// Nobody knows whether the programs still write the old generation.
    #[error("cannot wait for the flow programs to leave the old generation: {0}")]
    GracePeriod(#[source] io::Error),
}

impl Reader {
    pub(super) fn new(ebpf: &mut Ebpf, grace: GracePeriod) -> Result<Self, ReadError> {
        Ok(Self {
            control: take(ebpf, CONTROL)?.try_into().map_err(at(CONTROL))?,
            observations: [hash(ebpf, OBSERVATIONS_0)?, hash(ebpf, OBSERVATIONS_1)?],
            slots: take(ebpf, SLOTS)?.try_into().map_err(at(SLOTS))?,
            inserted: take(ebpf, INSERTED)?.try_into().map_err(at(INSERTED))?,
            losses: Losses::new(ebpf)?,
            grace,
            generation: 0,
            batch: Batch::with_capacity(BATCH),
            slots_read: Vec::new(),
        })
    }

    /// How many observations the current generation has.
    ///
    /// # Errors
    /// [`ReadError::Map`].
    pub fn fill(&self) -> Result<u64, ReadError> {
        let values = self.inserted.get(&self.generation, 0).map_err(at(INSERTED))?;
        Ok(values.iter().sum())
    }

    /// Turns the programs to the other generation and gives what they counted in this one. A hook that an observation names is
    /// in the registry that comes with it.
    ///
    /// # Errors
    /// [`ReadError`]: what was not given yet is given by a later reading.
    pub fn read(
        &mut self,
        hooks: &mut Hooks,
        mut take: impl FnMut(&Hooks, &Observation),
    ) -> Result<(), ReadError> {
        let old = self.generation;
        self.control.set(0, 1 - old, 0).map_err(at(CONTROL))?;
        self.generation = 1 - old;
        self.grace.wait().map_err(ReadError::GracePeriod)?;

        self.take_slots(old)?;
        let slots = &mut self.slots_read;
        let map = self.observations[old as usize].fd().as_fd();
        self.batch
            .drain(map, |key, value| {
                let mut value = *value;
                if let Some(slot) = slots.get_mut(place(key)).filter(|slot| slot.key == *key) {
                    value.packets += slot.packets;
                    value.bytes += slot.bytes;
                    value.last_ns = value.last_ns.max(slot.last_ns);
                    slot.packets = 0;
                }
                let observation = decode::observation(key, &value, hooks);
                take(hooks, &observation);
            })
            .map_err(ReadError::Drain)?;
        // A slot's flow has an entry, so there is nothing left. Were it otherwise, its packets would not be lost.
        for slot in self.slots_read.iter().filter(|slot| slot.packets != 0) {
            let (packets, bytes, last_ns) = (slot.packets, slot.bytes, slot.last_ns);
            let value = abi::Observation {
                packets,
                bytes,
                first_ns: last_ns,
                last_ns,
                ..abi::Observation::default()
            };
            let observation = decode::observation(&slot.key, &value, hooks);
            take(hooks, &observation);
        }
        let cpus = self.inserted.get(&old, 0).map_err(at(INSERTED))?.len();
        self.inserted.set(old, per_cpu(0, cpus).map_err(at(INSERTED))?, 0).map_err(at(INSERTED))
    }

    /// Takes the slots of a generation that no program writes, and clears them: their flows are about to leave the map.
    fn take_slots(&mut self, generation: u32) -> Result<(), ReadError> {
        self.slots_read.fill(Slot::EMPTY);
        for index in 0..SLOTS_PER_GENERATION {
            let in_map = generation * SLOTS_PER_GENERATION + index;
            let slots = self.slots.get(&in_map, 0).map_err(at(SLOTS))?;
            if slots.iter().all(|slot| slot.key.ip_version == 0) {
                continue;
            }
            for slot in slots.iter().filter(|slot| slot.packets != 0) {
                let place = place(&slot.key);
                self.slots_read.resize(self.slots_read.len().max(place + 1), Slot::EMPTY);
                self.slots_read[place] = *slot;
            }
            let empty = per_cpu(Slot::EMPTY, slots.len()).map_err(at(SLOTS))?;
            self.slots.set(in_map, empty, 0).map_err(at(SLOTS))?;
        }
        Ok(())
    }

    /// Gives what is in no observation, as growth since the last reading.
    ///
    /// # Errors
    /// [`ReadError::Map`]: what was not given yet is given by a later reading.
    pub fn read_losses(
        &mut self,
        hooks: &mut Hooks,
        take: impl FnMut(&Hooks, &Loss),
    ) -> Result<(), ReadError> {
        self.losses.read(hooks, take)
    }

    /// Makes room for the losses of other hooks. The program must have been detached from this one before the last reading
    /// began; what it lost and was not given yet is given now.
    ///
    /// # Errors
    /// [`ReadError::Map`].
    pub fn forget_losses(
        &mut self,
        hook: HookId,
        hooks: &Hooks,
        take: impl FnMut(&Loss),
    ) -> Result<(), ReadError> {
        self.losses.forget(hook, hooks, take)
    }
}

fn per_cpu<T: aya::Pod>(value: T, cpus: usize) -> Result<PerCpuValues<T>, MapError> {
    PerCpuValues::try_from(vec![value; cpus]).map_err(MapError::from)
}

/// Where [`Reader::slots_read`] has the slot that a flow may own.
fn place(key: &ObservationKey) -> usize {
    usize::from(key.cpu) * SLOTS_PER_GENERATION as usize + Slot::index(key) as usize
}

pub(super) fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, ReadError> {
    ebpf.take_map(name).ok_or(ReadError::Missing(name))
}

fn hash(ebpf: &mut Ebpf, name: &'static str) -> Result<MapData, ReadError> {
    match take(ebpf, name)? {
        Map::HashMap(data) => Ok(data),
        _ => Err(ReadError::Missing(name)),
    }
}

pub(super) fn at(name: &'static str) -> impl FnOnce(MapError) -> ReadError {
    move |source| ReadError::Map { name, source }
}
