//! Without the BPF toolchain `cargo check` works, and a build says what to do.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

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
fn build_script(folder: &Path) -> String {
    let script = folder.join("script");
    let compiled = rustc().arg(Path::new(PACKAGE).join("build.rs")).arg("-o").arg(&script).output().unwrap();
    assert!(compiled.status.success(), "{}", text(&compiled));
    let ran = Command::new(script)
        .env_clear()
        .env("PATH", folder)
        .env("CARGO_MANIFEST_DIR", PACKAGE)
        .env("OUT_DIR", folder)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", text(&ran));
    String::from_utf8(ran.stdout).unwrap()
}

/// A program that uses the object as the exporter does.
fn program(folder: &Path) -> PathBuf {
    let program = folder.join("program.rs");
    let object = Path::new(PACKAGE).join("src/kernel/object.rs");
    fs::write(&program, format!("#[path = {object:?}]\nmod object;\nfn main() {{ object::bytes(); }}\n"))
        .unwrap();
    program
}

#[test]
fn without_the_bpf_toolchain_a_check_passes_and_a_build_names_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let said = build_script(folder.path());
    let warning = said.lines().find(|line| line.starts_with("cargo::warning=")).expect(&said);
    assert!(warning.contains("bpf-linker is not in PATH") && warning.contains(REMEDY), "{warning}");

    let program = program(folder.path());
    let compile = |emit: &str| {
        rustc()
            .arg(&program)
            .arg(emit)
            .arg("--out-dir")
            .arg(folder.path())
            .env("OUT_DIR", folder.path())
            .output()
            .unwrap()
    };
    let checked = compile("--emit=metadata");
    assert!(checked.status.success(), "{}", text(&checked));
    let built = compile("--emit=link");
    assert!(!built.status.success() && text(&built).contains(REMEDY), "{}", text(&built));
}
