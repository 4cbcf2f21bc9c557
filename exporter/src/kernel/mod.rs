//! The kernel's side, seen from user space: load, attach, read.

mod attach;
mod btf;
pub mod budget;
#[cfg(any(test, feature = "check"))]
pub(crate) mod check;
mod decode;
mod descriptors;
mod drops;
mod filter;
mod frames;
mod glob;
mod instance;
mod interfaces;
mod load;
mod loss_slots;
mod losses;
mod namespaces;
mod netlink;
mod nsid;
mod object;
mod payloads;
pub mod probe;
mod reader;
mod role;
mod selection;
mod share;
mod sizes;
mod spares;
mod stacks;
mod sys;
mod topology;
mod way;

pub use self::attach::{
    AttachCounters, AttachOptions, AttachView, Attacher, Cause, ClsactError, Failure, FirstPass, Foreign,
    HookError, Mechanism, Method, OwnNamespace, StartError, Stopped, Summary, Supply,
};
pub use self::descriptors::raise_limit;
pub use self::drops::{Drops, DropsError, drop_reasons};
pub use self::filter::{Filter, FilterError, ListProblem, PrefixError, RuleProblem};
pub use self::frames::{CapturedFrame, Frames, Stop, Why};
pub use self::glob::{Glob, GlobError};
pub use self::instance::{InstanceError, InstanceLock};
pub use self::interfaces::Interface;
pub use self::load::{LoadError, Loaded, Programs, Sharing, load, load_for_replay, load_shared};
pub use self::losses::Loss;
pub use self::namespaces::{Namespaces, NamespacesOptions, Reach, Scopes};
pub use self::payloads::Payload;
pub use self::reader::{ReadError, Reader};
pub use self::selection::{Selection, Skip};
pub use self::sizes::Sizes;
pub use self::spares::Spares;
pub use self::stacks::{Sockets, SocketsError, Stacks};
pub use self::sys::{GracePeriod, PacketContext, attach_tcx, test_run};
pub use self::topology::Topology;
