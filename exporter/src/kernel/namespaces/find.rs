//! Which network namespaces there are: those that have a name, and those that a process is in.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where names are bound: by `ip netns`, and by the container runtimes that give a namespace to the network plugins (containerd,
/// CRI-O, Podman).
pub(super) const NAMES: &str = "/run/netns";
const PROC: &str = "/proc";

/// What tells namespaces apart, for as long as they live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The network namespace of the calling thread.
    pub(super) fn of_this_thread() -> io::Result<Self> {
        Self::at(Path::new("/proc/thread-self/ns/net"))
    }

    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::of(&metadata))
    }
}

/// A network namespace that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What a reader knows it by: its name, else a process.
    pub(super) label: String,
    /// The way in.
    pub(super) path: PathBuf,
}

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// All but the agent's own.
    pub(super) found: BTreeMap<Identity, Found>,
    /// Of some process it may not be seen where it is.
    pub(super) hidden: bool,
}

/// Looks for all namespaces but `own`.
pub(super) fn look(own: Identity) -> Look {
    look_in(own, Path::new(NAMES), Path::new(PROC))
}

fn look_in(own: Identity, names: &Path, proc: &Path) -> Look {
    let mut look = Look::default();
    for (name, path) in entries(names) {
        // A file whose namespace is not bound yet, or is no more, is on another device.
        if let Ok(identity) = Identity::at(&path)
            && identity.device == own.device
            && identity != own
        {
            look.found.entry(identity).or_insert(Found { label: name, path });
        }
    }
    for (pid, process) in entries(proc).filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let path = process.join("ns/net");
        match Identity::at(&path) {
            Ok(identity) if identity != own => {
                look.found.entry(identity).or_insert_with(|| Found { label: format!("pid {pid}"), path });
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => look.hidden = true,
            // A process that ended is in none.
            _ => {}
        }
    }
    look
}

/// How many names there are that no namespace is bound to: not yet, or not any more.
pub(super) fn unbound(own: Identity) -> usize {
    unbound_in(own, Path::new(NAMES))
}

fn unbound_in(own: Identity, names: &Path) -> usize {
    let is_bound = |path: &Path| Identity::at(path).is_ok_and(|identity| identity.device == own.device);
    entries(names).filter(|(_, path)| !is_bound(path)).count()
}

/// Name and path of what is in a directory; a directory that is not there is empty.
fn entries(directory: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::probe::fixture::Fixture;

    /// Files stand for namespaces: what is looked at is only which file it is.
    #[test]
    fn a_namespace_is_found_once_by_its_name_before_its_processes() {
        let host = Fixture::new();
        host.file("proc/self/status", "");
        host.file("proc/1/ns/net", "own");
        host.file("proc/30/ns/net", "nameless");
        host.file("proc/20/ns/net", "named");
        host.file("proc/40/status", "ended");
        let proc = host.proc();
        let names = proc.with_file_name("netns");
        fs::create_dir(&names).unwrap();
        fs::hard_link(proc.join("20/ns/net"), names.join("pod-a")).unwrap();
        fs::hard_link(proc.join("1/ns/net"), names.join("machine")).unwrap();
        let at = |path: &str| Identity::at(&proc.join(path)).unwrap();
        let look = look_in(at("1/ns/net"), &names, &proc);
        let labels: Vec<_> = look.found.iter().map(|(identity, found)| (*identity, &*found.label)).collect();
        let mut expected = vec![(at("20/ns/net"), "pod-a"), (at("30/ns/net"), "pid 30")];
        expected.sort();
        assert_eq!(labels, expected);
        assert!(!look.hidden);
    }

    #[test]
    fn a_file_without_a_namespace_is_an_unbound_name() {
        let own = Identity::of_this_thread().unwrap();
        let names = tempfile::tempdir().unwrap();
        assert_eq!(unbound_in(own, names.path()), 0);
        fs::write(names.path().join("soon"), "").unwrap();
        std::os::unix::fs::symlink("/proc/self/ns/net", names.path().join("bound")).unwrap();
        assert_eq!(unbound_in(own, names.path()), 1);
    }

    #[test]
    fn a_machine_without_names_is_no_error() {
        let own = Identity::of_this_thread().unwrap();
        let nowhere = Path::new("/nonexistent");
        assert!(look_in(own, nowhere, nowhere).found.is_empty());
        assert_eq!(unbound_in(own, nowhere), 0);
    }
}
