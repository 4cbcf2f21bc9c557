//! How many file descriptors the process may have.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one: each hook has a descriptor and each network namespace some, and the usual soft limit of
/// 1024, which is there for programs that use select(2), is that of about a hundred pods.
///
/// # Errors
/// The kernel refuses; the limit is what it was.
pub fn raise_limit() -> Result<(), Errno> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
}
