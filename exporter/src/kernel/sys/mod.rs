//! System calls that no crate offers safely. The only unsafe code of user space; every function here is safe to call.
#![expect(unsafe_code, reason = "raw system calls; each block states why it is sound")]

mod batch;
mod bpf;
mod grace;
mod link;
mod mapped;
mod missed;
mod test_run;

pub(crate) use self::batch::take_all;
pub use self::grace::GracePeriod;
pub use self::link::attach_tcx;
pub(crate) use self::mapped::Mapped;
pub(crate) use self::missed::missed;
pub(crate) use self::test_run::test_runs;
pub use self::test_run::{PacketContext, test_run};
