//! Lets several instances of the programs write to the same maps.
//!
//! The loader shares a map by the path that it is pinned to. The paths are in a BPF file system of this agent alone, mounted
//! nowhere: it and the pins in it end with the last descriptor, however the process ends.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use abi::maps::{
    AWAITED, CONTROL, ENTRIES, FRAGMENTS, INDEX, LOSS_SLOTS, LOSSES, PAYLOADS, TAKEN, TCP_QUALITY, TIMINGS,
    UNATTRIBUTED, UNSHIPPED,
};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// What is one for all namespaces. The programs' scratch memory need not be.
const SHARED: [&str; 13] = [
    ENTRIES,
    TCP_QUALITY,
    TIMINGS,
    INDEX,
    TAKEN,
    CONTROL,
    LOSSES,
    UNATTRIBUTED,
    LOSS_SLOTS,
    FRAGMENTS,
    PAYLOADS,
    AWAITED,
    UNSHIPPED,
];

/// A BPF file system without a name.
#[derive(Debug)]
pub(super) struct Share {
    mount: OwnedFd,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot share the maps with the programs of other network namespaces, for want of a BPF file system of the agent's own \
     (it takes CAP_SYS_ADMIN): {0}; use --namespaces own"
)]
pub struct ShareError(#[source] io::Error);

impl Share {
    pub(super) fn new() -> Result<Self, ShareError> {
        let mount = || {
            let context = fsopen("bpf", FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_create(&context)?;
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
        };
        mount().map(|mount| Self { mount }).map_err(|errno| ShareError(errno.into()))
    }

    /// Each shared map and its path. Valid in this process, as long as this lives.
    pub(super) fn paths(&self) -> Vec<(&'static str, PathBuf)> {
        let directory = PathBuf::from(format!("/proc/self/fd/{}", self.mount.as_raw_fd()));
        SHARED.into_iter().map(|map| (map, directory.join(map))).collect()
    }
}
