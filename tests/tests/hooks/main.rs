//! Hooks on real interfaces, in network namespaces of their own.

mod agent;
mod churn;
mod follow;
mod kernel;
mod leftovers;
mod namespaces;
mod order;
mod verdicts;

use std::io::Write;
use std::process::ExitCode;

use flow_tests::harness;

fn main() -> ExitCode {
    match agent::run_if_told() {
        None => harness::run_privileged(
            [order::TESTS, verdicts::TESTS, leftovers::TESTS, follow::TESTS, churn::TESTS, namespaces::TESTS]
                .concat(),
        ),
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            // Where the test reads.
            let _ = writeln!(std::io::stdout(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}
