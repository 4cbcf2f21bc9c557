//! Builds the kernel programs and hands their object to `src/kernel/object.rs`.
//!
//! Cargo runs this script again when a source of the programs changes, so the embedded object is never stale. Where the BPF
//! toolchain is missing the script does not fail, so that `cargo check`, clippy and rust-analyzer work: it writes an object
//! whose use fails the build with the remedy, and only code generation uses it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const TARGET: &str = "bpfel-unknown-none";
/// v3 for 32-bit jumps and arithmetic (kernel 5.1).
const RUSTFLAGS: [&str; 4] = ["-Clinker=bpf-linker", "-Ctarget-cpu=v3", "-Cdebuginfo=2", "-Clink-arg=--btf"];
const READY_OBJECT: &str = "EXPORTER_BPF_OBJECT";

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("..");
    let programs = root.join("exporter-ebpf");
    for input in ["Cargo.toml", "Cargo.lock", "src", "abi", "packet", "benches"] {
        println!("cargo::rerun-if-changed={}", programs.join(input).display());
    }
    println!("cargo::rerun-if-changed={}", root.join("rust-toolchain.toml").display());
    println!("cargo::rerun-if-env-changed={READY_OBJECT}");
    commit(&root);

    let out = PathBuf::from(variable("OUT_DIR"));
    let source = match object(&programs, &out) {
        Ok(object) => {
            copy(&object, &out.join("exporter.o"));
            variants(&object, &out.join("variants.o"));
            "impl<T: ?Sized> Object<T> {\n    pub(super) const BYTES: &[u8] = aya::include_bytes_aligned!(concat!(env!(\"OUT_DIR\"), \"/exporter.o\"));\n}\n".to_owned()
        }
        Err(reason) => {
            println!("cargo::warning={reason}");
            format!(
                "impl<T: ?Sized> Object<T> {{\n    pub(super) const BYTES: &[u8] = panic!({reason:?});\n}}\n"
            )
        }
    };
    fs::write(out.join("object.rs"), source).expect("cargo provides a writable OUT_DIR");
}

/// What benches/kernel measures the programs against is built with them. It is not part of a release's object.
fn variants(object: &Path, to: &Path) {
    let variants = object.with_file_name("variants");
    if env::var_os(READY_OBJECT).is_none() {
        copy(&variants, to);
        println!("cargo::rustc-env=EXPORTER_BPF_VARIANTS={}", to.display());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap_or_else(|error| panic!("cannot copy {}: {error}", from.display()));
}

/// Where the object is, or what is missing to build it.
fn object(programs: &Path, out: &Path) -> Result<PathBuf, String> {
    if let Some(ready) = env::var_os(READY_OBJECT) {
        return Ok(PathBuf::from(ready));
    }
    if Command::new("bpf-linker").arg("--version").output().is_err() {
        return Err(missing("bpf-linker is not in PATH"));
    }
    // One build of the programs for the debug, release and clippy builds of this package.
    let target_dir = out.ancestors().nth(4).expect("OUT_DIR is target/profile/build/package/out").join("bpf");
    let mut cargo = toolchain()?;
    // Cargo, clippy and rustup set these for this package's own build.
    for inherited in
        ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET"]
    {
        cargo.env_remove(inherited);
    }
    let status = cargo
        .current_dir(programs)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", RUSTFLAGS.join("\u{1f}"))
        .args(["build", "--release", "--locked", "--target", TARGET, "--target-dir"])
        .arg(&target_dir)
        .status()
        .map_err(|error| missing(&format!("cargo does not start: {error}")))?;
    assert!(status.success(), "the kernel programs do not build, see above");
    Ok(target_dir.join(TARGET).join("release/exporter"))
}

/// The running toolchain, if it can build `core` for the target; else a distribution's, if it brings it ready-made.
fn toolchain() -> Result<Command, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    if printed(&rustc, &["--print", "sysroot"])
        .is_some_and(|sysroot| Path::new(&sysroot).join("lib/rustlib/src/rust/library").is_dir())
    {
        let mut cargo = Command::new(variable("CARGO"));
        cargo.env_remove("RUSTC").args(["-Z", "build-std=core"]);
        return Ok(cargo);
    }
    let distribution = OsString::from("/usr/bin/rustc");
    if printed(&distribution, &["--print", "target-libdir", "--target", TARGET])
        .is_some_and(|directory| Path::new(&directory).is_dir())
    {
        let mut cargo = Command::new("/usr/bin/cargo");
        cargo.env("RUSTC", distribution).env_remove("RUSTUP_TOOLCHAIN");
        return Ok(cargo);
    }
    Err(missing("the toolchain has no `core` for the BPF target (component rust-src)"))
}

fn missing(what: &str) -> String {
    format!(
        "the kernel programs cannot be built: {what}. Run scripts/setup, or set {READY_OBJECT} to the object of a release"
    )
}

fn printed(command: &OsString, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new(command).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The commit for `--version`, where there is a repository.
fn commit(root: &Path) {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={}", root.join(log).display());
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown commit".to_owned());
    println!("cargo::rustc-env=EXPORTER_COMMIT={commit}");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
