//! Any text in the files below /proc and /sys that say what the machine is.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use exporter::kernel::probe::{interfaces, kernel_release, limit, may_enter_namespaces, privileges};
use libfuzzer_sys::fuzz_target;

/// What is read, each up to the next empty line of the input.
const FILES: [&str; 8] = [
    "proc/sys/kernel/osrelease",
    "proc/self/status",
    "proc/self/uid_map",
    "proc/self/cgroup",
    "proc/meminfo",
    "proc/self/net/dev",
    "sys/class/net/eth0/type",
    "sys/fs/cgroup/memory.max",
];

/// In memory, and another for each process.
static HOST: LazyLock<PathBuf> = LazyLock::new(|| {
    let host = Path::new("/dev/shm").join(format!("flow-fuzz-{}", std::process::id()));
    for file in FILES {
        fs::create_dir_all(host.join(file).parent().expect("a folder")).expect("a folder in memory");
    }
    host
});

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    for file in FILES {
        let end = rest.windows(2).position(|two| two == b"\n\n").unwrap_or(rest.len());
        fs::write(HOST.join(file), &rest[..end]).expect("a file in memory");
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    let [proc, sys] = ["proc", "sys"].map(|folder| HOST.join(folder));
    let _ = (kernel_release(&proc), privileges(&proc), may_enter_namespaces(&proc), interfaces(&proc, &sys));
    if let Some(limit) = limit(&proc, &sys) {
        assert!(limit.bytes < 1 << 62 || limit.of == exporter::kernel::probe::LimitOf::Machine, "{limit:?}");
    }
});
