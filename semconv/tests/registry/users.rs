//! Whoever emits telemetry takes its names from here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::generator::package;

/// The code of the exporter; and what of a file is not a test of it.
const CODE: &str = "../exporter/src";
const TESTS: &str = "#[cfg(test)]\nmod tests {";

/// All names that are emitted.
fn names() -> Vec<String> {
    let generated =
        |file: &str| fs::read_to_string(package().join("src/generated").join(file)).expect("it is committed");
    let of = |text: String, field: &str| {
        let named = |rest: &str| rest.split_once('"').map(|(name, _)| name.to_owned());
        text.split(field).skip(1).filter_map(named).collect::<Vec<_>>()
    };
    let keys = of(generated("attribute.rs"), "key: \"");
    let metrics = of(generated("metric.rs"), "name: \"");
    let events = of(generated("event.rs"), "name: \"");
    [keys, metrics, events].concat()
}

/// Lines, by number, with a string literal that is one of the names.
fn spelled<'a>(code: &'a str, names: &'a [String]) -> impl Iterator<Item = (usize, &'a str)> {
    let code = code.split(TESTS).next().unwrap_or_default();
    let is_spelled = |line: &str| {
        !line.trim_start().starts_with("//") && names.iter().any(|name| line.contains(&format!("\"{name}\"")))
    };
    (1..).zip(code.lines()).filter(move |(_, line)| is_spelled(line))
}

/// Source files below a folder, without those that are tests as a whole.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be listed").path());
    let is_test = |path: &Path| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        name == "tests" || name.ends_with("_tests")
    };
    entries
        .filter(|path| !is_test(path))
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[test]
fn the_exporter_spells_no_name() {
    let names = names();
    let files = files(&package().join(CODE));
    assert!(names.len() > 100 && files.len() > 100, "{} names, {} files", names.len(), files.len());
    let mut found = Vec::new();
    for file in files {
        let code = fs::read_to_string(&file).expect("it is text");
        let place = |(number, line): (usize, &str)| format!("{}:{number}: {}", file.display(), line.trim());
        found.extend(spelled(&code, &names).map(place));
    }
    assert!(found.is_empty(), "take from `semconv::attribute`, `metric` or `event`: {found:#?}");
}

#[test]
fn a_name_is_found_in_code_alone() {
    let names = ["source.port".to_owned()];
    let code = format!(
        "// \"source.port\"\nlet key = \"source.port\";\nsay(\"the source.port\");\n{TESTS}\n\"source.port\""
    );
    assert_eq!(spelled(&code, &names).map(|(number, _)| number).collect::<Vec<_>>(), [2]);
}
