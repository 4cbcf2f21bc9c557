//! What the registry's format does not enforce: rules on names, on texts and on what belongs together.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{
    model::{Attribute, Example, Plain, Type},
    registry::Registry,
};

/// Longest brief that leaves a generated definition and a table row readable.
const BRIEF_MAX: usize = 90;

/// A rule that the registry breaks.
#[derive(Debug, Eq, Error, PartialEq)]
pub(crate) enum Violation {
    #[error("`{0}` is not a name: lower-case words of letters and digits, joined by `.` or `_`")]
    Name(String),
    #[error("the attribute `{0}` has no namespace")]
    Namespace(String),
    #[error("`{0}` is defined twice")]
    Duplicate(String),
    #[error("`{0}` is both an attribute and the namespace of `{1}`")]
    Prefix(String, String),
    #[error("`{0}` and `{1}` become one name where `.` turns into `_`")]
    Collision(String, String),
    #[error("`{0}` refers to `{1}`, which neither the model nor upstream.yaml defines")]
    UnknownReference(String, String),
    #[error("`{0}` refers to `{1}` twice")]
    DuplicateReference(String, String),
    #[error("nothing uses the attribute `{0}`")]
    Unused(String),
    #[error("`{0}` has no counterpart `{1}` with the same type and values")]
    Mirror(String, String),
    #[error("`{0}` has the value `{1}`, which is not snake_case")]
    Value(String, String),
    #[error("`{0}` has the value `{1}` twice")]
    DuplicateValue(String, String),
    #[error("the brief of `{0}` does not end with a full stop")]
    FullStop(String),
    #[error("the brief of `{0}` is longer than {BRIEF_MAX} characters")]
    LongBrief(String),
    #[error("`{0}` is not in development, as every name of ours is")]
    Stability(String),
    #[error("`{0}` has no example of its type")]
    Example(String),
    #[error("upstream.yaml describes version {0}, and the manifest depends on another one")]
    UpstreamVersion(String),
}

/// All violations, not just the first.
pub(crate) fn check(registry: &Registry) -> Vec<Violation> {
    let mut found = names(registry);
    found.extend(references(registry));
    for attribute in registry.attributes() {
        found.extend(values(registry, attribute));
        found.extend(mirror(registry, attribute));
    }
    found.extend(briefs(registry));
    found.extend(registry.own.iter().flat_map(definition));
    found.extend(upstream_version(registry));
    found
}

fn upstream_version(registry: &Registry) -> Option<Violation> {
    let version = &registry.upstream.version;
    let suffix = format!("/{version}");
    let known = registry.manifest.dependencies.iter().any(|upstream| upstream.schema_url.ends_with(&suffix));
    (!known).then(|| Violation::UpstreamVersion(version.clone()))
}

fn names(registry: &Registry) -> Vec<Violation> {
    let mut found = Vec::new();
    let keys: Vec<_> = registry.attributes().map(|attribute| attribute.key.as_str()).collect();
    let events: Vec<_> = registry.events.iter().map(|event| event.name.as_str()).collect();
    let metrics: Vec<_> = registry.metrics().map(|metric| metric.name.as_str()).collect();
    for name in keys.iter().chain(&events).chain(&metrics) {
        if !is_name(name) {
            found.push(Violation::Name((*name).to_owned()));
        }
    }
    for key in &keys {
        if !key.contains('.') {
            found.push(Violation::Namespace((*key).to_owned()));
        }
    }
    for names in [&keys, &events, &metrics] {
        for (one, other) in pairs(names) {
            found.extend(conflict(one, other));
        }
    }
    found
}

/// Why two names of one kind cannot both exist.
fn conflict(one: &str, other: &str) -> Option<Violation> {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if short == long {
        return Some(Violation::Duplicate(short.to_owned()));
    }
    if long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.')) {
        return Some(Violation::Prefix(short.to_owned(), long.to_owned()));
    }
    let collide = short.replace('.', "_") == long.replace('.', "_");
    collide.then(|| Violation::Collision(one.to_owned(), other.to_owned()))
}

/// `^[a-z][a-z0-9]*([._][a-z0-9]+)*$`
fn is_name(name: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split(['.', '_']).all(word)
}

