//! Runs otel-flow-exporter in a namespace and takes what it says.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use exporter::flow::Counts;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::harness::until;
use crate::isolated::{self, Isolated};
use crate::netns::Netns;

/// A running program. Killed when dropped.
pub struct Program {
    child: Child,
    /// What is told to end: the program, where the child is another's that runs it.
    process: Pid,
    errors: BufReader<ChildStderr>,
    said: String,
}

/// How it ended.
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// All of its output.
    pub stdout: String,
    /// All that it said.
    pub stderr: String,
}

/// Seconds that the program may take to say something, on a machine that does much else.
const START: i64 = 300;

/// Cargo names the program to tests of its package.
const PROGRAM: &str = "CARGO_BIN_EXE_otel-flow-exporter";

/// The records that a program has printed into a file so far. It writes where the file's one position is, so that stays.
///
/// # Errors
/// Where the file cannot be read, or what is in it.
pub fn printed(output: &File) -> Result<Vec<Value>> {
    let mut bytes = vec![0; usize::try_from(output.metadata()?.len())?];
    output.read_exact_at(&mut bytes, 0)?;
    let text = String::from_utf8(bytes)?;
    // The last line may be on its way.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// The command, to be completed.
///
/// # Panics
/// Outside of the tests of the program's package, or where they are not run by Cargo.
#[must_use]
pub fn command(namespace: &Netns, arguments: &[&str]) -> Command {
    command_through(namespace, &[], arguments)
}

/// The command, started by another that takes something from it and then becomes it: `setpriv`, `unshare`.
///
/// # Panics
/// As [`command`].
#[must_use]
pub fn command_through(namespace: &Netns, through: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace.name()]).args(through);
    completed(command, arguments)
}

/// The command of a program that sees no network namespaces and processes but those that it is shown.
///
/// # Panics
/// As [`command`].
#[must_use]
pub fn isolated_command(arguments: &[&str]) -> Command {
    completed(isolated::command(), arguments)
}

