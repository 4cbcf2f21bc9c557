//! The kernel's side, seen from user space: load, attach, read.

mod decode;
mod load;
mod object;
mod reader;
mod sys;

pub use self::load::{LoadError, Loaded, Programs, Sizes, load};
pub use self::reader::{Loss, ReadError, Reader};
pub use self::sys::{GracePeriod, attach_tcx};
