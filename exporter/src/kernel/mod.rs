//! The kernel's side, seen from user space: load, attach, read.

pub mod budget;
mod decode;
mod load;
mod object;
pub mod probe;
mod reader;
mod sys;

pub use self::load::{LoadError, Loaded, Programs, Sizes, load};
pub use self::reader::{Loss, ReadError, Reader};
pub use self::sys::GracePeriod;
