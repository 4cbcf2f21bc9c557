//! One hook: a program on an interface, in a direction.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use abi::Direction;
use semconv::value::error_type;

use super::clsact::{self, Clsact, ClsactError};
use super::tcx;
use crate::kernel::load::LoadError;
use crate::kernel::netlink::NetlinkError;

/// How programs are to be attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// TCX, or clsact on a kernel without it.
    #[default]
    Auto,
    /// TCX only (Linux 6.6): nothing is left behind, however the process ends.
    Tcx,
    /// Filters on the clsact qdisc only.
    Clsact,
}

/// How programs are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// Links.
    Tcx,
    /// Filters on the clsact qdisc.
    Clsact,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcx => "TCX",
            Self::Clsact => "clsact",
        })
    }
}

/// A program that is attached; dropping it detaches.
pub(super) struct Hook(Option<Attached>);

enum Attached {
    Tcx(tcx::Link),
    Clsact(clsact::Hook),
}

impl Hook {
    pub(super) fn is_on(&self, ifindex: u32) -> bool {
        match &self.0 {
            Some(Attached::Tcx(link)) => link.is_on(ifindex),
            Some(Attached::Clsact(hook)) => hook.is_there(),
            None => false,
        }
    }

    /// Detaches and says what went wrong.
    pub(super) fn detach(mut self) -> Result<(), NetlinkError> {
        self.end()
    }

    /// Lets go of a hook whose interface left. A link has to be closed, it would follow; a filter went when the interface left
    /// (net/core/dev.c, `dev_shutdown`), and its index may be another's by now.
    pub(super) fn abandon(mut self) {
        match self.0.take() {
            Some(Attached::Tcx(link)) => drop(link),
            Some(Attached::Clsact(_)) | None => {}
        }
    }

    fn end(&mut self) -> Result<(), NetlinkError> {
        match self.0.take() {
            Some(Attached::Tcx(link)) => {
                drop(link);
                Ok(())
            }
            Some(Attached::Clsact(hook)) => hook.detach(),
            None => Ok(()),
        }
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(
                "a clsact filter was left behind, the next start of this instance removes it: {error}"
            );
        }
    }
}

/// Attaches in one network namespace, by the way that works there.
pub(super) struct Hooker {
    method: Method,
    decided: Option<Mechanism>,
    clsact: Rc<Clsact>,
}

impl Hooker {
    /// For the network namespace of the calling thread; attaches from this thread.
    pub(super) fn open(method: Method, instance: &str) -> Result<Self, NetlinkError> {
        let decided = match method {
            Method::Auto => None,
            Method::Tcx => Some(Mechanism::Tcx),
            Method::Clsact => Some(Mechanism::Clsact),
        };
        Ok(Self { method, decided, clsact: Rc::new(Clsact::open(instance)?) })
    }

    /// How, as far as it is decided.
    pub(super) fn mechanism(&self) -> Option<Mechanism> {
        self.decided
    }

    /// Whether that is for want of TCX.
    pub(super) fn lacks_tcx(&self) -> bool {
        self.method == Method::Auto && self.decided == Some(Mechanism::Clsact)
    }

    /// Attaches a program. The first try decides for all: one mechanism per namespace keeps the order of hooks plain.
    pub(super) fn attach(
        &mut self,
        program: BorrowedFd<'_>,
        ifindex: u32,
        direction: Direction,
        interface: &str,
    ) -> Result<Hook, Cause> {
        if self.decided != Some(Mechanism::Clsact) {
            match tcx::attach(program, ifindex, direction) {
                Ok(link) => {
                    self.decided = Some(Mechanism::Tcx);
                    return Ok(Hook(Some(Attached::Tcx(link))));
                }
                Err(error) if self.decided.is_none() && tcx::is_missing(&error) => {
                    tracing::info!("this kernel has no TCX (Linux 6.6): attaching by clsact filters");
                    self.decided = Some(Mechanism::Clsact);
                }
                Err(error) if self.method == Method::Tcx && tcx::is_missing(&error) => {
                    return Err(Cause::NoTcx(error));
                }
                Err(error) => return Err(Cause::Tcx(error)),
            }
        }
        let (hook, shadowed) = self.clsact.attach(program, ifindex, direction)?;
        if shadowed {
            tracing::info!(
                "another program's filter stands between the wire and the {} hook of {interface}: what it drops or changes is seen accordingly",
                words(direction)
            );
        }
        Ok(Hook(Some(Attached::Clsact(hook))))
    }

