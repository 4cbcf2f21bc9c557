//! How much memory the process may use.

use std::fmt;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::kernel::probe::text;

/// A limit of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its bytes.
    pub bytes: u64,
    /// Whose it is.
    pub of: LimitOf,
}

/// Whose limit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitOf {
    /// The machine's.
    Machine,
    /// That of a cgroup, by its path below the cgroup file system.
    Cgroup(String),
}

/// cgroup v1 writes the largest number of pages for no limit, in bytes.
const NO_LIMIT: u64 = 1 << 62;

/// The tightest limit of the process's cgroups and the machine; `None` if there is none to be read.
///
/// Maps are charged to the cgroup when they are made: a limit that is too tight fails the start.
#[must_use]
pub fn limit(proc: &Path, sys: &Path) -> Option<Limit> {
    let groups = fs::read_to_string(proc.join("self/cgroup")).unwrap_or_default();
    let of_groups = groups
        .lines()
        .filter_map(hierarchy)
        .filter_map(|(mount, file, group)| tightest(&sys.join("fs/cgroup").join(mount), file, group));
    let machine = machine(proc).map(|bytes| Limit { bytes, of: LimitOf::Machine });
    of_groups.chain(machine).min_by_key(|limit| limit.bytes)
}

/// Where a line of /proc/self/cgroup keeps its memory limit: mount point, file, group.
fn hierarchy(line: &str) -> Option<(&'static str, &'static str, &str)> {
    let (_, line) = line.split_once(':')?;
    let (controllers, group) = line.split_once(':')?;
    match controllers {
        "" => Some(("", "memory.max", group)),
        _ if controllers.split(',').any(|name| name == "memory") => {
            Some(("memory", "memory.limit_in_bytes", group))
        }
        _ => None,
    }
}

/// A group is limited by all above it. In a container the path may be the host's while the mount shows only the
/// container's part: then the parents that exist tell.
fn tightest(mount: &Path, file: &str, group: &str) -> Option<Limit> {
    let group: PathBuf =
        Path::new(group).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let limits = group.ancestors().filter_map(|group| {
        // "max" in v2 is no number.
        let bytes = text(&mount.join(group).join(file))?.parse().ok().filter(|bytes| *bytes < NO_LIMIT)?;
        Some(Limit { bytes, of: LimitOf::Cgroup(format!("/{}", group.display())) })
    });
    limits.min_by_key(|limit| limit.bytes)
}

fn machine(proc: &Path) -> Option<u64> {
    let info = fs::read_to_string(proc.join("meminfo")).ok()?;
    let kibibytes = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    kibibytes.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

impl fmt::Display for LimitOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("this machine"),
            Self::Cgroup(group) => write!(f, "the cgroup {group}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::probe::fixture::Fixture;

    fn of(group: &str, bytes: u64) -> Option<Limit> {
        Some(Limit { bytes, of: LimitOf::Cgroup(group.to_owned()) })
    }

    #[test]
    fn without_a_cgroup_limit_the_machine_is_the_limit() {
        let host = Fixture::healthy();
        host.file("sys/fs/cgroup/agent/memory.max", "max\n");
        assert_eq!(limit(&host.proc(), &host.sys()), Some(Limit { bytes: 8 << 30, of: LimitOf::Machine }));
    }

    #[test]
    fn a_group_is_limited_by_its_parents() {
        let host = Fixture::healthy();
        host.file("proc/self/cgroup", "0::/pods/agent/main\n")
            .file("sys/fs/cgroup/pods/memory.max", "1048576\n")
            .file("sys/fs/cgroup/pods/agent/memory.max", "2097152\n")
            .file("sys/fs/cgroup/pods/agent/main/memory.max", "max\n");
        assert_eq!(limit(&host.proc(), &host.sys()), of("/pods", 1 << 20));
    }

    #[test]
    fn version_1_is_read_and_its_largest_number_is_no_limit() {
        let host = Fixture::healthy();
        host.file("proc/self/cgroup", "9:cpu,cpuacct:/a\n4:memory:/a\n0::/\n")
            .file("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "134217728\n")
            .file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(limit(&host.proc(), &host.sys()), of("/a", 128 << 20));
    }

    #[test]
    fn the_path_of_a_container_on_its_host_leads_to_the_mounted_part() {
        let host = Fixture::healthy();
        host.file("proc/self/cgroup", "4:memory:/docker/0123\n")
            .file("sys/fs/cgroup/memory/memory.limit_in_bytes", "4096\n");
        assert_eq!(limit(&host.proc(), &host.sys()), of("/", 4096));
    }

    #[test]
    fn a_path_outside_the_cgroup_namespace_stays_below_the_mount() {
        let host = Fixture::healthy();
        host.file("proc/self/cgroup", "0::/../../etc\n").file("sys/memory.max", "1\n");
        assert_eq!(limit(&host.proc(), &host.sys()).map(|limit| limit.of), Some(LimitOf::Machine));
    }

    #[test]
    fn nothing_readable_is_no_limit() {
        let host = Fixture::new();
        assert_eq!(limit(&host.proc(), &host.sys()), None);
    }
}
