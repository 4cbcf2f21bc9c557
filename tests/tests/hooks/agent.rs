//! An agent in a process of its own, so that it can be killed, and its descriptors counted.
//!
//! The process is this test again, told by its environment what to do. It takes one command a line, and ends each answer with a
//! line of a dot.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use exporter::flow::Hooks;
use exporter::kernel::{
    AttachOptions, AttachView, Attacher, Filter, GracePeriod, InstanceLock, Loaded, Mechanism, Method,
    Namespaces, NamespacesOptions, Scopes, Selection, Sizes, Stacks, load_shared,
};
use flow_tests::isolated::{self, Isolated};
use flow_tests::netns::Netns;
use rustix::process::{Pid, Signal, kill_process};

const SETTINGS: &str = "HOOKS_TEST_AGENT";

/// How an agent is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) instance: &'static str,
    pub(crate) method: Method,
    pub(crate) include: &'static str,
    pub(crate) exclude: &'static str,
    /// The other network namespaces too, of which it sees those that it is shown.
    pub(crate) all_namespaces: bool,
}

impl Settings {
    pub(crate) fn of(method: Method) -> Self {
        Self { instance: "default", method, include: "*", exclude: "no*", all_namespaces: false }
    }
}

/// Exit code of a Rust program whose main thread panicked.
const PANICKED: i32 = 101;

/// What an agent has open.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// All of them.
    pub(crate) all: usize,
    /// Those that are links of eBPF programs.
    pub(crate) links: usize,
    /// Ids of the maps.
    pub(crate) maps: BTreeSet<u32>,
}

/// A running agent; killed when dropped.
pub(crate) struct Agent {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// What it said when its hooks were attached.
    pub(crate) summary: Vec<String>,
}

impl Agent {
    /// Starts one in a namespace, and waits until it has hooked what is there.
    pub(crate) fn start(namespace: &Netns, settings: Settings) -> Result<Self> {
        let Settings { instance, method, include, exclude, all_namespaces } = settings;
        let settings = format!("{instance} {method:?} {include} {exclude} {all_namespaces}");
        let mut child = namespace.enter(|| {
            let program = env::current_exe()?;
            let mut command = if all_namespaces { isolated::command() } else { Command::new(&program) };
            if all_namespaces {
                command.arg(program);
            }
            command.env(SETTINGS, settings).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
        })??;
        let input = child.stdin.take().context("no stdin")?;
        let output = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut agent = Self { child, input, output, summary: Vec::new() };
        agent.summary = agent.answer()?;
        Ok(agent)
    }

    /// Asks for something.
    pub(crate) fn ask(&mut self, command: &str) -> Result<Vec<String>> {
        writeln!(self.input, "{command}")?;
        self.answer()
    }

    /// Packets seen since the last time, by hook.
    pub(crate) fn counts(&mut self) -> Result<BTreeMap<String, u64>> {
        let lines = self.ask("read")?;
        lines
            .iter()
            .map(|line| {
                let (hook, packets) = line.rsplit_once(' ').context("no count")?;
                Ok((hook.to_owned(), packets.parse()?))
            })
            .collect()
    }

    /// Hooks that are attached now.
    pub(crate) fn attached(&mut self) -> Result<usize> {
        Ok(self.ask("attached")?.first().context("no answer")?.parse()?)
    }

    /// Its way to see namespaces.
    pub(crate) fn isolated(&self) -> Result<Isolated> {
        Isolated::of(self.child.id())
    }

    /// Ends it in order; gives what could not be detached.
    pub(crate) fn stop(mut self) -> Result<Vec<String>> {
        let left = self.ask("stop")?;
        ensure!(self.child.wait()?.success(), "the agent failed");
        Ok(left)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Ends it by a panic.
    pub(crate) fn panic(mut self) -> Result<()> {
        writeln!(self.input, "panic")?;
        let status = self.child.wait()?;
        ensure!(status.code() == Some(PANICKED), "the agent did not panic: {status}");
        Ok(())
    }

    /// Its process does nothing while this is done.
    pub(crate) fn while_paused<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::STOP)?;
        let done = work();
        kill_process(process, Signal::CONT)?;
        done
    }

    /// Open descriptors.
    pub(crate) fn descriptors(&self) -> Result<Descriptors> {
        let mut descriptors = Descriptors::default();
        for entry in fs::read_dir(format!("/proc/{}/fdinfo", self.child.id()))? {
            descriptors.all += 1;
            // One that was closed meanwhile has nothing to say.
            let Ok(info) = fs::read_to_string(entry?.path()) else { continue };
            let value = |key| info.lines().find_map(|line| line.strip_prefix(key));
            descriptors.links += usize::from(value("link_type:").is_some());
            descriptors.maps.extend(value("map_id:").map(|id| id.trim().parse::<u32>()).transpose()?);
        }
        Ok(descriptors)
    }

    /// The kernel's numbers of the programs that an agent of all namespaces keeps, and of those that its links run.
    pub(crate) fn programs(&self) -> Result<(BTreeSet<u32>, BTreeSet<u32>)> {
        let (mut kept, mut linked) = (BTreeSet::new(), BTreeSet::new());
        for entry in fs::read_dir(format!("/proc/{}/fdinfo", self.isolated()?.id()))? {
            // One that was closed meanwhile is none.
            let info = fs::read_to_string(entry?.path()).unwrap_or_default();
            if let Some(program) = program(&info)? {
                if info.contains("link_type:") { &mut linked } else { &mut kept }.insert(program);
            }
        }
        Ok((kept, linked))
    }

    /// Anonymous resident memory in KiB.
    pub(crate) fn anonymous_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    fn answer(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                bail!("the agent ended: {}", lines.join("\n"));
            }
            match line.trim_end() {
                "." => return Ok(lines),
                text => lines.push(text.to_owned()),
            }
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The kernel's number of the program that a descriptor is of, by what /proc says of it.
pub(crate) fn program(fdinfo: &str) -> Result<Option<u32>> {
    let number = fdinfo.lines().find_map(|line| line.strip_prefix("prog_id:"));
    Ok(number.map(|number| number.trim().parse()).transpose()?)
}

