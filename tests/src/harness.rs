//! Runs tests that need privilege or more, or reports them as ignored.
#![expect(clippy::print_stdout, reason = "a test harness reports on stdout")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use libtest_mimic::{Arguments, Trial};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A name and what to run.
pub type Test = (&'static str, fn() -> Result<()>);

/// Runs the tests that the command line asks for. Without root they are ignored, each with the reason.
#[must_use]
pub fn run_privileged(tests: impl IntoIterator<Item = Test>) -> ExitCode {
    run(tests, needs_root())
}

/// What is missing where nobody is root.
#[must_use]
pub fn needs_root() -> Option<&'static str> {
    (!rustix::process::geteuid().is_root()).then_some("needs root, for eBPF and network namespaces")
}

/// Runs the tests that the command line asks for. Where something is missing they are ignored, each with the reason.
#[must_use]
pub fn run(tests: impl IntoIterator<Item = Test>, missing: Option<&str>) -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = tests
        .into_iter()
        .map(|(name, test)| {
            if let Some(reason) = missing
                && !arguments.list
            {
                println!("ignored: {name}: {reason}");
            }
            Trial::test(name, move || test().map_err(|error| format!("{error:#}").into()))
                .with_ignored_flag(missing.is_some())
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Binds the thread, and those that it begins from now on, to one CPU.
///
/// # Errors
/// Where the kernel refuses.
pub fn stay_on_one_cpu() -> Result<()> {
    let may = sched_getaffinity(None).context("which CPUs there are")?;
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|&cpu| may.is_set(cpu)).context("no CPU")?);
    sched_setaffinity(None, &one).context("cannot stay on one CPU")
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

/// Tries until something succeeds.
///
/// # Errors
/// The last one, if it does not succeed in time.
pub fn eventually<T>(within: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        match attempt() {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(error.context(format!("still so after {within:?}"))),
            done => return done,
        }
    }
}
