//! Renders the reference for readers of records.

use super::{
    COMMAND,
    model::{Attribute, Example, Plain, Reference, Requirement, Type},
    registry::Registry,
    rust::{put, sorted},
};

/// `docs/events.md`
pub(crate) fn events(registry: &Registry) -> String {
    let mut text = header("Events and resource");
    for event in &registry.events {
        put(&mut text, format_args!("\n## Event `{}`\n\n{}", event.name, event.brief));
        if let Some(note) = &event.note {
            put(&mut text, format_args!("\n{}", note.trim_end()));
        }
        table(&mut text, registry, &event.attributes);
    }
    put(&mut text, format_args!("\n## Resource\n\n{}", registry.resource.brief));
    table(&mut text, registry, &registry.resource.attributes);
    put(&mut text, format_args!("\n## Scope\n"));
    put(
        &mut text,
        format_args!("Name `{}`, schema URL `{}`.", registry.scope_name, registry.manifest.schema_url),
    );
    text
}

/// `docs/metrics.md`
pub(crate) fn metrics(registry: &Registry) -> String {
    let mut text = header("Metrics");
    for metric in registry.metrics() {
        put(&mut text, format_args!("\n## Metric `{}`\n\n{}\n", metric.name, metric.brief));
        put(&mut text, format_args!("{}, in `{}`.", metric.instrument.name(), metric.unit));
        if registry.upstream.metrics.iter().any(|upstream| upstream.name == metric.name) {
            put(&mut text, format_args!("\nDefined by OpenTelemetry {}.", registry.upstream.version));
        }
        if let Some(note) = &metric.note {
            put(&mut text, format_args!("\n{}", note.trim_end()));
        }
        if !metric.attributes.is_empty() {
            table(&mut text, registry, &metric.attributes);
        }
    }
    text
}

/// `docs/attributes.md`
pub(crate) fn attributes(registry: &Registry) -> String {
    let mut text = header("Attributes");
    for attribute in sorted(registry) {
        let Attribute { key, brief, note, stability, .. } = attribute;
        put(&mut text, format_args!("\n## `{key}`\n\n{brief}\n"));
        put(&mut text, format_args!("- Type: {}", kind(attribute)));
        put(&mut text, format_args!("- Stability: {}", stability.replace('_', " ")));
        if registry.upstream.attributes.iter().any(|upstream| upstream.key == *key) {
            put(&mut text, format_args!("- Defined by OpenTelemetry {}", registry.upstream.version));
        }
        let uses: Vec<_> = registry.references().filter(|(_, reference)| reference.key == *key).collect();
        let refined = uses.iter().flat_map(|(_, reference)| &reference.examples);
        let examples: Vec<_> = attribute.examples.iter().chain(refined).map(example).collect();
        if !examples.is_empty() {
            put(&mut text, format_args!("- Examples: {}", examples.join(", ")));
        }
        for note in note.iter().chain(uses.iter().filter_map(|(_, reference)| reference.note.as_ref())) {
            put(&mut text, format_args!("\n{}", note.trim_end()));
        }
        let values = registry.values(attribute);
        if !values.is_empty() {
            put(&mut text, format_args!("\n| Value | Meaning |\n|---|---|"));
        }
        for value in values {
            put(&mut text, format_args!("| `{}` | {} |", value.value, value.brief));
        }
    }
    text
}

fn header(title: &str) -> String {
    format!("<!-- Generated from semconv/model by `{COMMAND}`: do not edit. -->\n\n# {title}\n")
}

fn table(text: &mut String, registry: &Registry, references: &[Reference]) {
    put(text, format_args!("\n| Attribute | Type | Required | Meaning |\n|---|---|---|---|"));
    for Reference { key, requirement_level, .. } in references {
        let attribute =
            registry.attribute(key).expect("the rules reject a reference to an unknown attribute");
        let link = format!("[`{key}`](attributes.md#{})", key.replace('.', ""));
        let (kind, brief) = (kind(attribute), &attribute.brief);
        put(text, format_args!("| {link} | {kind} | {} | {brief} |", required(requirement_level)));
    }
}

fn required(level: &Requirement) -> &str {
    match level {
        Requirement::Required => "yes",
        Requirement::Recommended => "if known",
        Requirement::OptIn => "on request",
        Requirement::ConditionallyRequired(condition) => condition,
    }
}

fn kind(attribute: &Attribute) -> &'static str {
    match attribute.kind {
        Type::Enum { .. } => "enum",
        Type::Plain(Plain::String) => "string",
        Type::Plain(Plain::Int) => "int",
        Type::Plain(Plain::Double) => "double",
        Type::Plain(Plain::Boolean) => "boolean",
        Type::Plain(Plain::StringArray) => "string[]",
        Type::Plain(Plain::IntArray) => "int[]",
        Type::Plain(Plain::DoubleArray) => "double[]",
        Type::Plain(Plain::BooleanArray) => "boolean[]",
    }
}

/// As code, in the notation of JSON.
fn example(example: &Example) -> String {
    format!("`{}`", json(example))
}

fn json(example: &Example) -> String {
    match example {
        Example::Boolean(value) => value.to_string(),
        Example::Int(value) => value.to_string(),
        Example::Double(value) => value.to_string(),
        Example::String(value) => format!("{value:?}"),
        Example::List(elements) => {
            format!("[{}]", elements.iter().map(json).collect::<Vec<_>>().join(", "))
        }
    }
}
