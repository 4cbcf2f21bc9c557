//! Attaches the programs to the interfaces of a network namespace, as they come and go.
//!
//! [`Attacher`] is the handle; `worker` does the work on a thread of that namespace; `hook` is one attachment, by `tcx` or by
//! `clsact` (`place` finds where, `filter` speaks to the kernel); `foreign` is what is different in a namespace that is not the
//! agent's own, `supply` where its programs come from, `pace` what is done for others who configure networks.

mod attacher;
mod clsact;
mod counters;
mod filter;
mod foreign;
mod hook;
mod pace;
mod place;
mod said;
mod supply;
mod tcx;
mod wake;
mod worker;

pub use self::attacher::{AttachOptions, Attacher, FirstPass, StartError, Stopped, Summary};
pub use self::clsact::ClsactError;
pub use self::counters::{AttachCounters, AttachView};
pub use self::foreign::{Foreign, OwnNamespace};
pub use self::hook::{Cause, Failure, HookError, Mechanism, Method};
pub use self::supply::Supply;

/// Reads a message of netlink as all that is asked for here: see [`crate::check`].
#[cfg(any(test, feature = "check"))]
pub(super) fn check(body: &[u8]) {
    let _ = filter::filterable(body);
    let filter = filter::Filter::read(body);
    assert!(filter.is_none_or(|filter| !filter.is_sociable() || filter.kind == "bpf"), "another kind");
}
