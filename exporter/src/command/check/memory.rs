//! What `--memory` means in flows, and whether it may be used.

use std::path::Path;

use bytesize::ByteSize;

use crate::command::Common;
use crate::command::check::{Cause, Host, Item};
use crate::kernel::budget;
use crate::kernel::probe::{self, Limit};

/// What becomes of the memory that is granted if `metrics` bytes of it are for the queue of metrics.
pub(super) fn items(common: &Common, metrics: u64, host: &Host<'_>) -> Vec<Item> {
    let granted = common.memory;
    let plan = match budget::plan(granted, common.wants(metrics)) {
        Ok(plan) => Item::ok(
            "memory",
            format!(
                "{} flows fit into --memory {}: {} of kernel maps, {} of the process, {} of the export queues",
                plan.flows,
                size(granted),
                size(plan.kernel_bytes),
                size(plan.process_bytes),
                size(plan.queue_bytes + plan.metrics_bytes)
            ),
        ),
        Err(error) => Item::missing("memory", Cause::Configuration, error.to_string()),
    };
    vec![plan, limit(granted, host)]
}

fn limit(granted: u64, host: &Host<'_>) -> Item {
    const SUBJECT: &str = "memory limit";
    match probe::limit(host.proc, host.sys) {
        None => Item::limited(SUBJECT, "neither the machine's memory nor a cgroup's limit can be read")
            .with_remedy("mount /proc, and /sys/fs/cgroup"),
        Some(limit) => match exceeded(granted, &limit) {
            None => Item::ok(SUBJECT, format!("{}, enough for --memory {}", has(&limit), size(granted))),
            Some(finding) => Item::missing(SUBJECT, Cause::Configuration, finding).with_remedy(REMEDY),
        },
    }
}

/// Why an agent that is granted so much cannot run on this host.
pub(in crate::command) fn refusal(granted: u64, proc: &Path, sys: &Path) -> Option<String> {
    let limit = probe::limit(proc, sys)?;
    exceeded(granted, &limit).map(|finding| format!("{finding}; {REMEDY}"))
}

const REMEDY: &str = "lower --memory or raise the limit";

/// Maps are made in full size: there is no "until it fills up".
fn exceeded(granted: u64, limit: &Limit) -> Option<String> {
    (limit.bytes < granted).then(|| format!("{}, less than --memory {}", has(limit), size(granted)))
}

fn has(limit: &Limit) -> String {
    format!("{} has {}", limit.of, size(limit.bytes))
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}
