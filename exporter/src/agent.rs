//! Starts and stops the stages in order.
//!
//! Start: the right to the instance name, the programs, the thread that reads them, the hooks. Packets count from the first
//! hook on. Stop: the hooks, a last reading, the flow table, and then, by the caller, the export queue; all within one deadline.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{io, thread};

use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::connections::OwnConnections;
use crate::features::{Feature, Features};
use crate::flow::{FlowIds, Hooks, OWN_SCOPE};
use crate::kernel::budget::Plan;
use crate::kernel::{
    AttachOptions, AttachView, Attacher, Drops, Filter, FirstPass, GracePeriod, InstanceLock, LoadError,
    Loaded, Method, Namespaces, NamespacesOptions, Reach, Scopes, Selection, Stacks, StartError, Topology,
    load, load_shared,
};
use crate::ledger::Ledger;
use crate::pipeline::{Finished, Limits, Origins, Outlet, Pipeline, PipelineError, Progress};
use crate::table::{self, FlowTable};

/// Of the time for a stop, what detaching leaves for the last reading and its records. A TCX link takes 12 ms.
const FOR_READING: Duration = Duration::from_secs(5);
/// Between two readings, at most: a short enough time for a record to be near what it tells of.
const LONGEST_READING: Duration = Duration::from_millis(2500);

/// What an agent is to do.
pub(crate) struct Settings {
    pub(crate) instance: InstanceLock,
    pub(crate) method: Method,
    pub(crate) selection: Selection,
    pub(crate) filter: Filter,
    /// In which network namespaces.
    pub(crate) reach: Reach,
    pub(crate) plan: Plan,
    /// Of which flows to tell what the kernel dropped.
    pub(crate) drops: Drops,
    /// Time between two records of a flow that goes on.
    pub(crate) interval: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) tcp_idle_timeout: Duration,
    /// Whether records say which hooks the packets passed.
    pub(crate) with_path: bool,
    /// Seed of the community ID that records have, if they have one.
    pub(crate) community_id_seed: Option<u16>,
    /// Connections whose flows are not reported.
    pub(crate) excluded: Arc<OwnConnections>,
    /// Where it is noted what is there of what it can do without.
    pub(crate) features: Arc<Features>,
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
    #[error("cannot follow the network namespaces: {0}")]
    Namespaces(#[source] io::Error),
    #[error("cannot start the thread that reads flows: {0}")]
    Thread(#[source] io::Error),
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error("the thread that reads flows has panicked")]
    Panic,
    #[error("the last reading took too long, so flows are missing: lower --memory to have fewer at a time")]
    Late,
}

/// How an agent ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// What could not be detached, as sentences.
    pub(crate) left: Vec<String>,
    /// Whether the ledger has all that the hooks counted.
    pub(crate) complete: bool,
    pub(crate) result: Result<(), AgentError>,
}

/// A running agent. Dropping it detaches the hooks.
pub(crate) struct Agent {
    /// Those that are not the agent's own.
    namespaces: Option<Namespaces>,
    attacher: Attacher,
    /// Counts the hooks of all namespaces.
    attaching: AttachView,
    reading: Reading,
    pub(crate) hooks: Arc<Mutex<Hooks>>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) features: Arc<Features>,
    /// Why dropped packets are not told, if they were wanted.
    pub(crate) no_drops: Option<String>,
}

/// The thread that reads.
struct Reading {
    stop: SyncSender<()>,
    /// Resolves when the thread has ended by itself.
    ended: oneshot::Receiver<()>,
    finished: Receiver<Finished>,
}

