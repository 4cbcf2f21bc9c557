//! Waits until every program that may still write an old generation has ended: an RCU grace period.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::bpf::{Command, bpf};

/// How to wait for a grace period on this kernel.
#[derive(Debug)]
pub enum GracePeriod {
    /// `membarrier(MEMBARRIER_CMD_GLOBAL)` is `synchronize_rcu()` (kernel/sched/membarrier.c).
    Membarrier,
    /// An update of a map in a map waits for one too (kernel/bpf/syscall.c, `maybe_wait_bpf_programs`). For kernels booted
    /// with `nohz_full`, which refuse the other.
    MapInMap {
        /// The outer map.
        outer: OwnedFd,
        /// The map that is put into it, again and again.
        inner: OwnedFd,
    },
    /// There is nothing to wait for: the programs run only within calls of the thread that reads (`BPF_PROG_TEST_RUN`).
    Unneeded,
}

/// `BPF_MAP_CREATE` part of `union bpf_attr`, as far as it is used.
#[repr(C)]
struct CreateAttributes {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
    inner_map_fd: u32,
}

/// `BPF_MAP_UPDATE_ELEM` part of `union bpf_attr`.
#[repr(C)]
struct UpdateAttributes {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_MAP_TYPE_ARRAY_OF_MAPS: u32 = 12;

impl GracePeriod {
    /// Finds out how to wait here.
    ///
    /// # Errors
    /// As of bpf(2), where membarrier(2) is refused and the maps cannot be made.
    pub fn probe() -> io::Result<Self> {
        let membarrier = Self::Membarrier;
        if membarrier.wait().is_ok() { Ok(membarrier) } else { Self::map_in_map() }
    }

    /// The way for kernels booted with `nohz_full`; works on all.
    ///
    /// # Errors
    /// As of bpf(2).
    pub fn map_in_map() -> io::Result<Self> {
        let inner = create(BPF_MAP_TYPE_ARRAY, 0)?;
        let outer = create(BPF_MAP_TYPE_ARRAY_OF_MAPS, inner.as_raw_fd().unsigned_abs())?;
        Ok(Self::MapInMap { outer, inner })
    }

    /// Returns when every program that ran at the call has ended.
    ///
    /// # Errors
    /// As of membarrier(2) or bpf(2): then nothing is known about the programs.
    pub fn wait(&self) -> io::Result<()> {
        match self {
            Self::Unneeded => Ok(()),
            Self::Membarrier => {
                // SAFETY: the call takes no pointers.
                let result =
                    unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
                if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
            }
            Self::MapInMap { outer, inner } => {
                let (key, value) = (0_u32, inner.as_raw_fd());
                let mut attributes = UpdateAttributes {
                    map_fd: outer.as_raw_fd().unsigned_abs(),
                    padding: 0,
                    key: (&raw const key) as u64,
                    value: (&raw const value) as u64,
                    flags: 0,
                };
                // SAFETY: key and value are the 4 bytes that the outer map has of each, and outlive the call.
                unsafe { bpf(Command::MapUpdateElem, &mut attributes) }.map(drop)
            }
        }
    }
}

fn create(map_type: u32, inner_map_fd: u32) -> io::Result<OwnedFd> {
    let mut attributes =
        CreateAttributes { map_type, key_size: 4, value_size: 4, max_entries: 1, map_flags: 0, inner_map_fd };
    // SAFETY: the attributes hold no pointers.
    let fd = unsafe { bpf(Command::MapCreate, &mut attributes) }?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
