//! `check`: what this kernel, these privileges and this configuration allow, in plain words.
//!
//! Nothing is loaded, attached or changed.

mod endpoint;
mod interfaces;
mod kernel;
mod memory;
mod report;

use std::path::Path;
use std::{env, io};

pub(super) use self::memory::refusal as memory_refusal;
pub use self::report::{Cause, Item, Level, Report};

use crate::command::{CheckOptions, ConfigFile, Failure, observe};
use crate::export::{Destination, Signal, Source, Sources};
use crate::kernel::Selection;
use crate::kernel::probe::{Calls, PrivilegeError, ReleaseError, ThisKernel};

/// Where `check` looks.
pub struct Host<'a> {
    /// The proc file system.
    pub proc: &'a Path,
    /// The sys file system.
    pub sys: &'a Path,
    /// The kernel.
    pub calls: &'a dyn Calls,
    /// The interfaces that the options choose.
    pub selection: &'a Selection,
    /// What is said of the export.
    pub settings: &'a dyn Source,
    /// The configuration file, which is right, or there would be no options.
    pub file: &'a ConfigFile,
}

/// Looks at this host and writes the report to the standard output.
///
/// # Errors
/// As of [`run`], and [`Failure::Usage`] for a pattern or a rule that is none.
pub fn this_host(options: &CheckOptions, file: &ConfigFile) -> Result<(), Failure> {
    let selection = observe::selection(&options.common)?;
    options.common.filter.filter()?;
    let variable = |name: &str| env::var(name).ok();
    let host = Host {
        proc: Path::new("/proc"),
        sys: Path::new("/sys"),
        calls: &ThisKernel,
        selection: &selection,
        settings: &Sources { flags: &options.otlp.given, environment: &variable, file: file.given() },
        file,
    };
    run(options, &host, &mut io::stdout().lock())
}

/// Writes the report to `out`.
///
/// # Errors
/// What `run` would fail with, once the report is written; [`Failure::Output`] if it cannot be.
pub fn run(options: &CheckOptions, host: &Host<'_>, out: &mut dyn io::Write) -> Result<(), Failure> {
    let report = check(options, host);
    match write!(out, "{report}").and_then(|()| out.flush()) {
        // Whoever reads has enough; the exit code still tells.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Output(format!("the report cannot be written: {error}")))
        }
        _ => report.failure().map_or(Ok(()), Err),
    }
}

/// Looks at everything that `run` needs.
#[must_use]
pub fn check(options: &CheckOptions, host: &Host<'_>) -> Report {
    let common = &options.common;
    let mut items: Vec<_> = host.file.path().map(configured).into_iter().collect();
    items.extend(kernel::items(common, host));
    items.extend(memory::items(common, metrics_bytes(options, host), host));
    items.extend(interfaces::items(host));
    items.extend(endpoint::items(host.settings));
    Report { items }
}

fn configured(file: &Path) -> Item {
    Item::ok("configuration", format!("{} is used, where no flag or variable says otherwise", file.display()))
}

/// Bytes of the queue of metrics, if there would be any.
fn metrics_bytes(options: &CheckOptions, host: &Host<'_>) -> u64 {
    match Destination::read(Signal::Metrics, host.settings) {
        Ok(Destination::Otlp(_)) => u64::try_from(options.metrics.queue_bytes()).unwrap_or(u64::MAX),
        // What is wrong with the settings, the endpoint's item tells.
        _ => 0,
    }
}

impl From<PrivilegeError> for Failure {
    fn from(error: PrivilegeError) -> Self {
        Self::Privilege(error.to_string())
    }
}

impl From<ReleaseError> for Failure {
    fn from(error: ReleaseError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

#[cfg(test)]
mod tests;
