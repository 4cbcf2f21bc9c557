//! The kernel takes each program.

use anyhow::{Result, ensure};
use flow_tests::program::{command, output};
use flow_tests::topology::Pair;

/// Options, and what they have loaded beside the usual.
const OPTIONS: [(&str, &[&str]); 5] = [
    ("as usual", &[]),
    ("with a filter and a sample", &["--filter", "reject udp port 53", "--sample", "2"]),
    ("with a sample alone", &["--sample", "2"]),
    ("counting alone", &["--facts=false", "--tcp-quality=false", "--drops", "none"]),
    ("for other namespaces, and of all drops", &["--namespaces", "all", "--drops", "all"]),
];

pub(crate) fn all_options() -> Result<()> {
    let pair = Pair::new()?;
    for (what, options) in OPTIONS {
        let flows = ["flows", "--format", "json", "--duration", "1s"];
        let ended = output(&mut command(&pair.client, &[&flows, options].concat()))?;
        ensure!(ended.status.success(), "{what}: {}", ended.stderr);
        ensure!(ended.stderr.contains("attached by"), "{what}: {}", ended.stderr);
        ensure!(!ended.stderr.contains("WARN"), "{what}: {}", ended.stderr);
    }
    Ok(())
}
