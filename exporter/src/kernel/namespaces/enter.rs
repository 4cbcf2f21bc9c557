//! Goes into a network namespace, on a thread that is thrown away: no thread ever comes back from another one.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::find::{Found, Identity};

/// Why a namespace cannot be entered.
#[derive(Debug, thiserror::Error)]
pub(in crate::kernel) enum EnterError {
    /// It is not there any more: the normal end of one that lives shortly.
    #[error("it is gone")]
    Gone,
    #[error("{0}")]
    Kernel(#[from] io::Error),
    #[error("the thread inside has panicked")]
    Panic,
}

/// Runs something inside. Threads that it starts are inside too.
pub(super) fn enter<T: Send>(
    found: &Found,
    identity: Identity,
    work: impl FnOnce() -> T + Send,
) -> Result<T, EnterError> {
    let namespace = match File::open(&found.path) {
        Ok(namespace) => namespace,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(EnterError::Gone),
        Err(error) => return Err(error.into()),
    };
    // A name may have been given to another namespace, and a process gone into one.
    if Identity::of(&namespace.metadata()?) != identity {
        return Err(EnterError::Gone);
    }
    inside(namespace, work)
}

/// Runs something in a namespace that is open, as [`enter`] does.
pub(in crate::kernel) fn inside<T: Send>(
    namespace: impl AsFd + Send,
    work: impl FnOnce() -> T + Send,
) -> Result<T, EnterError> {
    let go_in = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(io::Error::from)?;
        // A name that is open cannot be taken away.
        drop(namespace);
        Ok(work())
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("enter".to_owned()).spawn_scoped(scope, go_in)?;
        thread.join().unwrap_or(Err(EnterError::Panic))
    })
}
