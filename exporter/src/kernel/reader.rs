//! Reads what the programs counted, exactly.
//!
//! The programs write one of two generations. A reading turns them to the other, waits until none of them can still write the
//! old one (a grace period), and then owns the old one alone: hands its counts on as the deltas of the time since the last
//! reading, and empties it. No entry is ever removed, or written by user space, while a program can hold it.

mod emptied;

use std::io;
use std::os::fd::AsFd;

use abi::maps::{CONTROL, ENTRIES, INDEX, TAKEN, TCP_QUALITY};
use abi::{Bucket, Entry, Taken, TcpQuality, Untold, control, protocol};
use aya::maps::{Map, MapError};
use aya::{Ebpf, Pod};
use rustix::time::{ClockId, clock_getres};

use crate::flow::{Dropped, HookId, Hooks, Observation};
use crate::kernel::decode;
use crate::kernel::drops::{DropReader, DropsError};
use crate::kernel::loss_slots::{LossSlots, SlotCount};
use crate::kernel::losses::{Loss, Losses};
use crate::kernel::payloads::{Payload, Payloads};
use crate::kernel::sizes::Sizes;
use crate::kernel::sys::{GracePeriod, Mapped};

/// The reading end of the maps.
pub struct Reader {
    control: Mapped<u64>,
    entries: Mapped<Entry>,
    /// One value if it is not kept.
    tcp_quality: Mapped<TcpQuality>,
    index: Mapped<Bucket>,
    taken: Mapped<Taken>,
    sizes: Sizes,
    losses: Losses,
    left_out: LossSlots,
    payloads: Payloads,
    /// `None` if they are not wanted.
    drops: Option<Result<DropReader, DropsError>>,
    grace: GracePeriod,
    generation: u32,
    /// Of each generation, how many buckets it was given when it was last written.
    buckets: [u32; 2],
    /// Length of the kernel's timer tick in nanoseconds.
    tick: u64,
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
    /// The kernel does not map a map.
    #[error("cannot map the map {name}: {source}")]
    Mapping {
        /// The map's name.
        name: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Nobody knows whether the programs still write the old generation.
    #[error("cannot wait for the flow programs to leave the old generation: {0}")]
    GracePeriod(#[source] io::Error),
    /// The kernel does not tell of the program for dropped packets.
    #[error("cannot ask the kernel how often it left out the program for dropped packets: {0}")]
    Missed(#[source] io::Error),
}

impl Reader {
    pub(super) fn new(
        ebpf: &mut Ebpf,
        sizes: Sizes,
        slots: SlotCount,
        grace: GracePeriod,
    ) -> Result<Self, ReadError> {
        let mut control = mapped(ebpf, CONTROL, 1)?;
        control.set(0, control::word(0, sizes.buckets()));
        Ok(Self {
            control,
            entries: mapped(ebpf, ENTRIES, sizes.entries_in_map())?,
            tcp_quality: mapped(ebpf, TCP_QUALITY, sizes.tcp_quality_in_map())?,
            index: mapped(ebpf, INDEX, sizes.buckets_in_map())?,
            taken: mapped(ebpf, TAKEN, 2)?,
            sizes,
            losses: Losses::new(ebpf)?,
            left_out: LossSlots::new(ebpf, slots)?,
            payloads: Payloads::new(ebpf)?,
            drops: None,
            grace,
            generation: 0,
            buckets: [sizes.buckets(); 2],
            tick: tick(),
        })
    }

    /// This reader, which reads what the kernel drops as well, or knows why it cannot.
    pub(super) fn with_drops(self, drops: Result<DropReader, DropsError>) -> Self {
        Self { drops: Some(drops), ..self }
    }

    /// Why dropped packets are not read, if they were wanted.
    #[must_use]
    pub fn why_no_drops(&self) -> Option<&DropsError> {
        self.drops.as_ref()?.as_ref().err()
    }

    /// Gives the packets that the kernel dropped before the last reading and after the one before. To be called once after each. `scope`
    /// says which network namespace has a number (the inode of its file).
    ///
    /// # Errors
    /// [`ReadError::Map`].
    pub fn read_dropped(
        &mut self,
        scope: impl FnMut(u32) -> Option<u32>,
        take: impl FnMut(&Dropped),
    ) -> Result<(), ReadError> {
        match &mut self.drops {
            Some(Ok(drops)) => drops.read(1 - self.generation, scope, take),
            _ => Ok(()),
        }
    }

    /// Dropped packets of which only the number is known, since the start, in the order of [`Untold::ALL`].
    ///
    /// # Errors
    /// [`ReadError::Map`].
    pub fn untold_drops(&self) -> Result<[u64; Untold::ALL.len()], ReadError> {
        match &self.drops {
            Some(Ok(drops)) => drops.untold(),
            _ => Ok(Default::default()),
        }
    }

    /// How often the kernel left the program for dropped packets out, since the start: it runs once at a time on a CPU.
    ///
    /// # Errors
    /// [`ReadError::Missed`].
    pub fn missed_drops(&self) -> Result<u64, ReadError> {
        match &self.drops {
            Some(Ok(drops)) => drops.missed(),
            _ => Ok(0),
        }
    }

    /// How many observations the current generation has.
    #[must_use]
    pub fn fill(&self) -> u64 {
        self.fill_of(self.generation)
    }

    /// Whether to read now and not wait: half of the room is taken, so that there is some left until it is read. Beyond the room
    /// of all entries packets overflow; beyond that of the index, which a rush after silence meets first, keys take second
    /// entries.
    #[must_use]
    pub fn is_filling(&self) -> bool {
        self.fill() >= u64::from(self.sizes.room(self.buckets[self.generation as usize]) / 2)
    }

    /// Turns the programs to the other generation and gives what they counted in this one. A hook that an observation names is
    /// in the registry that comes with it. A key can come twice: its packets are the sum.
    ///
    /// # Errors
    /// [`ReadError`]: nothing was given, and a later reading gives it.
    pub fn read(
        &mut self,
        hooks: &mut Hooks,
        take: impl FnMut(&Hooks, &Observation),
    ) -> Result<(), ReadError> {
        self.turn()?;
        self.read_turned(hooks, take);
        Ok(())
    }

    /// The first half of [`read`](Self::read): turns the programs to the other generation, and returns when none writes this one any
    /// more. The second has to follow.
    ///
    /// # Errors
    /// [`ReadError`]: there is nothing to read.
    pub fn turn(&mut self) -> Result<(), ReadError> {
        let old = self.generation;
        let entries = self.sizes.observations;
        let so_far = u32::try_from(self.fill()).unwrap_or(entries);
        self.generation = 1 - old;
        // A generation that could not be read keeps its buckets: they are not empty.
        if self.fill() == 0 {
            self.buckets[self.generation as usize] = self.sizes.buckets_for(so_far);
        }
        self.control.set(0, control::word(self.generation, self.buckets[self.generation as usize]));
        self.grace.wait().map_err(ReadError::GracePeriod)
    }

    /// The second half of [`read`](Self::read): gives what was counted in the generation that was turned away from.
    pub fn read_turned(&mut self, hooks: &mut Hooks, mut take: impl FnMut(&Hooks, &Observation)) {
        let old = 1 - self.generation;
        let entries = self.sizes.observations;
        // The programs count on when there is no more.
        let taken = u32::try_from(self.fill_of(old)).map_or(entries, |taken| taken.min(entries));
        for number in old * entries..old * entries + taken {
            let entry = self.entries.get(number);
            let quality = self.tcp_quality_of(&entry, number);
            let observation = decode::observation(&entry, quality, self.tick, hooks);
            take(hooks, &observation);
        }
        if taken != 0 {
            self.empty(old);
        }
        self.left_out.read(old, hooks);
    }

    /// What is beside an entry. Beside those of other protocols is what an earlier one left there.
    fn tcp_quality_of(&self, entry: &Entry, number: u32) -> TcpQuality {
        if self.sizes.tcp_quality && entry.key().protocol == protocol::TCP {
            self.tcp_quality.get(number)
        } else {
            TcpQuality::default()
        }
    }

    /// Gives a generation back that no program writes and whose entries were read.
    fn empty(&mut self, generation: u32) {
        let first = generation * self.sizes.buckets();
        for number in first..first + self.buckets[generation as usize] {
            self.index.set(number, Bucket::default());
        }
        self.taken.set(generation, Taken::default());
    }

    /// How many hooks and reasons the map of losses has, as of the last reading.
    #[must_use]
    pub fn loss_entries(&self) -> usize {
        self.losses.entries()
    }

    /// Those of both generations.
    pub(super) fn entries_in_map(&self) -> usize {
        self.sizes.entries_in_map() as usize
    }

    fn fill_of(&self, generation: u32) -> u64 {
        self.taken.get(generation).entries
    }

    /// Gives what is in no observation, as growth since the last reading. What was left out on purpose comes with a reading of the
    /// observations, and is given by the next call of this.
    ///
    /// # Errors
    /// [`ReadError::Map`]: what was not given yet is given by a later reading.
    pub fn read_losses(
        &mut self,
        hooks: &mut Hooks,
        mut take: impl FnMut(&Hooks, &Loss),
    ) -> Result<(), ReadError> {
        for loss in self.left_out.take() {
            take(hooks, &loss);
        }
        self.losses.read(hooks, take)
    }

    /// Gives the payloads that were shipped since the last call, in their order.
    pub fn read_payloads(&mut self, take: impl FnMut(&Payload<'_>)) {
        self.payloads.read(take);
    }

    /// Payloads that found no room on their way, since the last call.
    ///
    /// # Errors
    /// [`ReadError::Map`]: a later call gives them.
    pub fn unshipped(&mut self) -> Result<u64, ReadError> {
        self.payloads.unshipped()
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

pub(super) fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, ReadError> {
    ebpf.take_map(name).ok_or(ReadError::Missing(name))
}

pub(super) fn mapped<T: Pod>(ebpf: &mut Ebpf, name: &'static str, len: u32) -> Result<Mapped<T>, ReadError> {
    match take(ebpf, name)? {
        Map::Array(map) => {
            Mapped::new(map.fd().as_fd(), len).map_err(|source| ReadError::Mapping { name, source })
        }
        _ => Err(ReadError::Missing(name)),
    }
}

/// What the kernel's coarse clock resolves.
fn tick() -> u64 {
    let resolution = clock_getres(ClockId::MonotonicCoarse);
    u64::try_from(resolution.tv_nsec).unwrap_or(0)
}

pub(super) fn at(name: &'static str) -> impl FnOnce(MapError) -> ReadError {
    move |source| ReadError::Map { name, source }
}
