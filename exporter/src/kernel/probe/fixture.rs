//! A `proc` and a `sys` folder for tests.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The folders, removed at the end of the test.
pub(crate) struct Fixture(TempDir);

impl Fixture {
    /// Empty folders.
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// A machine where everything works: Linux 6.12, root, one Ethernet interface beside the loopback, 8 GiB.
    pub(crate) fn healthy() -> Self {
        let host = Self::new();
        host.file("proc/sys/kernel/osrelease", "6.12.0-1-amd64\n")
            .file("proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n")
            .file("proc/self/uid_map", "         0          0 4294967295\n")
            .file("proc/self/cgroup", "0::/agent\n")
            .file("proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n")
            .file("sys/kernel/btf/vmlinux", "")
            .interface("lo", 772)
            .interface("eth0", 1);
        host
    }

    /// Writes a file with the folders that it needs.
    pub(crate) fn file(&self, path: &str, content: &str) -> &Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Adds an interface to the namespace and to `sys`.
    pub(crate) fn interface(&self, name: &str, link_type: u16) -> &Self {
        let path = self.root().join("proc/self/net/dev");
        let devices = fs::read_to_string(&path)
            .unwrap_or_else(|_| "Inter-| Receive | Transmit\n face |bytes |bytes\n".to_owned());
        self.file("proc/self/net/dev", &format!("{devices}{name:>6}: 1 2 3\n"))
            .file(&format!("sys/class/net/{name}/type"), &format!("{link_type}\n"))
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn proc(&self) -> PathBuf {
        self.root().join("proc")
    }

    pub(crate) fn sys(&self) -> PathBuf {
        self.root().join("sys")
    }
}
