//! A process that exports, looked at from outside.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::process::{Pid, Signal, kill_process};

/// How often a process is looked at.
const STEP: Duration = Duration::from_millis(100);

/// A running process.
pub(crate) struct Process {
    child: Child,
    errors: Option<JoinHandle<()>>,
    said: Arc<Mutex<String>>,
    watched: Option<JoinHandle<Samples>>,
    over: Arc<AtomicBool>,
}

/// What was seen of it, each tenth of a second.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Bytes of anonymous memory.
    pub(crate) anonymous: Vec<u64>,
    /// CPU that it used since the sample before, of all its threads.
    pub(crate) cpu: Vec<Duration>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) cpu: Duration,
    pub(crate) samples: Samples,
    pub(crate) said: String,
}

impl Process {
    /// Starts it; returns when it has said so, or at once if it says nothing.
    pub(crate) fn start(command: &mut Command, words: &str) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = BufReader::new(child.stderr.take().context("stderr is piped")?);
        let said = Arc::<Mutex<String>>::default();
        // Read all the time, or the process would wait for it.
        let errors = std::thread::spawn({
            let said = Arc::clone(&said);
            move || {
                for line in stderr.lines().map_while(Result::ok) {
                    if let Ok(mut said) = said.lock() {
                        said.push_str(&line);
                        said.push('\n');
                    }
                }
            }
        });
        until("it has started", Duration::from_mins(1), || {
            Ok(said.lock().is_ok_and(|said| said.contains(words)))
        })?;
        let over = Arc::<AtomicBool>::default();
        let watched = std::thread::spawn({
            let (process, over) = (child.id(), Arc::clone(&over));
            move || watch(process, &over)
        });
        Ok(Self { child, errors: Some(errors), said, watched: Some(watched), over })
    }

    /// Bytes of anonymous memory now.
    pub(crate) fn anonymous(&self) -> Option<u64> {
        anonymous(self.child.id())
    }

    /// Ends it in order.
    pub(crate) fn stop(self) -> Result<Ended> {
        // Its last records are no part of what it is like.
        self.over.store(true, Ordering::Relaxed);
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Result<Ended> {
        let before = children_cpu()?;
        let status = self.child.wait()?;
        let cpu = children_cpu()?.saturating_sub(before);
        self.over.store(true, Ordering::Relaxed);
        let watched = self.watched.take().context("watched until here")?;
        let samples = watched.join().map_err(|_| anyhow!("watching a process panicked"))?;
        let errors = self.errors.take().context("read until here")?;
        errors.join().map_err(|_| anyhow!("reading its errors panicked"))?;
        let said = self.said.lock().map(|said| said.clone()).unwrap_or_default();
        ensure!(status.success(), "it ended with {status}: {said}");
        Ok(Ended { cpu, samples, said })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The agent on the router's two interfaces.
pub(crate) fn agent(router: &Netns, compression: &str, more: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", router.name(), env!("CARGO_BIN_EXE_otel-flow-exporter"), "run"])
        .args(["--interface", "rc,rs"])
        .args(more)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
        .env("OTEL_METRICS_EXPORTER", "none")
        // How full the queue was is said at this level.
        .env("RUST_LOG", "info,exporter::command::delivery=debug")
        .stdout(Stdio::null());
    command
}

impl Ended {
    /// Packets in a column of the balance; 0 where it is left out because nothing is in it.
    pub(crate) fn total(&self, column: &str) -> Result<u64> {
        let mut lines = self.said.lines().skip_while(|line| !line.starts_with("hook "));
        let titles = lines.next().with_context(|| format!("no balance: {}", self.said))?;
        let mut titles = titles.split("  ").filter(|title| !title.is_empty());
        let Some(index) = titles.position(|title| title.trim() == column) else { return Ok(0) };
        let total = lines.find(|line| line.starts_with("total ")).context("the totals")?;
        // total, then packets and (bytes) of each column
        Ok(total.split_whitespace().nth(2 * index - 1).context("a number of packets")?.parse()?)
    }

    /// Bytes that waited at most.
    pub(crate) fn peak_queue(&self) -> Option<u64> {
        let (_, rest) = self.said.split_once("peak_bytes=")?;
        rest.split_whitespace().next()?.parse().ok()
    }
}

fn watch(process: u32, over: &AtomicBool) -> Samples {
    let mut samples = Samples::default();
    let mut before = cpu(process);
    while !over.load(Ordering::Relaxed) {
        sleep(STEP);
        let now = cpu(process);
        samples.cpu.push(now.saturating_sub(before));
        before = now;
        samples.anonymous.extend(anonymous(process));
    }
    samples
}

fn anonymous(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// CPU of all threads that there are, in nanoseconds and not in the ticks of /proc/PID/stat.
fn cpu(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// CPU of the children that have been waited for.
fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let [user, system] =
        [usage.user_time(), usage.system_time()].map(|time| time.num_microseconds().unsigned_abs());
    Ok(Duration::from_micros(user + system))
}
