//! Hooks in the network namespaces of the machine that are not the agent's own, as they come and go.
//!
//! [`Namespaces`] is the handle; `follow` does the work on a thread; `find` looks which there are, `scopes` numbers them and
//! keeps them ready to be asked, `enter` goes into one.
//!
//! A namespace lives as long as somebody refers to it, and the sockets that follow its interfaces do. So one is let go as soon as it
//! has neither a name nor a process in it: then nobody but the agent held it, or somebody who can no longer be seen.

mod enter;
mod find;
mod follow;
mod handle;
mod scopes;

pub(super) use self::enter::{EnterError, inside};
pub use self::handle::{Namespaces, NamespacesOptions, Reach};
pub use self::scopes::Scopes;