impl Agent {
    /// Starts everything. When it returns hooks are being attached, and count from the first on; what comes second is over when every
    /// present interface has been tried.
    pub(crate) fn start<O: Outlet + Send + 'static>(
        settings: Settings,
        ledger: Arc<Ledger>,
        outlet: O,
    ) -> Result<(Self, FirstPass), AgentError> {
        let grace = GracePeriod::probe().map_err(AgentError::GracePeriod)?;
        let sizes = settings.plan.sizes;
        let most_addresses = usize::try_from(settings.plan.addresses).unwrap_or(usize::MAX);
        let features = settings.features;
        let stacks = Stacks::of(most_addresses).noting(&features).with_own(OWN_SCOPE);
        let stacks = Arc::new(Mutex::new(stacks));
        let (Loaded { programs, reader }, others) = match settings.reach {
            Reach::Own => (load(OWN_SCOPE, sizes, &settings.filter, grace)?, None),
            Reach::All => {
                let (loaded, sharing) = load_shared(OWN_SCOPE, sizes, &settings.filter, grace)?;
                let scopes = Scopes::find(Arc::clone(&stacks)).map_err(AgentError::Namespaces)?;
                (loaded, Some((scopes, Arc::new(sharing))))
            }
        };
        let topology = others.is_some().then(Arc::<Topology>::default);
        if let Some(topology) = &topology {
            topology.join(OWN_SCOPE).map_err(StartError::from)?;
        }
        let no_drops = reader.why_no_drops().map(ToString::to_string);
        if settings.drops != Drops::None {
            features.set(Feature::Drops, no_drops.is_none());
        }
        let hooks = Arc::new(Mutex::new(Hooks::default()));
        let table = FlowTable::new(
            &table::Config {
                interval: settings.interval,
                idle_timeout: settings.idle_timeout,
                tcp_idle_timeout: settings.tcp_idle_timeout,
                max_flows: usize::try_from(settings.plan.flows).unwrap_or(usize::MAX),
                with_path: settings.with_path,
                community_id_seed: settings.community_id_seed,
                sample: settings.filter.sample(),
                application_bytes: usize::try_from(settings.plan.application_bytes).unwrap_or(usize::MAX),
                flows_of_drops: settings.drops == Drops::All,
            },
            FlowIds::random(),
        )
        .excluding(settings.excluded);
        let limits = Limits {
            observations: settings.plan.sizes.observations.into(),
            losses: settings.plan.sizes.losses.into(),
            flows: settings.plan.flows,
            memory: settings.plan.total(),
        };
        let progress = Arc::new(Progress::new(limits, Clock::now().monotonic()));
        let pipeline = Pipeline {
            reader,
            hooks: Arc::clone(&hooks),
            topology: topology.clone(),
            table,
            origins: Origins::of(Arc::clone(&stacks)),
            ledger,
            progress: Arc::clone(&progress),
            outlet,
        };
        let reading = Reading::start(pipeline, (settings.interval / 4).min(LONGEST_READING))?;
        let attaching = AttachView::default();
        let name: Box<str> = settings.instance.name().into();
        let (method, selection) = (settings.method, settings.selection);
        let options = AttachOptions {
            instance: settings.instance,
            scope: OWN_SCOPE,
            foreign: None,
            total: Some(attaching.clone()),
            method,
            selection: selection.clone(),
        };
        let (attacher, first_pass) = Attacher::start(options, Arc::new(programs), Arc::clone(&hooks))?;
        if method != Method::Clsact {
            features.has(Feature::Tcx);
        }
        let (namespaces, first_pass) = match others.zip(topology) {
            None => (None, first_pass),
            Some(((scopes, sharing), topology)) => {
                let options = NamespacesOptions {
                    instance: name,
                    method,
                    selection,
                    total: attaching.clone(),
                    own: attacher.view(),
                    scopes,
                    sharing,
                    hooks: Arc::clone(&hooks),
                    topology,
                };
                let started = Namespaces::start(options, first_pass).map_err(AgentError::Namespaces)?;
                (Some(started.0), started.1)
            }
        };
        let agent = Self { namespaces, attacher, attaching, reading, hooks, progress, features, no_drops };
        Ok((agent, first_pass))
    }

    /// Resolves when reading has ended by itself, for which [`stop`](Self::stop) gives the reason.
    pub(crate) async fn ended(&mut self) {
        // The sender is dropped with the thread, also by a panic.
        let _ = (&mut self.reading.ended).await;
    }

    /// Hooks that are attached now.
    pub(crate) fn attached(&self) -> u64 {
        self.attaching.read().attached
    }

    /// What the attaching threads count, also after the stop.
    pub(crate) fn attaching(&self) -> AttachView {
        self.attaching.clone()
    }

    /// Detaches, reads what is left and ends every flow. Blocks, until `deadline` at most.
    pub(crate) fn stop(self, deadline: Instant) -> Ending {
        let time = || deadline.saturating_duration_since(Instant::now()).saturating_sub(FOR_READING);
        // Nothing more is attached while the hooks of others end.
        self.attacher.tell_to_stop();
        let mut left = self.namespaces.map_or_else(Vec::new, |namespaces| namespaces.stop(time()));
        left.extend(self.attacher.stop(time()).left);
        match self.reading.stop(deadline) {
            Ok(Finished { complete, result }) => Ending {
                complete: complete && left.is_empty(),
                left,
                result: result.map_err(AgentError::Pipeline),
            },
            Err(error) => Ending { left, complete: false, result: Err(error) },
        }
    }
}

impl Reading {
    fn start<O: Outlet + Send + 'static>(
        mut pipeline: Pipeline<O>,
        interval: Duration,
    ) -> Result<Self, AgentError> {
        let (stop, stopped) = sync_channel(1);
        let (end, ended) = oneshot::channel();
        let (report, finished) = sync_channel(1);
        let thread = thread::Builder::new().name("flows".to_owned()).spawn(move || {
            let end_on_return: oneshot::Sender<()> = end;
            let ran = pipeline.run(interval, &stopped);
            drop(end_on_return);
            if ran.is_err() {
                // The last reading comes when the hooks are gone, as ever.
                let _ = stopped.recv();
            }
            let Finished { complete, result } = pipeline.finish();
            let _ = report.send(Finished { complete, result: ran.and(result) });
        });
        thread.map_err(AgentError::Thread)?;
        Ok(Self { stop, ended, finished })
    }

    fn stop(self, deadline: Instant) -> Result<Finished, AgentError> {
        // A thread that has ended by itself takes no message, and needs none.
        let _ = self.stop.send(());
        self.finished.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_err(|error| {
            match error {
                RecvTimeoutError::Timeout => AgentError::Late,
                RecvTimeoutError::Disconnected => AgentError::Panic,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_hangs_is_waited_for_until_the_deadline() {
        let (stop, _stopped) = sync_channel(1);
        let (_end, ended) = oneshot::channel();
        let (hangs, finished) = sync_channel(1);
        let reading = Reading { stop, ended, finished };
        let stopped = reading.stop(Instant::now() + Duration::from_millis(10));
        assert!(matches!(stopped, Err(AgentError::Late)), "{stopped:?}");
        drop(hangs);
    }
}
