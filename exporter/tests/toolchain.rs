//! Without the BPF toolchain `cargo check` works, and a build says what to do.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use anyhow::{Context, Result, ensure};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
const REMEDY: &str = "Run scripts/setup";

fn rustc() -> Command {
    let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.args(["--edition", "2024"]);
    command
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// Runs this package's build script where there is no bpf-linker. Gives what it says to Cargo.
fn build_script(folder: &Path) -> Result<String> {
    let script = folder.join("script");
    let compiled = rustc().arg(Path::new(PACKAGE).join("build.rs")).arg("-o").arg(&script).output()?;
    ensure!(compiled.status.success(), "{}", text(&compiled));
    let ran = Command::new(script)
        .env_clear()
        .env("PATH", folder)
        .env("CARGO_MANIFEST_DIR", PACKAGE)
        .env("OUT_DIR", folder)
        .output()?;
    ensure!(ran.status.success(), "{}", text(&ran));
    Ok(String::from_utf8(ran.stdout)?)
}

/// A program that uses the object as the exporter does.
fn program(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("program.rs");
    let object = Path::new(PACKAGE).join("src/kernel/object.rs");
    let code = format!("#[path = \"{}\"]\nmod object;\nfn main() {{ object::bytes(); }}\n", object.display());
    fs::write(&program, code)?;
    Ok(program)
}

#[test]
fn without_the_bpf_toolchain_a_check_passes_and_a_build_names_the_remedy() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let said = build_script(folder)?;
    let warning = said.lines().find(|line| line.starts_with("cargo::warning=")).context(said.clone())?;
    ensure!(warning.contains("bpf-linker is not in PATH") && warning.contains(REMEDY), "{warning}");

    let program = program(folder)?;
    let compile = |emit: &str| {
        rustc().arg(&program).arg(emit).arg("--out-dir").arg(folder).env("OUT_DIR", folder).output()
    };
    let checked = compile("--emit=metadata")?;
    ensure!(checked.status.success(), "{}", text(&checked));
    let built = compile("--emit=link")?;
    ensure!(!built.status.success() && text(&built).contains(REMEDY), "{}", text(&built));
    Ok(())
}