fn completed(mut command: Command, arguments: &[&str]) -> Command {
    command
        .arg(program())
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn program() -> OsString {
    std::env::var_os(PROGRAM)
        .unwrap_or_else(|| panic!("{PROGRAM} is not set: run the tests by `scripts/test` or `cargo test`"))
}

/// Runs to the end.
///
/// # Errors
/// If it cannot be started.
pub fn run(namespace: &Netns, arguments: &[&str]) -> Result<Ended> {
    output(&mut command(namespace, arguments))
}

/// Runs a command to the end.
///
/// # Errors
/// If it cannot be started.
pub fn output(command: &mut Command) -> Result<Ended> {
    let output = command.output()?;
    Ok(Ended {
        status: output.status,
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

impl Program {
    /// Starts it and returns when its hooks count.
    ///
    /// # Errors
    /// If it ends before, or does not count within 5 minutes.
    pub fn start(command: Command) -> Result<Self> {
        Self::start_until(command, "attached")
    }

    /// Starts it and returns when it has said so.
    ///
    /// # Errors
    /// If it ends before, or does not say so within 5 minutes.
    pub fn start_until(mut command: Command, words: &str) -> Result<Self> {
        let mut child = command.spawn().context("starting the program")?;
        let errors = BufReader::new(child.stderr.take().context("stderr is piped")?);
        let mut program = Self { process: Pid::from_child(&child), child, errors, said: String::new() };
        program.says(words)?;
        Ok(program)
    }

    /// Starts an [`isolated_command`], and returns when it runs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_isolated(namespace: &Netns, command: Command) -> Result<(Self, Isolated)> {
        let mut program = namespace.enter(|| Self::start(command))??;
        let isolated = Isolated::of(program.child.id())?;
        program.process = i32::try_from(isolated.id()).ok().and_then(Pid::from_raw).context("no process")?;
        Ok((program, isolated))
    }

    /// Waits until it has said something.
    ///
    /// # Errors
    /// If it ends before, or does not say so within 5 minutes.
    pub fn says(&mut self, words: &str) -> Result<()> {
        while !self.said.contains(words) {
            if self.errors.buffer().is_empty() {
                let timeout = Timespec { tv_sec: START, tv_nsec: 0 };
                let ready = poll(&mut [PollFd::new(self.errors.get_ref(), PollFlags::IN)], Some(&timeout))?;
                ensure!(ready > 0, "it does not say {words:?}: {}", self.said);
            }
            let read = self.errors.read_line(&mut self.said)?;
            ensure!(read > 0, "it ended before it said {words:?}: {}", self.said);
        }
        Ok(())
    }

    /// Number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.as_raw_nonzero().get().unsigned_abs()
    }

    /// Ends it as a supervisor does, and takes the rest.
    ///
    /// # Errors
    /// If it cannot be told, or what it says is no text.
    pub fn stop(self) -> Result<Ended> {
        self.terminate()?;
        self.wait()
    }

    /// Tells it to end.
    ///
    /// # Errors
    /// If it cannot be told.
    pub fn terminate(&self) -> Result<()> {
        Ok(kill_process(self.process, Signal::TERM)?)
    }

    /// Tells it to end twice, with nothing between for it: as `timeout` does, which tells a process and then its group.
    ///
    /// # Errors
    /// If it cannot be told.
    pub fn terminate_twice(&self) -> Result<()> {
        // Both wait until it goes on; of one kind the kernel would keep a single one.
        self.while_paused(|| {
            kill_process(self.process, Signal::TERM)?;
            Ok(kill_process(self.process, Signal::INT)?)
        })
    }

    /// Lets it do nothing while this is done, as on a machine where it gets no time.
    ///
    /// # Errors
    /// If it cannot be told, or the work's own error.
    pub fn while_paused<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let pid = self.process;
        kill_process(pid, Signal::STOP)?;
        let done = work();
        kill_process(pid, Signal::CONT)?;
        done
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If what it says is no text.
    pub fn wait(mut self) -> Result<Ended> {
        let stdout = self.child.stdout.take();
        // The pipe of one stream may fill up while the other is read.
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut text)).map(|_| text)
        });
        let mut said = std::mem::take(&mut self.said);
        self.errors.read_to_string(&mut said)?;
        let Ok(stdout) = output.join() else { bail!("reading stdout") };
        let status = self.child.wait()?;
        Ok(Ended { status, stdout: stdout?, stderr: said })
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// If that cannot be told.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Closes the reading end of its output.
    pub fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Waits for its end, and leaves what it says.
    ///
    /// # Errors
    /// If it does not end within 20 s.
    pub fn wait_end(&mut self) -> Result<()> {
        until("the program ends", Duration::from_secs(20), || self.has_ended())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What both ends of a flow sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// The source.
    pub source: Counts,
    /// The destination.
    pub destination: Counts,
}

impl Ended {
    /// The JSON lines of stdout, of an orderly end.
    ///
    /// # Errors
    /// If it did not end in order, or a line is no JSON.
    pub fn records(&self) -> Result<Vec<Value>> {
        ensure!(self.status.success(), "it ended with {}: {}", self.status, self.stderr);
        self.stdout.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

impl Ended {
    /// Packets that it says it delivered.
    ///
    /// # Errors
    /// If there is no balance.
    pub fn delivered(&self) -> Result<u64> {
        self.total("delivered")
    }

    /// Packets in a column of the balance; 0 if there is no such column, which is left out where it holds nothing.
    ///
    /// # Errors
    /// If there is no balance.
    pub fn total(&self, column: &str) -> Result<u64> {
        let mut lines = self.stderr.lines().skip_while(|line| !line.starts_with("hook "));
        let titles = lines.next().with_context(|| format!("no balance: {}", self.stderr))?;
        // Titles have single spaces in them, and more between them.
        let Some(index) =
            titles.split("  ").filter(|title| !title.is_empty()).position(|title| title.trim() == column)
        else {
            return Ok(0);
        };
        let total = lines.find(|line| line.starts_with("total ")).context("the totals")?;
        // total, then packets and (bytes) of each column
        Ok(total.split_whitespace().nth(2 * index - 1).context("a number of packets")?.parse()?)
    }
}

/// Adds the records up that `of` takes.
pub fn sum<'a>(records: impl IntoIterator<Item = &'a Value>, of: impl Fn(&Value) -> bool) -> Sums {
    let mut sums = Sums::default();
    for record in records.into_iter().filter(|record| of(record)) {
        let count = |key: &str| record[key].as_u64().unwrap_or_default();
        sums.source += Counts { packets: count("source.packets"), bytes: count("source.bytes") };
        sums.destination +=
            Counts { packets: count("destination.packets"), bytes: count("destination.bytes") };
    }
    sums
}
