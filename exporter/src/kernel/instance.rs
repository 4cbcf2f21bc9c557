//! Names the agents that share a network namespace, and keeps two from having one name.

use std::hash::BuildHasher;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// The name is part of socket and filter names, which are short.
const LONGEST: usize = 32;
const TEMPORARY: &str = "flows-";

/// The right to an instance name in a network namespace, for as long as the value, or else the process, lives.
#[derive(Debug)]
pub struct InstanceLock {
    name: Box<str>,
    /// An abstract socket: the kernel frees its name with the process, whatever way that ends.
    _socket: UnixListener,
}

/// Why an instance name cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Somebody has it.
    #[error(
        "an otel-flow-exporter of the instance name `{0}` runs in this network namespace already; stop it, or give this one another name with --instance"
    )]
    Taken(Box<str>),
    /// The name is part of the names of kernel objects.
    #[error(
        "`{0}` cannot be an instance name: use 1 to {LONGEST} of the characters a-z, 0-9 and - (--instance)"
    )]
    Name(Box<str>),
    /// The kernel refuses the lock.
    #[error("cannot lock the instance name `{name}` with an abstract unix socket: {source}")]
    Socket {
        /// The name.
        name: Box<str>,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl InstanceLock {
    /// Takes a name in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`InstanceError`]: another agent has the name, or it is none.
    pub fn acquire(name: &str) -> Result<Self, InstanceError> {
        Self::check(name)?;
        let bound = SocketAddr::from_abstract_name(format!("otel-flow-exporter/{name}"))
            .and_then(|address| UnixListener::bind_addr(&address));
        match bound {
            Ok(socket) => Ok(Self { name: name.into(), _socket: socket }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(InstanceError::Taken(name.into())),
            Err(source) => Err(InstanceError::Socket { name: name.into(), source }),
        }
    }

    /// Whether a name can be one.
    ///
    /// # Errors
    /// [`InstanceError::Name`].
    pub fn check(name: &str) -> Result<(), InstanceError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(allowed) {
            return Err(InstanceError::Name(name.into()));
        }
        Ok(())
    }

    /// Takes a name that no other has, for a command that runs beside the agent.
    ///
    /// # Errors
    /// [`InstanceError`], not for the name.
    pub fn temporary() -> Result<Self, InstanceError> {
        // The standard library seeds each of these from the kernel's random numbers.
        let number = || std::hash::RandomState::new().hash_one(std::process::id());
        loop {
            match Self::acquire(&format!("{TEMPORARY}{:08x}", number() >> 32)) {
                Err(InstanceError::Taken(_)) => {}
                result => return result,
            }
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Whether the name is of the kind that [`InstanceLock::temporary`] gives: nobody will ever ask for it again.
pub(super) fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY).is_some_and(|rest| {
        rest.len() == 8 && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_had_once_until_it_is_given_back() {
        let name = InstanceLock::temporary().unwrap().name().to_owned();
        let first = InstanceLock::acquire(&name).unwrap();
        let second = InstanceLock::acquire(&name).unwrap_err();
        assert!(second.to_string().contains(&name) && second.to_string().contains("--instance"), "{second}");
        drop(first);
        InstanceLock::acquire(&name).unwrap();
    }

    #[test]
    fn temporary_names_differ_and_are_known_as_such() {
        let (one, two) = (InstanceLock::temporary().unwrap(), InstanceLock::temporary().unwrap());
        assert_ne!(one.name(), two.name());
        assert!(is_temporary(one.name()));
        for other in ["default", "flows-", "flows-1234567", "flows-1234567g", "flows-123456789"] {
            assert!(!is_temporary(other), "{other}");
        }
    }

    #[test]
    fn a_name_is_a_word() {
        for name in ["", "a/b", "a+b", "a b", "ü", &"x".repeat(65)] {
            assert!(matches!(InstanceLock::acquire(name), Err(InstanceError::Name(_))), "{name}");
        }
    }
}
