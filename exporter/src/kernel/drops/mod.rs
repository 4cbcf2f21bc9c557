//! Packets that the kernel dropped: counted by a program of the whole machine, in two generations as observations are.

mod layout;
mod reasons;

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use abi::maps::{DROPS, DROPS_UNTOLD};
use abi::{DropKey, DropTally, Untold};
use aya::Ebpf;
use aya::maps::{HashMap, MapData, PerCpuArray};
use aya::programs::{BtfTracePoint, ProgramError, ProgramFd};
use aya::sys::SyscallError;

pub(super) use self::layout::Layout;
use self::reasons::Reasons;

use crate::clock::MonotonicTime;
use crate::flow::{Counts, Dropped};
use crate::kernel::btf::BtfError;
use crate::kernel::decode;
use crate::kernel::reader::{ReadError, at, take};
use crate::kernel::sizes::DROP_ENTRIES;
use crate::kernel::sys;

/// Of which flows dropped packets are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Drops {
    /// Of none: the kernel counts none.
    None,
    /// Of flows that a hook has seen.
    #[default]
    Seen,
    /// Also of flows that no hook has seen, in all network namespaces of the machine.
    All,
}

/// Why dropped packets are not told.
#[derive(Debug, thiserror::Error)]
pub enum DropsError {
    /// The kernel's types cannot be read.
    #[error("the kernel does not describe its types: {0}")]
    Unreadable(#[source] io::Error),
    /// Nor can what was read be understood.
    #[error("the description of the kernel's types cannot be read: {0}")]
    Types(String),
    /// The kernel is another than the ones that are known.
    #[error("the kernel's types have no {0}")]
    Missing(&'static str),
    /// Before Linux 5.17.
    #[error("the kernel does not say why it drops a packet (Linux 5.17)")]
    NoReason,
    /// The kernel does not take the program.
    #[error("the kernel refuses the program: {0}")]
    Program(#[source] ProgramError),
    /// The loader does not.
    #[error("the kernel's types are refused: {0}")]
    Loader(#[source] aya::BtfError),
    /// Its maps are not there.
    #[error(transparent)]
    Map(#[from] ReadError),
}

impl DropsError {
    /// What to do about it.
    pub const REMEDY: &str =
        "run on Linux 5.17 or later with CONFIG_DEBUG_INFO_BTF and /sys mounted, or use --drops none";
}

impl From<BtfError> for DropsError {
    fn from(error: BtfError) -> Self {
        Self::Types(error.to_string())
    }
}

/// How many reasons the kernel below a `sys` folder tells for which it drops packets.
///
/// # Errors
/// [`DropsError`]: it does not.
pub fn drop_reasons(sys: &Path) -> Result<usize, DropsError> {
    Layout::read(sys).map(|layout| layout.reasons().len())
}

/// What reads what the program counts. The program ends with it.
pub(super) struct DropReader {
    generations: [HashMap<MapData, DropKey, DropTally>; 2],
    untold: PerCpuArray<MapData, u64>,
    reasons: Reasons,
    program: ProgramFd,
    _link: aya::programs::tp_btf::BtfTracePointLink,
}

impl DropReader {
    /// Loads the program and has it count from now on.
    pub(super) fn attach(ebpf: &mut Ebpf, layout: Layout) -> Result<Self, DropsError> {
        let [even, odd] = DROPS;
        let map = |ebpf: &mut Ebpf, name| -> Result<_, DropsError> {
            Ok(take(ebpf, name)?.try_into().map_err(at(name))?)
        };
        let generations = [map(ebpf, even)?, map(ebpf, odd)?];
        let untold = take(ebpf, DROPS_UNTOLD)?.try_into().map_err(at(DROPS_UNTOLD))?;
        let types = aya::Btf::from_sys_fs().map_err(DropsError::Loader)?;
        let program: &mut BtfTracePoint = ebpf
            .program_mut("dropped")
            .and_then(|program| program.try_into().ok())
            .ok_or(DropsError::Missing("program for them"))?;
        program.load("kfree_skb", &types).map_err(DropsError::Program)?;
        let link = program.attach().and_then(|link| program.take_link(link)).map_err(DropsError::Program)?;
        let program =
            program.fd().and_then(|program| Ok(program.try_clone()?)).map_err(DropsError::Program)?;
        Ok(Self { generations, untold, reasons: layout.into_reasons(), program, _link: link })
    }

    /// Gives what is in a generation that no program writes, and empties it. `scope` says which network namespace has a number.
    pub(super) fn read(
        &mut self,
        generation: u32,
        mut scope: impl FnMut(u32) -> Option<u32>,
        mut take: impl FnMut(&Dropped),
    ) -> Result<(), ReadError> {
        let (drops, name) = (&mut self.generations[generation as usize], DROPS[generation as usize]);
        let refused = |io_error| SyscallError { call: "bpf_map_lookup_and_delete_batch", io_error }.into();
        let entries = sys::take_all(drops, DROP_ENTRIES).map_err(refused).map_err(at(name))?;
        for (key, tally) in entries {
            take(&Dropped {
                tuple: decode::tuple(&key.observed().unpack()),
                scope: (key.namespace != 0).then(|| scope(key.namespace)).flatten(),
                reason: self.reasons.of(key.reason),
                counts: Counts { packets: tally.packets, bytes: tally.bytes },
                first: MonotonicTime(tally.first_ns),
                last: MonotonicTime(tally.last_ns.max(tally.first_ns)),
            });
        }
        Ok(())
    }

    /// How often the kernel left the program out, since it was loaded.
    pub(super) fn missed(&self) -> Result<u64, ReadError> {
        sys::missed(self.program.as_fd()).map_err(ReadError::Missed)
    }

    /// Dropped packets of which nothing more is known, since the start, in the order of [`Untold::ALL`].
    pub(super) fn untold(&self) -> Result<[u64; Untold::ALL.len()], ReadError> {
        let mut sums = [0; Untold::ALL.len()];
        for (sum, index) in sums.iter_mut().zip(0..) {
            *sum = self.untold.get(&index, 0).map_err(at(DROPS_UNTOLD))?.iter().sum();
        }
        Ok(sums)
    }
}
