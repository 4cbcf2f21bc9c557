//! Attaches a program to a device by its index (Linux 6.6, TCX). aya attaches by name, which may be another device's by then.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use abi::Direction;

use super::bpf::{Command, bpf};

/// `BPF_LINK_CREATE` part of `union bpf_attr` for TCX.
#[repr(C)]
struct Attributes {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
    relative_fd: u32,
    padding: u32,
    expected_revision: u64,
}

const BPF_TCX_INGRESS: u32 = 46;
const BPF_TCX_EGRESS: u32 = 47;
const BPF_F_BEFORE: u32 = 1 << 3;
const BPF_F_AFTER: u32 = 1 << 4;

/// Attaches as first program at ingress and as last at egress, so that what others drop or change is seen as it is on the
/// wire. The link ends when the descriptor is closed, also by the end of the process.
///
/// # Errors
/// `ENODEV` if the device is gone, `EINVAL` on a kernel without TCX, `EPERM` without CAP_BPF and CAP_NET_ADMIN.
pub fn attach_tcx(program: BorrowedFd<'_>, ifindex: u32, direction: Direction) -> io::Result<OwnedFd> {
    let (attach_type, flags) = match direction {
        Direction::Ingress => (BPF_TCX_INGRESS, BPF_F_BEFORE),
        Direction::Egress => (BPF_TCX_EGRESS, BPF_F_AFTER),
    };
    let mut attributes = Attributes {
        prog_fd: program.as_raw_fd().unsigned_abs(),
        target_ifindex: ifindex,
        attach_type,
        flags,
        relative_fd: 0,
        padding: 0,
        expected_revision: 0,
    };
    // SAFETY: the attributes hold no pointers.
    let fd = unsafe { bpf(Command::LinkCreate, &mut attributes) }?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
