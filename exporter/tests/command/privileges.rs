//! The program with the privileges that it is said to need, and no other: a user who owns nothing, and a root file system that
//! nobody can write to.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;

use crate::exact::{UDP_HEADERS, exchange};
use crate::program::{Program, output};
use crate::topology::{CLIENT, Pair, SERVER};

/// Numbers and names (include/uapi/linux/capability.h).
const NEEDED: [(u32, &str); 3] = [(12, "net_admin"), (38, "perfmon"), (39, "bpf")];
const NOBODY: &str = "65534";

/// The program with capabilities. It is its own standard input: wherever it lies, it may be run without a way there.
fn restricted(namespace: &Netns, capabilities: &[&str], arguments: &[&str]) -> Result<Command> {
    let only = capabilities.iter().fold("-all".to_owned(), |all, capability| format!("{all},+{capability}"));
    let read_only = "mount -o remount,bind,ro / && ! test -w / && exec \"$@\"";
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace.name(), "unshare", "--mount", "sh", "-c", read_only, "sh"]);
    command.args(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs"]);
    command.args(["inh-caps", "ambient-caps", "bounding-set"].map(|set| format!("--{set}={only}")));
    command.arg("/proc/self/fd/0").args(arguments).env_remove("RUST_LOG");
    command.stdin(File::open(env!("CARGO_BIN_EXE_otel-flow-exporter"))?);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

pub(crate) fn by_tcx() -> Result<()> {
    counts("tcx")
}

pub(crate) fn by_clsact() -> Result<()> {
    counts("clsact")
}

fn counts(method: &str) -> Result<()> {
    let pair = Pair::new()?;
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--attach", method];
    let program = Program::start(restricted(&pair.server, &NEEDED.map(|(_, name)| name), &arguments)?)?;
    let status = fs::read_to_string(format!("/proc/{}/status", program.id()))?;
    let value = |key| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim).context(key);
    let set = NEEDED.iter().fold(0_u64, |set, (number, _)| set | 1 << number);
    for key in ["CapPrm:", "CapEff:", "CapBnd:"] {
        ensure!(u64::from_str_radix(value(key)?, 16)? == set, "{key} {}, not {set:x}", value(key)?);
    }
    ensure!(value("Uid:")?.split_whitespace().all(|id| id == NOBODY), "{status}");
    exchange(&pair, program, (CLIENT, SERVER), UDP_HEADERS)
}

/// Each is needed, and the one that is missing is named.
pub(crate) fn without_one() -> Result<()> {
    let pair = Pair::new()?;
    for (_, missing) in NEEDED {
        let others: Vec<_> = NEEDED.iter().map(|(_, name)| *name).filter(|name| *name != missing).collect();
        let ended = output(&mut restricted(&pair.server, &others, &["flows", "--duration", "10ms"])?)?;
        ensure!(ended.status.code() == Some(77), "without {missing} {}: {}", ended.status, ended.stderr);
        let sentence = format!("CAP_{} is missing", missing.to_uppercase());
        ensure!(ended.stderr.contains(&sentence), "without {missing}: {}", ended.stderr);
    }
    Ok(())
}