/// In the agent's process: be it. `None` in the test's own.
pub(crate) fn run_if_told() -> Option<Result<()>> {
    env::var(SETTINGS).ok().map(|settings| run(&settings))
}

fn run(settings: &str) -> Result<()> {
    let [instance, method, include, exclude, all_namespaces] = settings.split(' ').collect::<Vec<_>>()[..]
    else {
        bail!("{SETTINGS}={settings}");
    };
    let method =
        [Method::Auto, Method::Tcx, Method::Clsact].into_iter().find(|known| format!("{known:?}") == method);
    let selection =
        Selection { include: vec![include.parse()?], exclude: vec![exclude.parse()?], loopback: false };
    let instance =
        if instance == "temporary" { InstanceLock::temporary()? } else { InstanceLock::acquire(instance)? };
    let (Loaded { programs, mut reader }, sharing) =
        load_shared(0, Sizes::of_observations(1024), &Filter::default(), GracePeriod::probe()?)?;
    let hooks = Arc::new(Mutex::new(Hooks::default()));
    let total = AttachView::default();
    let name = instance.name().into();
    let method = method.context("no such method")?;
    let options = AttachOptions {
        instance,
        scope: 0,
        foreign: None,
        total: Some(total.clone()),
        method,
        selection: selection.clone(),
    };
    let (attacher, own_pass) = Attacher::start(options, Arc::new(programs), Arc::clone(&hooks))?;
    let (namespaces, first_pass) = if all_namespaces == "true" {
        let options = NamespacesOptions {
            instance: name,
            method,
            selection,
            total: total.clone(),
            own: attacher.view(),
            scopes: Scopes::find(Arc::new(Mutex::new(Stacks::of(100))))?,
            sharing: Arc::new(sharing),
            hooks: Arc::clone(&hooks),
            topology: Arc::default(),
        };
        let (namespaces, first_pass) = Namespaces::start(options, own_pass)?;
        (Some(namespaces), first_pass)
    } else {
        (None, own_pass)
    };
    let summary = first_pass.wait();
    let mechanism = summary.mechanism.as_ref().map_or("none".to_owned(), Mechanism::to_string);
    let mut lines = vec![format!("mechanism {mechanism}"), format!("swept {}", summary.swept)];
    lines.extend(summary.attached.iter().map(|name| format!("attached {name}")));
    lines.extend(summary.failed.iter().map(|error| format!("failed {error}")));
    answer(lines)?;

    for command in std::io::stdin().lines() {
        let lock = || hooks.lock().unwrap_or_else(PoisonError::into_inner);
        match command?.as_str() {
            "attached" => answer([total.read().attached.to_string()])?,
            "counters" => answer([format!("{:?}", total.read())])?,
            "hooks" => answer(lock().iter().map(|(_, hook)| hook.to_string()))?,
            "forget" => {
                for _ in 0..2 {
                    reader.read(&mut lock(), |_, _| {})?;
                    lock().read_through();
                }
                lock().forget(|_| true);
                answer([])?;
            }
            "read" => {
                let mut counts = BTreeMap::<String, u64>::new();
                reader.read(&mut lock(), |hooks, observation| {
                    *counts.entry(hooks.get(observation.hook).to_string()).or_default() +=
                        observation.counts.packets;
                })?;
                answer(counts.into_iter().map(|(hook, packets)| format!("{hook} {packets}")))?;
            }
            "panic" => panic!("told to"),
            _ => break,
        }
    }
    let mut left = namespaces.map_or_else(Vec::new, |namespaces| namespaces.stop(Duration::from_mins(1)));
    left.extend(attacher.stop(Duration::from_mins(1)).left);
    answer(left)
}

fn answer(lines: impl IntoIterator<Item = String>) -> Result<()> {
    let mut output = std::io::stdout().lock();
    for line in lines {
        writeln!(output, "{line}")?;
    }
    writeln!(output, ".")?;
    Ok(output.flush()?)
}
