//! Runs tests that need the kernel's privilege, or reports them as ignored.
#![expect(clippy::print_stdout, reason = "a test harness reports on stdout")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use libtest_mimic::{Arguments, Trial};

/// A name and what to run.
pub type Test = (&'static str, fn() -> Result<()>);

/// Runs the tests that the command line asks for. Without root they are ignored, each with the reason.
#[must_use]
pub fn run_privileged(tests: impl IntoIterator<Item = Test>) -> ExitCode {
    let arguments = Arguments::from_args();
    let reason =
        (!rustix::process::geteuid().is_root()).then_some("needs root, for eBPF and network namespaces");
    let trials = tests
        .into_iter()
        .map(|(name, test)| {
            if let Some(reason) = reason
                && !arguments.list
            {
                println!("ignored: {name}: {reason}");
            }
            Trial::test(name, move || test().map_err(|error| format!("{error:#}").into()))
                .with_ignored_flag(reason.is_some())
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Waits until a condition holds.
///
/// # Errors
/// If it does not hold in time, or cannot be told.
pub fn until(what: &str, within: Duration, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + within;
    while !holds()? {
        if Instant::now() > deadline {
            bail!("not within {within:?}: {what}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
