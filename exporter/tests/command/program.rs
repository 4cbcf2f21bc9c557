//! Runs the program in a namespace and takes what it says.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use exporter::flow::Counts;
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A running program. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    errors: BufReader<ChildStderr>,
    said: String,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command, to be completed.
pub(crate) fn command(namespace: &Netns, arguments: &[&str]) -> Command {
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", namespace.name(), env!("CARGO_BIN_EXE_otel-flow-exporter")])
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs to the end.
pub(crate) fn run(namespace: &Netns, arguments: &[&str]) -> Result<Ended> {
    output(&mut command(namespace, arguments))
}

/// Runs a command to the end.
pub(crate) fn output(command: &mut Command) -> Result<Ended> {
    let output = command.output()?;
    Ok(Ended {
        status: output.status,
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

impl Program {
    /// Starts it and returns when its hooks count.
    pub(crate) fn start(command: Command) -> Result<Self> {
        Self::start_until(command, "attached")
    }

    /// Starts it and returns when it has said so.
    pub(crate) fn start_until(mut command: Command, words: &str) -> Result<Self> {
        let mut child = command.spawn().context("starting the program")?;
        let errors = BufReader::new(child.stderr.take().context("stderr is piped")?);
        let mut program = Self { child, errors, said: String::new() };
        program.says(words)?;
        Ok(program)
    }

    /// Waits until it has said something.
    pub(crate) fn says(&mut self, words: &str) -> Result<()> {
        while !self.said.contains(words) {
            if self.errors.buffer().is_empty() {
                let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
                let ready = poll(&mut [PollFd::new(self.errors.get_ref(), PollFlags::IN)], Some(&timeout))?;
                ensure!(ready > 0, "it does not say {words:?}: {}", self.said);
            }
            let read = self.errors.read_line(&mut self.said)?;
            ensure!(read > 0, "it ended before it said {words:?}: {}", self.said);
        }
        Ok(())
    }

    /// Ends it as a supervisor does, and takes the rest.
    pub(crate) fn stop(self) -> Result<Ended> {
        self.terminate()?;
        self.wait()
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) -> Result<()> {
        Ok(kill_process(Pid::from_child(&self.child), Signal::TERM)?)
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Result<Ended> {
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

    /// Waits until its standard output may have ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Closes the reading end of its output.
    pub(crate) fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    pub(crate) fn wait_end(&mut self) -> Result<()> {
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
pub(crate) struct Sums {
    pub(crate) source: Counts,
    pub(crate) destination: Counts,
}

impl Ended {
    /// The JSON lines of stdout, of an orderly end.
    pub(crate) fn records(&self) -> Result<Vec<Value>> {
        ensure!(self.status.success(), "it ended with {}: {}", self.status, self.stderr);
        self.stdout.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }
}

impl Ended {
    /// Packets that it says it delivered.
    pub(crate) fn delivered(&self) -> Result<u64> {
        self.total("delivered")
    }

    /// Packets in a column of the balance; 0 if there is no such column, which is left out where it holds nothing.
    pub(crate) fn total(&self, column: &str) -> Result<u64> {
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
pub(crate) fn sum<'a>(records: impl IntoIterator<Item = &'a Value>, of: impl Fn(&Value) -> bool) -> Sums {
    let mut sums = Sums::default();
    for record in records.into_iter().filter(|record| of(record)) {
        let count = |key: &str| record[key].as_u64().unwrap_or_default();
        sums.source += Counts { packets: count("source.packets"), bytes: count("source.bytes") };
        sums.destination +=
            Counts { packets: count("destination.packets"), bytes: count("destination.bytes") };
    }
    sums
}
