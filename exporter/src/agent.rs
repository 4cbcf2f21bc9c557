//! Starts and stops the stages in order.
//!
//! Start: the right to the instance name, the programs, the thread that reads them, the hooks. Packets count from the first
//! hook on. Stop: the hooks, a last reading, the flow table, and then, by the caller, the export queue.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use tokio::sync::oneshot;

use crate::flow::{FlowIds, Hooks};
use crate::kernel::budget::Plan;
use crate::kernel::{
    AttachOptions, Attacher, GracePeriod, InstanceLock, LoadError, Loaded, Method, Selection, StartError,
    Stopped, Summary, load,
};
use crate::ledger::Ledger;
use crate::pipeline::{Outlet, Pipeline, PipelineError, Schedule};
use crate::table::{self, FlowTable};

/// The namespace that the process runs in.
const OWN_SCOPE: u32 = 0;
/// How long detaching may take: some hundred TCX links, 12 ms each.
const DETACH: Duration = Duration::from_secs(30);
/// Between two readings, at most: a short enough time for a record to be near what it tells of.
const LONGEST_READING: Duration = Duration::from_millis(2500);

/// What an agent is to do.
pub(crate) struct Settings {
    pub(crate) instance: InstanceLock,
    pub(crate) method: Method,
    pub(crate) selection: Selection,
    pub(crate) plan: Plan,
    /// Time between two records of a flow that goes on.
    pub(crate) interval: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) tcp_idle_timeout: Duration,
}

/// Why an agent does not start, or ends by itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    #[error("cannot find out how to wait for the flow programs: {0}")]
    GracePeriod(#[source] io::Error),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Attach(#[from] StartError),
    #[error("cannot start the thread that reads flows: {0}")]
    Thread(#[source] io::Error),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error("the thread that reads flows has panicked")]
    Panic,
}

/// A running agent. Dropping it detaches the hooks.
pub(crate) struct Agent {
    attacher: Attacher,
    reading: Reading,
    pub(crate) hooks: Arc<Mutex<Hooks>>,
    pub(crate) summary: Summary,
}

/// The thread that reads.
struct Reading {
    stop: SyncSender<()>,
    /// Resolves when the thread has ended by itself.
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<Result<(), PipelineError>>,
}

impl Agent {
    /// Starts everything; when it returns, every present interface has been tried.
    pub(crate) fn start<O: Outlet + Send + 'static>(
        settings: Settings,
        ledger: Arc<Ledger>,
        outlet: O,
    ) -> Result<Self, AgentError> {
        let grace = GracePeriod::probe().map_err(AgentError::GracePeriod)?;
        let Loaded { programs, reader } = load(OWN_SCOPE, settings.plan.sizes, grace)?;
        let hooks = Arc::new(Mutex::new(Hooks::default()));
        let table = FlowTable::new(
            &table::Config {
                interval: settings.interval,
                idle_timeout: settings.idle_timeout,
                tcp_idle_timeout: settings.tcp_idle_timeout,
                max_flows: usize::try_from(settings.plan.flows).unwrap_or(usize::MAX),
            },
            FlowIds::random(),
        );
        let schedule = Schedule {
            interval: (settings.interval / 4).min(LONGEST_READING),
            fill: u64::from(settings.plan.sizes.observations / 2),
        };
        let pipeline = Pipeline { reader, hooks: Arc::clone(&hooks), table, ledger, outlet };
        let reading = Reading::start(pipeline, schedule)?;
        let options = AttachOptions {
            instance: settings.instance,
            scope: OWN_SCOPE,
            method: settings.method,
            selection: settings.selection,
        };
        let (attacher, summary) = Attacher::start(options, Arc::new(programs), Arc::clone(&hooks))?;
        Ok(Self { attacher, reading, hooks, summary })
    }

    /// Resolves when reading has ended by itself, for which [`stop`](Self::stop) gives the reason.
    pub(crate) async fn ended(&mut self) {
        // The sender is dropped with the thread, also by a panic.
        let _ = (&mut self.reading.ended).await;
    }

    /// Detaches, reads what is left and ends every flow. Blocks.
    pub(crate) fn stop(self) -> (Stopped, Result<(), AgentError>) {
        let stopped = self.attacher.stop(DETACH);
        (stopped, self.reading.stop())
    }
}

impl Reading {
    fn start<O: Outlet + Send + 'static>(
        mut pipeline: Pipeline<O>,
        schedule: Schedule,
    ) -> Result<Self, AgentError> {
        let (stop, stopped) = sync_channel(1);
        let (end, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("flows".to_owned()).spawn(move || {
            let end_on_return = end;
            pipeline.run(schedule, &stopped)?;
            drop(end_on_return);
            pipeline.finish()
        });
        Ok(Self { stop, ended, thread: thread.map_err(AgentError::Thread)? })
    }

    fn stop(self) -> Result<(), AgentError> {
        // A thread that has ended by itself takes no message, and needs none.
        let _ = self.stop.send(());
        self.thread.join().map_err(|_| AgentError::Panic)?.map_err(AgentError::Pipeline)
    }
}
