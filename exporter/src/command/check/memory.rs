//! What `--memory` means in flows, and whether it may be used.

use bytesize::ByteSize;

use crate::command::Common;
use crate::command::check::{Cause, Host, Item};
use crate::kernel::{budget, probe};

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
    let Some(limit) = probe::limit(host.proc, host.sys) else {
        return Item::limited(SUBJECT, "neither the machine's memory nor a cgroup's limit can be read")
            .with_remedy("mount /proc, and /sys/fs/cgroup");
    };
    let has = format!("{} has {}", limit.of, size(limit.bytes));
    if limit.bytes >= granted {
        return Item::ok(SUBJECT, format!("{has}, enough for --memory {}", size(granted)));
    }
    // Maps are made in full size: there is no "until it fills up".
    let finding = format!("{has}, less than --memory {}: the start would fail", size(granted));
    Item::missing(SUBJECT, Cause::Configuration, finding).with_remedy("lower --memory or raise the limit")
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}
