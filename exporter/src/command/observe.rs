//! What `run` and `flows` have in common: settings from options, the start, printing.

use std::env;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::agent::{Agent, Settings};
use crate::command::end::{self, Signals, say};
use crate::command::outgoing::{HANDING_BACK, Outgoing};
use crate::command::{Common, Failure, check};
use crate::connections::OwnConnections;
use crate::features::Feature;
use crate::kernel::budget::{self, Plan, Wants};
use crate::kernel::probe::{kernel_release, may_enter_namespaces, privileges};
use crate::kernel::{FirstPass, Glob, InstanceLock, Reach, Selection, Summary, raise_limit};
use crate::ledger::Ledger;
use crate::outlet::{Printing, Writer};
use crate::pipeline::Outlet;
use crate::print::{Columns, Format, Width, printer};

/// After this long without a packet a user wonders.
const QUIET: Duration = Duration::from_secs(3);

/// What exporting means for observing.
#[derive(Default)]
pub(super) struct Exports {
    /// Connections whose flows are not reported.
    pub(super) excluded: Arc<OwnConnections>,
    /// Bytes of the series of metrics and of their queue, if there are any.
    pub(super) metrics_bytes: u64,
}

/// The agent's settings from the options that every observing command has.
pub(super) fn settings(
    common: &Common,
    instance: InstanceLock,
    interval: Duration,
    exports: Exports,
) -> Result<Settings, Failure> {
    let plan = plan(common.memory, common.wants(exports.metrics_bytes))?;
    Ok(Settings {
        instance,
        method: common.attach,
        selection: selection(common)?,
        filter: common.filter.filter()?,
        reach: common.namespaces,
        plan,
        drops: common.drops,
        interval,
        idle_timeout: common.idle_timeout,
        tcp_idle_timeout: common.tcp_idle_timeout,
        with_path: common.path,
        community_id_seed: common.community_id.then_some(common.community_id_seed),
        excluded: exports.excluded,
        features: Arc::default(),
    })
}

/// What so much memory is for, if the machine has it.
pub(super) fn plan(memory: u64, wants: Wants) -> Result<Plan, Failure> {
    let plan = budget::plan(memory, wants).map_err(|error| Failure::Configuration(error.to_string()))?;
    match check::memory_refusal(memory, Path::new("/proc"), Path::new("/sys")) {
        Some(why) => Err(Failure::Configuration(why)),
        None => Ok(plan),
    }
}

/// The interfaces that the options choose.
pub(super) fn selection(common: &Common) -> Result<Selection, Failure> {
    Ok(Selection {
        include: globs("--interface", &common.interfaces)?,
        exclude: globs("--exclude-interface", &common.exclude_interfaces)?,
        loopback: common.loopback,
    })
}

fn globs(option: &str, patterns: &[String]) -> Result<Vec<Glob>, Failure> {
    patterns
        .iter()
        .map(|pattern| pattern.parse().map_err(|error| Failure::Usage(format!("{option}: {error}"))))
        .collect()
}

/// The columns that the option chooses, if it does.
pub(super) fn columns(names: Option<&str>) -> Result<Option<Columns>, Failure> {
    let columns = names.map(Columns::parse).transpose();
    columns.map_err(|error| Failure::Usage(format!("--columns: {error}")))
}

/// Prints to the standard output, as wide as the terminal.
pub(super) fn printing(
    format: Format,
    columns: Option<Columns>,
    ledger: &Arc<Ledger>,
    plan: &Plan,
) -> Result<Printing, Failure> {
    let width = Width::of_stdout(env::var("COLUMNS").ok().as_deref());
    let room = usize::try_from(plan.queue_bytes).unwrap_or(usize::MAX);
    // Not the library's own handle: it keeps bytes back, and what it has taken would count as written.
    let output = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    output
        .and_then(|output| Printing::new(printer(format, columns, width), output, ledger, room))
        .map_err(|error| Failure::System(format!("cannot prepare the output: {error}")))
}

