//! Each rule rejects a registry that breaks it: the real one with one thing changed.

use std::path::Path;

use crate::generator::{
    model::{Annotations, Attribute, Example, File, Member, Metric, Plain, Reference, Requirement, Type},
    package,
    registry::{LoadError, Registry, exporter, parse},
    rules::{Violation, check},
};

/// What a change to the real registry breaks. What was broken before is another test's concern.
fn changed(change: impl FnOnce(&mut Registry)) -> Vec<Violation> {
    let mut registry = Registry::load(package()).expect("the model can be read");
    let before = check(&registry);
    change(&mut registry);
    let mut found = check(&registry);
    found.retain(|violation| !before.contains(violation));
    found
}

/// The real registry with one more attribute, which is used by the event.
fn with_attribute(key: &str) -> Vec<Violation> {
    changed(|registry| {
        let mut attribute = own(registry, "network.vlan.id").clone();
        key.clone_into(&mut attribute.key);
        registry.own.push(attribute);
        refer(registry, key);
    })
}

fn refer(registry: &mut Registry, key: &str) {
    registry.events[0].attributes.push(Reference {
        key: key.to_owned(),
        requirement_level: Requirement::Recommended,
        note: None,
        examples: Vec::new(),
        annotations: Annotations::default(),
    });
}

fn own<'a>(registry: &'a mut Registry, key: &str) -> &'a mut Attribute {
    registry.own.iter_mut().find(|attribute| attribute.key == key).expect("the model has it")
}

fn metric<'a>(registry: &'a mut Registry, name: &str) -> &'a mut Metric {
    registry.metrics.iter_mut().find(|metric| metric.name == name).expect("the model has it")
}

fn end_reasons(registry: &mut Registry) -> &mut Vec<Member> {
    match &mut own(registry, "network.flow.end_reason").kind {
        Type::Enum { members } => members,
        Type::Plain(_) => panic!("network.flow.end_reason is an enum"),
    }
}

#[test]
fn malformed_name() {
    for key in ["Network.x", "network.X", "network..x", "network.x_", "network.1-2", "1.network"] {
        assert_eq!(with_attribute(key), [Violation::Name(key.into())]);
    }
    // A word may begin with a digit unless it is the first.
    assert_eq!(with_attribute("network.8021x"), []);
}

#[test]
fn malformed_event_name() {
    let violations = changed(|registry| registry.events[0].name = "network-flow".into());
    assert_eq!(violations, [Violation::Name("network-flow".into())]);
}

#[test]
fn malformed_metric_name() {
    let violations = changed(|registry| metric(registry, "network.flow.io").name = "network-io".into());
    assert_eq!(violations, [Violation::Name("network-io".into())]);
}

#[test]
fn metric_that_is_defined_twice() {
    for name in ["network.flow.io", "otel.sdk.exporter.log.exported"] {
        let violations = changed(|registry| {
            let mut metric = registry.metrics[0].clone();
            name.clone_into(&mut metric.name);
            registry.metrics.push(metric);
        });
        assert_eq!(violations, [Violation::Duplicate(name.into())]);
    }
}

#[test]
fn name_without_namespace() {
    assert_eq!(with_attribute("bytes"), [Violation::Namespace("bytes".into())]);
}

#[test]
fn duplicate_of_upstream() {
    let violations = changed(|registry| {
        let mut attribute = own(registry, "source.mac").clone();
        attribute.key = "host.name".into();
        registry.own.push(attribute);
    });
    assert_eq!(violations, [Violation::Duplicate("host.name".into())]);
}

#[test]
fn attribute_that_is_a_namespace() {
    let key = "network.vlan";
    let prefix = |long: &str| Violation::Prefix(key.into(), long.into());
    assert_eq!(with_attribute(key), [prefix("network.vlan.id"), prefix("network.vlan.inner_id")]);
    assert_eq!(
        with_attribute("network.type.x"),
        [Violation::Prefix("network.type".into(), "network.type.x".into())]
    );
    // Only whole words make a namespace.
    assert_eq!(with_attribute("network.typed"), []);
}

#[test]
fn names_that_differ_only_in_separators() {
    let violation = Violation::Collision("network.vlan.inner_id".into(), "network.vlan_inner.id".into());
    assert_eq!(with_attribute("network.vlan_inner.id"), [violation]);
}

#[test]
fn unknown_reference() {
    let violations = changed(|registry| refer(registry, "network.unknown"));
    assert_eq!(violations, [Violation::UnknownReference("network.flow".into(), "network.unknown".into())]);
}

#[test]
fn duplicate_reference() {
    let violations = changed(|registry| refer(registry, "source.mac"));
    assert_eq!(violations, [Violation::DuplicateReference("network.flow".into(), "source.mac".into())]);
}

#[test]
fn unused_attribute() {
    let own = changed(|registry| registry.events[0].attributes.retain(|used| used.key != "network.vlan.id"));
    assert_eq!(own, [Violation::Unused("network.vlan.id".into())]);
    let upstream = changed(|registry| registry.resource.attributes.retain(|used| used.key != "os.type"));
    assert_eq!(upstream, [Violation::Unused("os.type".into())]);
}

