//! Goes into a network namespace, on a thread that is thrown away: no thread ever comes back from another one.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::find::{Found, Identity};

/// Why a namespace cannot be entered.
#[derive(Debug, thiserror::Error)]
pub(super) enum EnterError {
    /// It is not there any more: the normal end of one that lives shortly.
    #[error("it is gone")]
    Gone,
    #[error("{0}")]
    Kernel(#[from] io::Error),
    #[error("the thread inside has panicked")]
    Panic,
}

/// Runs something inside. Threads that it starts are inside too.
pub(super) fn enter<T: Send + 'static>(
    found: &Found,
    identity: Identity,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EnterError> {
    let path = found.path.clone();
    let inside = move || {
        let namespace = match File::open(&path) {
            Ok(namespace) => namespace,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(EnterError::Gone),
            Err(error) => return Err(error.into()),
        };
        // A name may have been given to another namespace, and a process gone into one.
        if Identity::of(&namespace.metadata()?) != identity {
            return Err(EnterError::Gone);
        }
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(io::Error::from)?;
        drop(namespace);
        Ok(work())
    };
    let thread = thread::Builder::new().name("enter".to_owned()).spawn(inside)?;
    thread.join().unwrap_or(Err(EnterError::Panic))
}
