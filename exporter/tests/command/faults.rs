//! A real Collector that refuses, and one that is killed: every record arrives, or is in the balance.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use semconv::attribute;

use flow_tests::collector::{Collector, GRPC, GRPC_ADDRESS, HTTP, requests};

use crate::collector::{PACKETS, datagrams, exporting, records};
use crate::program::Program;
use crate::topology::Pair;

/// Nothing that was acknowledged waits in the Collector's memory when it is killed: files that rotate are written at once.
const UNBUFFERED: &str = "yaml:exporters::file/logs::rotation::max_megabytes: 100";
/// Less than any process of Go takes.
const FULL: &str =
    "yaml:processors::memory_limiter: {check_interval: 50ms, limit_mib: 1, spike_limit_mib: 0}";
const KILLS: usize = 4;

/// The Collector has no memory at first; then it is killed several times under load, with SIGKILL.
pub(crate) fn refused_and_killed() -> Result<()> {
    for (endpoint, refusal) in [(GRPC, "Unavailable"), (HTTP, "HTTP 503")] {
        is_refused_and_killed(endpoint, refusal).with_context(|| endpoint.to_owned())?;
    }
    Ok(())
}

/// How a refusal begins differs, and what it says does not.
fn is_refused_and_killed(endpoint: &str, refusal: &str) -> Result<()> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let collect = |more: &[&str]| Collector::start_with(&pair.server, GRPC_ADDRESS, out.path(), more);
    let mut sent = 0;
    let mut send = || -> Result<()> {
        datagrams(&pair)?;
        sent += PACKETS;
        Ok(())
    };

    let mut collector = collect(&[UNBUFFERED, FULL])?;
    let mut command = exporting(&pair, endpoint, "zstd");
    command.env("OTEL_METRICS_EXPORTER", "none");
    let mut program = Program::start(command)?;
    send()?;
    program.says("memory usage")?;
    for _ in 0..KILLS {
        drop(collector);
        send()?;
        collector = collect(&[UNBUFFERED])?;
        let before = size(out.path());
        until("records arrive again", Duration::from_mins(1), || {
            send()?;
            Ok(size(out.path()) > before)
        })?;
    }
    let ended = program.stop()?;
    ensure!(ended.stderr.contains(refusal), "no {refusal}: {}", ended.stderr);
    collector.end()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);

    // A request whose answer died with the Collector came twice, each record equal to the last byte.
    let mut once = HashMap::new();
    for record in records(&requests(&out.path().join("logs.jsonl"))?)? {
        let name =
            |key: &str| record.get(key).map(ToString::to_string).with_context(|| format!("{record:?}"));
        let identity = (name(attribute::NETWORK_FLOW_ID.key)?, name(attribute::NETWORK_FLOW_SEQUENCE.key)?);
        let packets = record[attribute::SOURCE_PACKETS.key].as_u64().unwrap_or_default();
        if let Some(other) = once.insert(identity, (packets, record.clone())) {
            ensure!(other.1 == record, "{record:?} is not {:?}", other.1);
        }
    }
    let came: u64 = once.values().map(|(packets, _)| packets).sum();
    let delivered = ended.total("delivered")?;
    ensure!(came == delivered, "{came} packets came, and {delivered} are delivered: {}", ended.stderr);
    let lost = ended.total("lost: undelivered")? + ended.total("lost: queue_full")?;
    ensure!(delivered + lost == sent, "{delivered} and {lost} of {sent} packets: {}", ended.stderr);
    Ok(())
}

/// Bytes that the Collector has written down.
fn size(out: &Path) -> u64 {
    fs::metadata(out.join("logs.jsonl")).map_or(0, |file| file.len())
}
