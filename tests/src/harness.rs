//! A test harness that tells why a test was ignored: without root the kernel programs cannot run.

use anyhow::Result;
use libtest_mimic::{Arguments, Trial};

/// A test that needs root.
pub type Test = (&'static str, fn() -> Result<()>);

/// Runs the tests and ends the process. Without root it says of each `ignored: NAME: REASON`.
pub fn run(tests: &[Test]) -> ! {
    let arguments = Arguments::from_args();
    let is_root = rustix::process::geteuid().is_root();
    let trials = tests
        .iter()
        .map(|&(name, test)| {
            if !is_root {
                println!("ignored: {name}: needs root to load kernel programs");
            }
            Trial::test(name, move || test().map_err(|error| format!("{error:?}").into()))
                .with_ignored_flag(!is_root)
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit()
}
