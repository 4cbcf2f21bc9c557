//! A process that sees no network namespaces and processes of the machine but those that a test shows it: tests of what looks
//! for all of them touch nobody else's.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::harness::until;
use crate::netns::Netns;

/// Waits for what takes no time on an idle machine.
const SOON: Duration = Duration::from_secs(30);

/// A command that runs the program, whose path and arguments are to be added: with an own /proc and an empty /run/netns.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]);
    command.args(["mkdir -p /run/netns && mount -t tmpfs none /run/netns && exec \"$0\" \"$@\""]);
    command
}

/// The process that a [`command`] became.
#[derive(Debug)]
pub struct Isolated {
    process: u32,
}

impl Isolated {
    /// Of a command that was started.
    ///
    /// # Errors
    /// If it has no process.
    pub fn of(child: u32) -> Result<Self> {
        let mut process = None;
        until("the command has a process", SOON, || {
            let children = fs::read_to_string(format!("/proc/{child}/task/{child}/children"))?;
            process = children.split_whitespace().next().map(str::parse).transpose()?;
            Ok(process.is_some())
        })?;
        Ok(Self { process: process.context("no process")? })
    }

    /// Number of the process outside.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process
    }

    /// Gives a namespace a name that the process sees.
    ///
    /// # Errors
    /// What `mount` says.
    pub fn show(&self, namespace: &Netns, name: &str) -> Result<()> {
        let file = File::open(format!("/run/netns/{}", namespace.name()))?;
        let bind = format!("touch /run/netns/{name} && mount --bind /proc/self/fd/0 /run/netns/{name}");
        run(self.inside(&["sh", "-c", &bind]).stdin(file))
    }

    /// Takes the name away, as `ip netns` does: also while it is open.
    ///
    /// # Errors
    /// What `umount` says.
    pub fn hide(&self, name: &str) -> Result<()> {
        let unbind = format!("umount --lazy /run/netns/{name} && rm /run/netns/{name}");
        run(&mut self.inside(&["sh", "-c", &unbind]))
    }

    /// A process that the process sees, in a namespace. It ends when its standard input is closed.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn inhabit(&self, namespace: &Netns) -> Result<Child> {
        let net = format!("--net=/run/netns/{}", namespace.name());
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.process.to_string(), "--pid", &net, "cat"]);
        Ok(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?)
    }

    fn inside(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        // In its namespace too: it sees this process, and is not to follow it into the machine's.
        command.args(["-t", &self.process.to_string(), "--mount", "--pid", "--net"]).args(arguments);
        command
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}
