//! Servers that tests send to or ask, each inside a namespace, so that its ports are nobody else's.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::until;
use crate::netns::Netns;

/// How long a server may take to begin or end on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running server. Killed when dropped.
pub struct Server {
    name: &'static str,
    child: Child,
    said: File,
}

impl Server {
    /// Starts the binary that an environment variable names, with the command line that `complete` gives it, and returns when it
    /// is ready.
    ///
    /// # Errors
    /// If the variable names none, or what the server said if it ends or does not get ready.
    pub fn start(
        namespace: &Netns,
        variable: &'static str,
        complete: impl FnOnce(&mut Command),
        ready: impl Fn() -> Result<bool>,
    ) -> Result<Self> {
        let binary = std::env::var_os(variable).with_context(|| {
            format!(
                "{variable} names no binary: run the tests by `make`, which sets it and builds one if needed"
            )
        })?;
        let said = tempfile::tempfile()?;
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace.name()]).arg(binary);
        complete(&mut command);
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .spawn()
            .context("starting ip")?;
        let mut server = Self { name: variable, child, said };
        let got_ready = until("it is ready", PATIENCE, || {
            if let Some(status) = server.child.try_wait()? {
                bail!("it ended with {status}");
            }
            ready()
        });
        got_ready.with_context(|| server.words())?;
        Ok(server)
    }

    /// Ends it as a supervisor does, so that it writes down what it has; gives what it said.
    ///
    /// # Errors
    /// What it said if it does not end.
    pub fn end(mut self) -> Result<String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let ended = until("it ends", PATIENCE, || Ok(self.child.try_wait()?.is_some()));
        ended.with_context(|| self.words())?;
        Ok(self.words())
    }

    /// Its name and what it said until now.
    fn words(&mut self) -> String {
        let mut said = String::new();
        let read = self.said.rewind().and_then(|()| self.said.read_to_string(&mut said));
        if let Err(error) = read {
            said = format!("(cannot be read: {error})");
        }
        format!("{} said:\n{said}", self.name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