fn references(registry: &Registry) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (by, reference) in registry.references() {
        if registry.attribute(&reference.key).is_none() {
            found.push(Violation::UnknownReference(by.to_owned(), reference.key.clone()));
        }
        if !seen.insert((by, &reference.key)) {
            found.push(Violation::DuplicateReference(by.to_owned(), reference.key.clone()));
        }
    }
    let used: BTreeSet<_> = registry.references().map(|(_, reference)| &reference.key).collect();
    let unused = registry.attributes().filter(|attribute| !used.contains(&attribute.key));
    found.extend(unused.map(|attribute| Violation::Unused(attribute.key.clone())));
    found
}

fn values(registry: &Registry, attribute: &Attribute) -> Vec<Violation> {
    let mut found = Vec::new();
    let key = &attribute.key;
    let values = registry.values(attribute);
    for member in &values {
        for word in BTreeSet::from([&member.id, &member.value]) {
            if word.contains('.') || !is_name(word) {
                found.push(Violation::Value(key.clone(), word.clone()));
            }
        }
        if !member.brief.ends_with('.') {
            found.push(Violation::FullStop(format!("{key}={}", member.value)));
        }
    }
    for (one, other) in pairs(&values) {
        if one.id == other.id || one.value == other.value {
            found.push(Violation::DuplicateValue(key.clone(), other.value.clone()));
        }
    }
    found
}

/// The two endpoints have the same names, so that whatever is done for one works for the other.
fn mirror(registry: &Registry, attribute: &Attribute) -> Option<Violation> {
    let key = &attribute.key;
    let counterpart = match key.split_once('.')? {
        ("source", rest) => format!("destination.{rest}"),
        ("destination", rest) => format!("source.{rest}"),
        _ => return None,
    };
    let same = |other: &Attribute| {
        let types = match (&attribute.kind, &other.kind) {
            (Type::Plain(one), Type::Plain(other)) => one == other,
            (Type::Enum { .. }, Type::Enum { .. }) => true,
            _ => false,
        };
        types && registry.values(attribute) == registry.values(other)
    };
    let mirrored = registry.attribute(&counterpart).is_some_and(same);
    (!mirrored).then(|| Violation::Mirror(key.clone(), counterpart))
}

fn briefs(registry: &Registry) -> Vec<Violation> {
    let mut found = Vec::new();
    let attributes = registry.attributes().map(|attribute| (&attribute.key, &attribute.brief));
    let events = registry.events.iter().map(|event| (&event.name, &event.brief));
    let metrics = registry.metrics().map(|metric| (&metric.name, &metric.brief));
    for (name, brief) in
        attributes.chain(events).chain(metrics).chain([(&registry.resource.id, &registry.resource.brief)])
    {
        if !brief.ends_with('.') {
            found.push(Violation::FullStop(name.clone()));
        }
        if brief.chars().count() > BRIEF_MAX {
            found.push(Violation::LongBrief(name.clone()));
        }
    }
    found
}

/// What a definition of ours has to say beyond upstream's.
fn definition(attribute: &Attribute) -> Vec<Violation> {
    let mut found = Vec::new();
    let members = match &attribute.kind {
        Type::Enum { members } => members.as_slice(),
        Type::Plain(_) => &attribute.annotations.values,
    };
    let stabilities = members.iter().map(|member| &member.stability).chain([&attribute.stability]);
    if stabilities.into_iter().any(|stability| stability != "development") {
        found.push(Violation::Stability(attribute.key.clone()));
    }
    if let Type::Plain(kind) = attribute.kind {
        let examples = &attribute.examples;
        if examples.is_empty() || !examples.iter().all(|example| fits(kind, example)) {
            found.push(Violation::Example(attribute.key.clone()));
        }
    }
    found
}

fn fits(kind: Plain, example: &Example) -> bool {
    let element = match kind {
        Plain::StringArray => Plain::String,
        Plain::IntArray => Plain::Int,
        Plain::DoubleArray => Plain::Double,
        Plain::BooleanArray => Plain::Boolean,
        scalar => {
            return matches!(
                (scalar, example),
                (Plain::String, Example::String(_))
                    | (Plain::Int, Example::Int(_))
                    | (Plain::Double, Example::Double(_))
                    | (Plain::Boolean, Example::Boolean(_))
            );
        }
    };
    matches!(example, Example::List(elements) if elements.iter().all(|example| fits(element, example)))
}

/// Every two elements once.
fn pairs<T>(all: &[T]) -> impl Iterator<Item = (&T, &T)> {
    all.iter().enumerate().flat_map(|(index, one)| all[index + 1..].iter().map(move |other| (one, other)))
}
