//! What this kernel, this process and this namespace allow, without loading anything.
//!
//! Everything is read below a `proc` or `sys` folder that the caller names; what only a system call can tell is behind
//! [`Calls`].

mod bypass;
#[cfg(test)]
pub(crate) mod fixture;
mod interfaces;
mod memory;
mod privileges;
mod release;

use std::fs;
use std::io;
use std::path::Path;

use aya::programs::ProgramError;
use aya::programs::tc::{SchedClassifier, TcAttachType};

pub use self::bypass::{Bypass, bypasses};
pub use self::interfaces::{Interface, Kind, interfaces};
pub use self::memory::{Limit, LimitOf, limit};
pub use self::privileges::{Capability, PrivilegeError, may_enter_namespaces, privileges};
pub use self::release::{FLOOR, Release, ReleaseError, SOCKETS_OF_PODS_SINCE, TCX_SINCE, kernel_release};

use crate::kernel::{DropsError, GracePeriod, Sockets, SocketsError, drop_reasons};

/// Whether the kernel describes its types. Programs that follow kernel structures need it; flows do not.
#[must_use]
pub fn btf(sys: &Path) -> bool {
    sys.join("kernel/btf/vmlinux").exists()
}

/// Whether the kernel is a `PREEMPT_RT` one, where a program may be interrupted by another on its CPU.
#[must_use]
pub fn realtime(sys: &Path) -> bool {
    text(&sys.join("kernel/realtime")).is_some_and(|realtime| realtime == "1")
}

/// Questions that only a system call answers; they need the privileges of [`privileges`].
pub trait Calls {
    /// Whether TCX is there; `None` if the kernel does not say.
    fn tcx(&self) -> Option<bool>;

    /// How to wait for a grace period.
    ///
    /// # Errors
    /// As of [`GracePeriod::probe`].
    fn grace_period(&self) -> io::Result<GracePeriod>;

    /// Whether the kernel tells who listens.
    ///
    /// # Errors
    /// What it does not tell, with the reason.
    fn listening_sockets(&self) -> Result<(), SocketsError>;

    /// For how many reasons the kernel tells that it drops packets.
    ///
    /// # Errors
    /// Why it does not tell.
    fn drop_reasons(&self) -> Result<usize, DropsError>;
}

/// The kernel that runs.
#[derive(Clone, Copy, Debug)]
pub struct ThisKernel;

impl Calls for ThisKernel {
    /// Distributions port TCX to kernels with older numbers, so the release alone does not tell.
    fn tcx(&self) -> Option<bool> {
        let Err(error) = SchedClassifier::query_tcx("lo", TcAttachType::Ingress) else { return Some(true) };
        match error {
            // A kernel without TCX does not know the attach type.
            ProgramError::SyscallError(error) if error.io_error.raw_os_error() == Some(libc::EINVAL) => {
                Some(false)
            }
            _ => None,
        }
    }

    fn grace_period(&self) -> io::Result<GracePeriod> {
        GracePeriod::probe()
    }

    fn listening_sockets(&self) -> Result<(), SocketsError> {
        Sockets::open()?.probe()
    }

    fn drop_reasons(&self) -> Result<usize, DropsError> {
        drop_reasons(Path::new("/sys"))
    }
}

/// A file of one line, without the end of the line.
fn text(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim_end().to_owned())
}

/// Names in a folder, sorted; none if it is not there.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::fixture::Fixture;
    use super::*;

    #[test]
    fn btf_and_realtime_are_read_from_sys() {
        let host = Fixture::new();
        assert!(!btf(&host.sys()) && !realtime(&host.sys()));
        host.file("sys/kernel/btf/vmlinux", "").file("sys/kernel/realtime", "1\n");
        assert!(btf(&host.sys()) && realtime(&host.sys()));
        host.file("sys/kernel/realtime", "0\n");
        assert!(!realtime(&host.sys()));
    }
}
