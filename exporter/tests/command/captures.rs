//! The captures of `tests/captures` through the program itself.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use semconv::attribute;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::program::{Ended, output};

/// Where the cases are; its README says what is in a case.
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/captures");
/// That of the system: it has scapy.
const PYTHON: &str = "/usr/bin/python3";

/// What the program has to make of a capture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Attributes of each record; `null` is one that is not there. Not there itself: any records.
    flows: Option<Vec<Map<String, Value>>>,
    /// Whether it comes by standard input.
    #[serde(default)]
    stdin: bool,
    #[serde(default)]
    exit: i32,
    /// On standard error.
    #[serde(default)]
    says: Vec<String>,
}

/// Runs a script of the cases.
pub(crate) fn script(name: &str, arguments: &[&Path]) -> Result<()> {
    let mut python = Command::new(PYTHON);
    // It leaves no compiled modules between the sources.
    let made = python.arg("-B").arg(Path::new(CASES).join(name)).args(arguments).output()?;
    ensure!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr).trim());
    Ok(())
}

/// Replays a file to its end, whatever that is.
pub(crate) fn replay(file: &Path, options: &[&str]) -> Result<Ended> {
    output(program().arg(file).args(options))
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otel-flow-exporter"));
    command.args(["replay", "--format", "json"]).env_remove("RUST_LOG");
    command
}

/// The records of a run, however it ended.
fn records(ended: &Ended) -> Result<Vec<Value>> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
}

/// All cases; says all that is wrong, not only the first.
pub(crate) fn as_expected() -> Result<()> {
    let folder = tempfile::tempdir()?;
    script("make.py", &[folder.path()])?;
    let mut cases: Vec<PathBuf> =
        fs::read_dir(CASES)?.map(|entry| Ok(entry?.path().join("expected.json"))).collect::<Result<_>>()?;
    cases.retain(|expected| expected.exists());
    cases.sort();
    ensure!(!cases.is_empty(), "no cases in {CASES}");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|expected| case(expected, folder.path()).err().map(|error| format!("{error:#}")))
        .collect();
    ensure!(wrong.is_empty(), "{} of {} captures:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    Ok(())
}

fn case(expected: &Path, captures: &Path) -> Result<()> {
    let name = expected.parent().and_then(Path::file_name).context("a folder")?.to_string_lossy();
    let expected: Expected =
        serde_json::from_slice(&fs::read(expected)?).with_context(|| name.to_string())?;
    let capture = captures.join(format!("{name}.capture"));
    let ended = if expected.stdin {
        output(program().arg("-").stdin(File::open(capture)?))?
    } else {
        replay(&capture, &[])?
    };
    ensure_as(&expected, &ended)
        .with_context(|| format!("{name}: {}{}", ended.stdout, ended.stderr.trim_end()))
}

fn ensure_as(expected: &Expected, ended: &Ended) -> Result<()> {
    ensure!(ended.status.code() == Some(expected.exit), "{}, not {}", ended.status, expected.exit);
    for words in &expected.says {
        ensure!(ended.stderr.contains(words), "does not say {words:?}");
    }
    let mut records = records(ended)?;
    ensure_all_counted(&records, &ended.stderr)?;
    let Some(flows) = &expected.flows else { return Ok(()) };
    for flow in flows {
        let is_it =
            |record: &Value| flow.iter().all(|(key, value)| record.get(key).unwrap_or(&Value::Null) == value);
        let Some(at) = records.iter().position(is_it) else {
            bail!("no record is {}", nearest(flow, &records))
        };
        records.swap_remove(at);
    }
    ensure!(records.is_empty(), "{} records more than expected", records.len());
    Ok(())
}

/// Every frame is in a record, was seen at a second interface, or is not IP.
fn ensure_all_counted(records: &[Value], said: &str) -> Result<()> {
    // N frames: N packets in flows, N seen at a second interface, N not IP, 0 filtered, N without endpoints
    let Some(summary) = said.lines().find(|line| line.contains(" frames: ")) else { return Ok(()) };
    let numbers: Vec<u64> = summary.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [frames, _, second, not_ip, 0, _] = numbers[..] else { bail!("another summary: {summary}") };
    let count = |record: &Value, of: semconv::Attribute| record[of.key].as_u64().unwrap_or_default();
    let counted: u64 = records
        .iter()
        .map(|record| {
            count(record, attribute::SOURCE_PACKETS) + count(record, attribute::DESTINATION_PACKETS)
        })
        .sum();
    ensure!(counted + second + not_ip == frames, "{counted} packets in records");
    Ok(())
}

/// What was looked for, with what the record that has the most of it has in its place.
fn nearest(flow: &Map<String, Value>, records: &[Value]) -> String {
    let differences = |record: &Value| -> Vec<String> {
        let of = |key: &String| record.get(key).unwrap_or(&Value::Null).clone();
        flow.iter()
            .filter(|(key, value)| of(key) != **value)
            .map(|(key, value)| format!("{key} {value} (but {})", of(key)))
            .collect()
    };
    let nearest = records.iter().map(differences).min_by_key(Vec::len);
    nearest.map_or_else(|| "there".to_owned(), |differences| differences.join(", "))
}
