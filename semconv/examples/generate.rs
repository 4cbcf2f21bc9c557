//! Writes `src/generated` and `docs` from the model, if the model keeps the rules.

#[path = "../generator/mod.rs"]
mod generator;

use std::{
    error::Error,
    fs,
    io::{self, Write},
    process::ExitCode,
};

use generator::{artifacts, package, registry::Registry, rules};

fn main() -> ExitCode {
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<(), Box<dyn Error>> {
    let registry = Registry::load(package())?;
    let violations = rules::check(&registry);
    if !violations.is_empty() {
        let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
        return Err(lines.join("\n").into());
    }
    for artifact in artifacts(&registry) {
        fs::write(package().join(artifact.path), artifact.content)?;
    }
    Ok(())
}
