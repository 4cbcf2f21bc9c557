//! Hooks by TCX (Linux 6.6): a link that ends with its descriptor, also by the end of the process.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use abi::Direction;

use crate::kernel::sys;

/// A TCX link. Closing it detaches, which takes about 13 ms: the kernel waits for running programs.
#[derive(Debug)]
pub(super) struct Link(OwnedFd);

/// First at ingress and last at egress of all programs there are. One that asks for that place later gets it.
pub(super) fn attach(program: BorrowedFd<'_>, ifindex: u32, direction: Direction) -> io::Result<Link> {
    sys::attach_tcx(program, ifindex, direction).map(Link)
}

/// Whether the error means that this kernel has no TCX: the attach type is checked before anything else
/// (kernel/bpf/syscall.c, `link_create`).
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP | libc::E2BIG | libc::ENOSYS))
}

impl Link {
    /// Whether the link still sits on an interface of this index: the kernel says 0 when its interface is deleted
    /// (kernel/bpf/tcx.c, `tcx_link_fdinfo`). The index alone does not tell if it followed its interface to another namespace.
    pub(super) fn is_on(&self, ifindex: u32) -> bool {
        std::fs::read_to_string(format!("/proc/self/fdinfo/{}", self.0.as_raw_fd()))
            .is_ok_and(|info| says(&info, ifindex))
    }
}

fn says(fdinfo: &str, ifindex: u32) -> bool {
    fdinfo
        .lines()
        .filter_map(|line| line.strip_prefix("ifindex:"))
        .any(|value| value.trim().parse() == Ok(ifindex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fdinfo_tells_a_dead_link() {
        let info = "pos:\t0\nlink_type:\ttcx\nprog_id:\t9\nifindex:\t7\nattach_type:\t46 (tcx_ingress)\n";
        assert!(says(info, 7));
        assert!(!says(info, 0) && !says(info, 77) && !says("", 7));
    }

    #[test]
    fn a_vanished_device_does_not_mean_that_tcx_is_missing() {
        assert!(is_missing(&io::Error::from_raw_os_error(libc::EINVAL)));
        assert!(!is_missing(&io::Error::from_raw_os_error(libc::ENODEV)));
        assert!(!is_missing(&io::Error::from_raw_os_error(libc::EPERM)));
    }
}
