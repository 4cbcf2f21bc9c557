//! Endpoints that are sockets of this machine, as gRPC writes them (gRPC, doc/naming.md), and as systemd does (`unix:@name`).

use std::fmt;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;

/// The address of a Unix socket. Displayed as an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnixAddress {
    /// In the file system.
    Path(PathBuf),
    /// In the abstract namespace, which belongs to the network namespace.
    Abstract(String),
}

impl UnixAddress {
    /// The address in an endpoint, if it is one of a Unix socket.
    pub(super) fn of(endpoint: &str) -> Option<Self> {
        if let Some(name) = endpoint.strip_prefix("unix-abstract:") {
            return Some(Self::Abstract(name.to_owned()));
        }
        let address = endpoint.strip_prefix("unix:")?;
        let address = address.strip_prefix("//").unwrap_or(address);
        Some(match address.strip_prefix('@') {
            Some(name) => Self::Abstract(name.to_owned()),
            None => Self::Path(address.into()),
        })
    }

    /// Whether the system takes it: it is not empty, and not longer than about 100 bytes (unix(7)).
    pub(super) fn is_valid(&self) -> bool {
        match self {
            Self::Path(path) => !path.as_os_str().is_empty() && SocketAddr::from_pathname(path).is_ok(),
            Self::Abstract(name) => !name.is_empty() && SocketAddr::from_abstract_name(name).is_ok(),
        }
    }

    /// Connects, and waits if it has to, to see whether that works.
    ///
    /// # Errors
    /// As of connect(2).
    pub(crate) fn connect(&self) -> io::Result<()> {
        let address = match self {
            Self::Path(path) => SocketAddr::from_pathname(path),
            Self::Abstract(name) => SocketAddr::from_abstract_name(name),
        };
        UnixStream::connect_addr(&address?).map(drop)
    }

    /// What `connect` functions take for a path: one that begins with a zero is an abstract name.
    pub(crate) fn connect_path(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            Self::Abstract(name) => format!("\0{name}").into(),
        }
    }
}

impl fmt::Display for UnixAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(formatter, "unix:{}", path.display()),
            Self::Abstract(name) => write!(formatter, "unix:@{name}"),
        }
    }
}
