//! The committed code and docs are what the generator makes of the model.

use std::{collections::BTreeSet, fs};

use semconv::{attribute, event, metric, resource, value};

use crate::generator::{COMMAND, artifacts, package, registry::Registry, rules};

/// Folders in which every file is generated.
const FOLDERS: [&str; 2] = ["src/generated", "docs"];

#[test]
fn model_keeps_the_rules() {
    assert_eq!(rules::check(&Registry::load(package()).unwrap()), []);
}

#[test]
fn files_equal_what_the_generator_makes() {
    for artifact in artifacts(&Registry::load(package()).unwrap()) {
        let committed = fs::read_to_string(package().join(artifact.path)).unwrap_or_default();
        let same = committed == artifact.content;
        assert!(same, "semconv/{} is not what the model says. Run `{COMMAND}`.", artifact.path);
    }
}

#[test]
fn folders_hold_nothing_else() {
    let artifacts = artifacts(&Registry::load(package()).unwrap());
    let expected: BTreeSet<_> = artifacts.iter().map(|artifact| package().join(artifact.path)).collect();
    let files = |folder| fs::read_dir(package().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let found: BTreeSet<_> = FOLDERS.into_iter().flat_map(files).collect();
    assert_eq!(found, expected);
}

#[test]
fn constants_say_what_the_model_says() {
    assert_eq!(event::NETWORK_FLOW.name, "network.flow");
    assert_eq!(attribute::SOURCE_BYTES.key, "source.bytes");
    assert_eq!(attribute::SOURCE_BYTES.kind, semconv::Kind::Int);
    assert_eq!(value::network_flow_end_reason::ACTIVE_TIMEOUT, "active_timeout");
    assert!(event::NETWORK_FLOW.attributes.contains(&attribute::NETWORK_TRANSPORT));
    assert!(event::NETWORK_FLOW.required.contains(&attribute::NETWORK_FLOW_ID));
    assert!(!event::NETWORK_FLOW.required.contains(&attribute::SOURCE_ADDRESS));
    assert_eq!((metric::NETWORK_FLOW_IO.name, metric::NETWORK_FLOW_IO.unit), ("network.flow.io", "By"));
    assert!(resource::ATTRIBUTES.contains(&attribute::SERVICE_INSTANCE_ID));
}