    /// Whether an earlier process of this instance left clsact filters behind. To be asked before the first hook.
    pub(super) fn has_left_overs(&self) -> Result<bool, NetlinkError> {
        self.clsact.has_own()
    }

    /// Removes clsact filters that earlier processes left behind.
    pub(super) fn sweep(&self, is_hook: impl Fn(u32, Direction) -> bool) -> Result<usize, NetlinkError> {
        self.clsact.sweep(|ifindex, direction| {
            self.decided == Some(Mechanism::Clsact) && is_hook(ifindex, direction)
        })
    }
}

/// Why a program could not be attached.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The kernel refuses the link.
    #[error("{0}")]
    Tcx(#[source] io::Error),
    /// TCX was demanded.
    #[error("this kernel has no TCX, which came with Linux 6.6 ({0})")]
    NoTcx(#[source] io::Error),
    /// The filter could not be added.
    #[error(transparent)]
    Clsact(#[from] ClsactError),
    /// The programs of the namespace could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Kinds of [`Cause`], for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The interface left first. Normal where interfaces come and go; not reported otherwise.
    Vanished,
    /// Capabilities are missing.
    Privilege,
    /// The kernel has no memory for it.
    Memory,
    /// The kernel has no such mechanism.
    Unsupported,
    /// Another program's qdisc or filters are in the place.
    Occupied,
    /// Anything else.
    Other,
}

impl Failure {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 6] =
        [Self::Vanished, Self::Privilege, Self::Memory, Self::Unsupported, Self::Occupied, Self::Other];

    /// The kind in one word: as `error.type` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vanished => error_type::VANISHED,
            Self::Privilege => error_type::PRIVILEGE,
            Self::Memory => error_type::MEMORY,
            Self::Unsupported => error_type::UNSUPPORTED,
            Self::Occupied => error_type::OCCUPIED,
            Self::Other => error_type::OTHER,
        }
    }

    fn of_errno(errno: Option<i32>) -> Self {
        match errno {
            Some(libc::ENODEV | libc::ENXIO) => Self::Vanished,
            Some(libc::EPERM | libc::EACCES) => Self::Privilege,
            Some(libc::ENOMEM | libc::ENOBUFS) => Self::Memory,
            Some(libc::EOPNOTSUPP) => Self::Unsupported,
            Some(libc::EBUSY | libc::EEXIST) => Self::Occupied,
            _ => Self::Other,
        }
    }

    /// What the user can do about it.
    fn remedy(self) -> &'static str {
        match self {
            Self::Vanished => "nothing is to be done",
            Self::Privilege => "give the process CAP_BPF and CAP_NET_ADMIN",
            Self::Memory => "raise the memory limit of the process's cgroup",
            Self::Unsupported => "choose the other attach method, or exclude the interface",
            Self::Occupied => "attach by TCX, remove the other program's qdisc, or exclude the interface",
            Self::Other => "exclude the interface if it is not needed; it is tried again",
        }
    }
}

impl Cause {
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Tcx(error) => Failure::of_errno(error.raw_os_error()),
            Self::NoTcx(_) => Failure::Unsupported,
            Self::Clsact(ClsactError::Kernel(error)) => Failure::of_errno(error.errno()),
            Self::Load(_) => Failure::Other,
            Self::Clsact(ClsactError::IngressQdisc | ClsactError::NoPriority) => Failure::Occupied,
        }
    }
}

/// A hook that there should be, and is not.
#[derive(Debug, thiserror::Error)]
#[error("cannot hook {interface} at {}: {cause}; {}", words(*.direction), .cause.failure().remedy())]
pub struct HookError {
    /// Name of the interface.
    pub interface: Box<str>,
    /// Which side of it.
    pub direction: Direction,
    /// Why.
    #[source]
    pub cause: Cause,
}

fn words(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_interface_direction_cause_and_remedy() {
        let cause = Cause::Tcx(io::Error::from_raw_os_error(libc::EPERM));
        let error = HookError { interface: "eth0".into(), direction: Direction::Egress, cause };
        assert_eq!(
            error.to_string(),
            "cannot hook eth0 at egress: Operation not permitted (os error 1); give the process CAP_BPF and CAP_NET_ADMIN"
        );
    }
}
