//! System calls that no crate offers safely. The only unsafe code of user space; every function here is safe to call.
#![expect(unsafe_code, reason = "raw system calls; each block states why it is sound")]

mod batch;
mod bpf;
mod grace;
mod link;

pub(crate) use self::batch::Batch;
pub use self::grace::GracePeriod;
pub use self::link::attach_tcx;
