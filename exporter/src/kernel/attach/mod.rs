//! Attaches the programs to the interfaces of a network namespace, as they come and go.
//!
//! [`Attacher`] is the handle; `worker` does the work on a thread of that namespace; `hook` is one attachment, by `tcx` or by
//! `clsact` (`place` finds where, `filter` speaks to the kernel).

mod attacher;
mod clsact;
mod counters;
mod filter;
mod hook;
mod place;
mod said;
mod tcx;
mod worker;

pub use self::attacher::{AttachOptions, Attacher, StartError, Stopped, Summary};
pub use self::clsact::ClsactError;
pub use self::counters::{AttachCounters, AttachView};
pub use self::hook::{Cause, Failure, HookError, Mechanism, Method};