#[test]
fn endpoint_without_counterpart() {
    let violation = |key: &str, other: &str| Violation::Mirror(key.into(), other.into());
    assert_eq!(with_attribute("source.vlan"), [violation("source.vlan", "destination.vlan")]);
    let types = changed(|registry| {
        let mac = own(registry, "source.mac");
        (mac.kind, mac.examples) = (Type::Plain(Plain::Int), vec![Example::Int(1)]);
    });
    let both = [violation("source.mac", "destination.mac"), violation("destination.mac", "source.mac")];
    assert_eq!(types, both);
    let values = changed(|registry| own(registry, "source.ip.ecn").annotations.values.truncate(3));
    let both =
        [violation("source.ip.ecn", "destination.ip.ecn"), violation("destination.ip.ecn", "source.ip.ecn")];
    assert_eq!(values, both);
}

#[test]
fn value_that_is_not_snake_case() {
    for value in ["Idle", "idle-timeout", "idle.timeout", "idle__timeout"] {
        let violations = changed(|registry| end_reasons(registry)[1].value = value.into());
        assert_eq!(violations, [Violation::Value("network.flow.end_reason".into(), value.into())]);
    }
    let id = changed(|registry| end_reasons(registry)[1].id = "Idle".into());
    assert_eq!(id, [Violation::Value("network.flow.end_reason".into(), "Idle".into())]);
    let annotated =
        changed(|registry| own(registry, "network.tcp.flags").annotations.values[0].value = "FIN".into());
    assert_eq!(annotated, [Violation::Value("network.tcp.flags".into(), "FIN".into())]);
}

#[test]
fn duplicate_value() {
    let violations = changed(|registry| {
        let first = end_reasons(registry)[0].clone();
        end_reasons(registry).push(first);
    });
    assert_eq!(
        violations,
        [Violation::DuplicateValue("network.flow.end_reason".into(), "active_timeout".into())]
    );
}

#[test]
fn brief_without_full_stop() {
    let attribute = changed(|registry| own(registry, "source.mac").brief = "A brief".into());
    assert_eq!(attribute, [Violation::FullStop("source.mac".into())]);
    let upstream = changed(|registry| registry.upstream.attributes[0].brief = "A brief".into());
    assert_eq!(upstream, [Violation::FullStop("source.address".into())]);
    let event = changed(|registry| registry.events[0].brief = "A brief".into());
    assert_eq!(event, [Violation::FullStop("network.flow".into())]);
    let metric = changed(|registry| metric(registry, "network.flow.io").brief = "A brief".into());
    assert_eq!(metric, [Violation::FullStop("network.flow.io".into())]);
    let value = changed(|registry| end_reasons(registry)[0].brief = "A brief".into());
    assert_eq!(value, [Violation::FullStop("network.flow.end_reason=active_timeout".into())]);
}

#[test]
fn long_brief() {
    let violations = changed(|registry| own(registry, "source.mac").brief = "x".repeat(90) + ".");
    assert_eq!(violations, [Violation::LongBrief("source.mac".into())]);
}

#[test]
fn stability_beyond_development() {
    let attribute = changed(|registry| own(registry, "source.mac").stability = "stable".into());
    assert_eq!(attribute, [Violation::Stability("source.mac".into())]);
    let value = changed(|registry| end_reasons(registry)[0].stability = "stable".into());
    assert_eq!(value, [Violation::Stability("network.flow.end_reason".into())]);
}

#[test]
fn example_missing_or_of_another_type() {
    let violation = |key: &str| [Violation::Example(key.into())];
    assert_eq!(changed(|registry| own(registry, "source.mac").examples.clear()), violation("source.mac"));
    let examples = [Example::Boolean(true), Example::Int(1), Example::Double(0.5)];
    for example in examples {
        let violations = changed(|registry| own(registry, "network.tcp.flags").examples.push(example));
        assert_eq!(violations, violation("network.tcp.flags"));
    }
    let nested = Example::List(vec![Example::Int(1)]);
    let violations = changed(|registry| own(registry, "network.tcp.flags").examples.push(nested));
    assert_eq!(violations, violation("network.tcp.flags"));
}

#[test]
fn another_version_of_upstream() {
    let violations = changed(|registry| registry.upstream.version = "1.43.0".into());
    assert_eq!(violations, [Violation::UpstreamVersion("1.43.0".into())]);
}

#[test]
fn every_violation_is_reported() {
    let violations = changed(|registry| {
        own(registry, "source.mac").brief = "A brief".into();
        own(registry, "source.bytes").stability = "stable".into();
    });
    assert_eq!(violations.len(), 2);
}

#[test]
fn files_in_another_format() {
    let rejected =
        |text: &str| matches!(parse::<File>(Path::new("x.yaml"), text), Err(LoadError::Parse { .. }));
    assert!(!rejected("file_format: definition/2"));
    assert!(rejected("file_format: definition/1"));
    assert!(rejected("file_format: definition/2\nattribute: []"));
    assert!(rejected("attributes: []"));
}

#[test]
fn resource_without_scope() {
    let resource = Registry::load(package()).unwrap().resource;
    assert!(exporter(vec![resource.clone()]).is_ok());
    let (mut unnamed, mut renamed) = (resource.clone(), resource.clone());
    unnamed.annotations.scope_name = None;
    renamed.id = "resource".into();
    for groups in [vec![], vec![unnamed], vec![renamed], vec![resource.clone(), resource]] {
        assert!(matches!(exporter(groups), Err(LoadError::Resource)));
    }
}
