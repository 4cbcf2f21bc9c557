//! What `run` and `flows` have in common: settings from options, signals, the first and the last words on stderr.

use std::env;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::agent::{Agent, AgentError, Settings};
use crate::command::{Common, Failure};
use crate::flow::Hooks;
use crate::kernel::probe::{kernel_release, privileges};
use crate::kernel::{Glob, InstanceLock, Selection, Summary, budget};
use crate::ledger::Ledger;
use crate::outlet::{Printing, Records};
use crate::pipeline::{Outlet, PipelineError};
use crate::print::{Columns, Format, Width, printer};
use crate::sync::lock;

/// The signals that end a command in order.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on these signals no longer kill the process.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::System(format!("cannot listen for signals: {error}")))
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Resolves with the first of them.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The agent's settings from the options that every observing command has.
pub(super) fn settings(
    common: &Common,
    instance: InstanceLock,
    interval: Duration,
) -> Result<Settings, Failure> {
    Ok(Settings {
        instance,
        method: common.attach,
        selection: selection(common)?,
        plan: budget::plan(common.memory).map_err(|error| Failure::Configuration(error.to_string()))?,
        interval,
        idle_timeout: common.idle_timeout,
        tcp_idle_timeout: common.tcp_idle_timeout,
    })
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

/// Prints to the standard output, as wide as the terminal.
pub(super) fn printing(format: Format, columns: Option<Columns>, ledger: &Arc<Ledger>) -> Printing {
    let width = Width::of_stdout(env::var("COLUMNS").ok().as_deref());
    Printing::new(printer(format, columns, width, BufWriter::new(io::stdout())), ledger)
}

/// Starts the agent, or says in one sentence why it cannot.
pub(super) fn start<O: Outlet + Send + 'static>(
    settings: Settings,
    ledger: &Arc<Ledger>,
    outlet: O,
) -> Result<Agent, Failure> {
    let proc = Path::new("/proc");
    kernel_release(proc)?;
    privileges(proc)?;
    Agent::start(settings, Arc::clone(ledger), outlet).map_err(|error| failure(&error))
}

/// Says what is observed, once hooks count.
pub(super) fn attached(summary: &Summary) {
    match &summary.mechanism {
        Some(mechanism) => say(format_args!(
            "attached by {mechanism} to {} interface{}: {}",
            summary.attached.len(),
            if summary.attached.len() == 1 { "" } else { "s" },
            summary.attached.join(", ")
        )),
        None => say("attached to no interface yet; waiting for one that is selected"),
    }
    for failed in &summary.failed {
        say(failed);
    }
}

/// Says that there is nothing to say, where a user would wonder.
pub(super) fn quiet(summary: &Summary, records: &Records) {
    if records.is_none() {
        say(format_args!("no packets yet; waiting for traffic on {}", summary.attached.join(", ")));
    }
}

/// Stops an agent that prints, and says where every packet went.
pub(super) async fn finish(agent: Agent, ledger: &Ledger) -> Result<(), Failure> {
    let hooks = Arc::clone(&agent.hooks);
    let ended = stop(agent).await;
    print_ledger(&hooks, ledger);
    ended
}

/// Stops the agent; what it queued may still be on its way.
pub(super) async fn stop(agent: Agent) -> Result<(), Failure> {
    let stopped = spawn_blocking(|| agent.stop()).await;
    let (stopped, ended) = stopped.map_err(|_| failure(&AgentError::Panic))?;
    for left in stopped.left {
        say(format_args!("not detached: {left}"));
    }
    match ended {
        // Whoever read the output has enough of it.
        Err(AgentError::Pipeline(PipelineError::Outlet(error)))
            if error.kind() == io::ErrorKind::BrokenPipe =>
        {
            Ok(())
        }
        ended => ended.map_err(|error| failure(&error)),
    }
}

/// Prints where every packet went.
pub(super) fn print_ledger(hooks: &Mutex<Hooks>, ledger: &Ledger) {
    say(ledger.report(&lock(hooks)));
}

/// One line on stderr. Nobody is left to tell if that fails.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn failure(error: &AgentError) -> Failure {
    let sentence = error.to_string();
    match error {
        AgentError::GracePeriod(_) | AgentError::Load(_) | AgentError::Attach(_) | AgentError::Thread(_) => {
            Failure::System(sentence)
        }
        AgentError::Pipeline(PipelineError::Outlet(_)) => Failure::Output(sentence),
        AgentError::Pipeline(PipelineError::Read(_)) | AgentError::Panic => Failure::Software(sentence),
    }
}