/// Starts the agent, or says in one sentence why it cannot.
pub(super) fn start<O: Outlet + Send + 'static>(
    mut settings: Settings,
    ledger: &Arc<Ledger>,
    outlet: O,
) -> Result<(Agent, FirstPass), Failure> {
    let proc = Path::new("/proc");
    kernel_release(proc)?;
    privileges(proc)?;
    if settings.reach == Reach::All {
        let may_enter = may_enter_namespaces(proc);
        settings.features.set(Feature::Namespaces, may_enter);
        if !may_enter {
            say(
                "only the agent's own network namespace is observed, for want of CAP_SYS_ADMIN (--namespaces all)",
            );
            settings.reach = Reach::Own;
        }
    }
    if let Err(error) = raise_limit() {
        tracing::warn!(
            "the limit of file descriptors stays what it is, which may be too few for many interfaces: {error}"
        );
    }
    let (agent, first_pass) =
        Agent::start(settings, Arc::clone(ledger), outlet).map_err(|error| end::failure(&error))?;
    if let Some(why) = &agent.no_drops {
        say(format_args!("what the kernel drops is not told: {why}"));
    }
    Ok((agent, first_pass))
}

/// Waits until every interface has been tried, and says what is observed. None if a signal comes before, or the agent ends by itself: then
/// it is to be stopped.
pub(super) async fn attached(
    first_pass: FirstPass,
    agent: &mut Agent,
    signals: &mut Signals,
) -> Option<Summary> {
    tokio::select! {
        () = signals.stop() => None,
        () = agent.ended() => None,
        summary = first_pass.summary() => {
            tell(&summary);
            Some(summary)
        }
    }
}

fn tell(summary: &Summary) {
    match &summary.mechanism {
        Some(mechanism) => say(format_args!(
            "attached by {mechanism} to {} interface{}: {}",
            summary.attached.len(),
            if summary.attached.len() == 1 { "" } else { "s" },
            summary.attached.join(", ")
        )),
        None => say("attached to no interface yet; waiting for one that is selected"),
    }
    if summary.was_killed {
        say(
            "the run before this one was killed: what passed since then, and what it had not delivered, is counted nowhere",
        );
    }
    for failed in &summary.failed {
        say(failed);
    }
}

/// Prints until a signal comes, `over` is reached or printing ends by itself, unless it is to end before everything was `attached`; then
/// stops the agent and says where every packet went. What is delivered beside the printing ends with it.
pub(super) async fn print(
    mut agent: Agent,
    attached: Option<Summary>,
    ledger: Arc<Ledger>,
    writer: Writer,
    signals: &mut Signals,
    over: impl Future<Output = ()>,
    outgoing: Outgoing,
) -> Result<(), Failure> {
    if let Some(attached) = attached {
        watch(&mut agent, &attached, &ledger, signals, over).await;
    }
    writer.stop_by(end::deadline(HANDING_BACK));
    outgoing.wait_no_longer();
    let deadline = end::deadline(outgoing.shutdown());
    let hooks = Arc::clone(&agent.hooks);
    let ending = async {
        let ending = end::stop(agent, deadline).await;
        let delivered = outgoing.end().await;
        let ended = end::conclude(ending, hooks, ledger, None).await;
        delivered.and(ended)
    };
    signals.orderly(ending).await
}

/// Waits for the end, and says after a while if there is nothing to say.
async fn watch(
    agent: &mut Agent,
    attached: &Summary,
    ledger: &Ledger,
    signals: &mut Signals,
    over: impl Future<Output = ()>,
) {
    let mut over = pin!(over);
    tokio::select! {
        () = signals.stop() => return,
        () = agent.ended() => return,
        () = &mut over => return,
        () = sleep(QUIET) => {}
    }
    say_if_quiet(agent, attached, ledger);
    tokio::select! {
        () = signals.stop() => {}
        () = agent.ended() => {}
        () = &mut over => {}
    }
}

/// Says that there is nothing to say, where a user would wonder.
fn say_if_quiet(agent: &Agent, attached: &Summary, ledger: &Ledger) {
    let total = ledger.total();
    if total.seen != total.not_ip + total.filtered + total.sampled_out {
        return;
    }
    if !(total.filtered + total.sampled_out).is_zero() {
        return say("no packets but those that --filter or --sample leaves out");
    }
    if agent.attached() == 0 {
        say("no packets yet; waiting for an interface that is selected");
    } else if attached.attached.is_empty() {
        say("no packets yet; waiting for traffic");
    } else {
        say(format_args!("no packets yet; waiting for traffic on {}", attached.attached.join(", ")));
    }
}
