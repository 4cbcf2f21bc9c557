//! Renders the constants. The code is laid out as rustfmt would, so that formatting never changes a generated file.

use std::fmt::Write;

use super::{
    COMMAND,
    model::{Attribute, Plain, Reference, Requirement, Type},
    registry::Registry,
};

/// `max_width` of the workspace's rustfmt.toml.
const MAX_WIDTH: usize = 110;

/// `src/generated/mod.rs`
pub(crate) fn constants(registry: &Registry) -> String {
    let mut code = header("The registry as constants.");
    let schema_url = &registry.manifest.schema_url;
    let scope_name = &registry.scope_name;
    code += "\npub mod attribute;\npub mod event;\npub mod metric;\npub mod resource;\npub mod value;\n";
    put(&mut code, format_args!("\n/// Schema URL of the scope: which version of the names a record uses."));
    put(&mut code, format_args!("pub const SCHEMA_URL: &str = {schema_url:?};"));
    put(&mut code, format_args!("\n/// Name of the instrumentation scope."));
    put(&mut code, format_args!("pub const SCOPE_NAME: &str = {scope_name:?};"));
    code
}

/// `src/generated/attribute.rs`
pub(crate) fn attributes(registry: &Registry) -> String {
    let mut code = header("Every attribute that is emitted, our own and OpenTelemetry's, by name.");
    code += "\nuse crate::{Attribute, Kind};\n";
    for attribute in sorted(registry) {
        let Attribute { key, brief, .. } = attribute;
        let constant = constant(key);
        let fields = [
            format!("key: {key:?}"),
            format!("kind: Kind::{}", kind(attribute)),
            format!("brief: {brief:?}"),
        ];
        put(&mut code, format_args!("\n/// {brief}"));
        let start = format!("pub const {constant}: Attribute =");
        let value = format!("Attribute {{ {} }};", fields.join(", "));
        if start.len() + " ".len() + value.len() <= MAX_WIDTH {
            put(&mut code, format_args!("{start} {value}"));
        } else if "    ".len() + value.len() <= MAX_WIDTH {
            put(&mut code, format_args!("{start}\n    {value}"));
        } else {
            put(&mut code, format_args!("{start} Attribute {{\n    {},\n}};", fields.join(",\n    ")));
        }
    }
    code
}

/// `src/generated/event.rs`
pub(crate) fn events(registry: &Registry) -> String {
    let mut code = header("Every event, with its attributes in the order of the registry.");
    code += "\nuse crate::{Event, attribute};\n";
    for event in &registry.events {
        let required = event
            .attributes
            .iter()
            .filter(|reference| matches!(reference.requirement_level, Requirement::Required));
        put(&mut code, format_args!("\n/// {}", event.brief));
        put(&mut code, format_args!("pub const {}: Event = Event {{", constant(&event.name)));
        put(&mut code, format_args!("    name: {:?},", event.name));
        put(&mut code, format_args!("    {},", list("attributes: ", &event.attributes, 4)));
        put(&mut code, format_args!("    {},\n}};", list("required: ", required, 4)));
    }
    code
}

/// `src/generated/metric.rs`
pub(crate) fn metrics(registry: &Registry) -> String {
    let mut code = header("Every metric, with its attributes in the order of the registry.");
    code += "\nuse crate::{Instrument, Metric, attribute};\n";
    for metric in registry.metrics() {
        put(&mut code, format_args!("\n/// {}", metric.brief));
        put(&mut code, format_args!("pub const {}: Metric = Metric {{", constant(&metric.name)));
        put(&mut code, format_args!("    name: {:?},", metric.name));
        put(&mut code, format_args!("    instrument: Instrument::{},", metric.instrument.name()));
        put(&mut code, format_args!("    unit: {:?},", metric.unit));
        put(&mut code, format_args!("    brief: {:?},", metric.brief));
        put(&mut code, format_args!("    {},\n}};", list("attributes: ", &metric.attributes, 4)));
    }
    code
}

/// `src/generated/resource.rs`
pub(crate) fn resource(registry: &Registry) -> String {
    let mut code = header("The exporter's resource.");
    code += "\nuse crate::{Attribute, attribute};\n";
    put(&mut code, format_args!("\n/// {}", registry.resource.brief));
    let list = list("pub const ATTRIBUTES: &[Attribute] = ", &registry.resource.attributes, 0);
    put(&mut code, format_args!("{list};"));
    code
}

/// `src/generated/value.rs`
pub(crate) fn values(registry: &Registry) -> String {
    let mut code = header("Known values of attributes, a module for each attribute.");
    for attribute in sorted(registry) {
        let key = &attribute.key;
        let values = registry.values(attribute);
        // The two endpoints have the same values, so one module without the side serves both.
        if values.is_empty() || key.starts_with("destination.") {
            continue;
        }
        let (names, shared) = match key.strip_prefix("source.") {
            Some(rest) => (format!("`{key}` and `destination.{rest}`"), rest),
            None => (format!("`{key}`"), key.as_str()),
        };
        put(&mut code, format_args!("\n/// Values of {names}."));
        put(&mut code, format_args!("pub mod {} {{", shared.replace('.', "_")));
        for (index, value) in values.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            put(&mut code, format_args!("{gap}    /// {}", value.brief));
            put(&mut code, format_args!("    pub const {}: &str = {:?};", constant(&value.id), value.value));
        }
        code += "}\n";
    }
    code
}

fn header(subject: &str) -> String {
    format!("//! {subject}\n//!\n//! Generated from `semconv/model` by `{COMMAND}`: do not edit.\n")
}

/// Attributes by name, because the order of the model's files means nothing to a reader of the code.
pub(crate) fn sorted(registry: &Registry) -> Vec<&Attribute> {
    let mut attributes: Vec<_> = registry.attributes().collect();
    attributes.sort_by(|one, other| one.key.cmp(&other.key));
    attributes
}

fn constant(name: &str) -> String {
    name.replace('.', "_").to_uppercase()
}

/// Name of the variant of `Kind`; an enum's values are strings.
fn kind(attribute: &Attribute) -> &'static str {
    match attribute.kind {
        Type::Enum { .. } | Type::Plain(Plain::String) => "String",
        Type::Plain(Plain::Int) => "Int",
        Type::Plain(Plain::Double) => "Double",
        Type::Plain(Plain::Boolean) => "Boolean",
        Type::Plain(Plain::StringArray) => "StringArray",
        Type::Plain(Plain::IntArray) => "IntArray",
        Type::Plain(Plain::DoubleArray) => "DoubleArray",
        Type::Plain(Plain::BooleanArray) => "BooleanArray",
    }
}

/// The list as the value of what stands before it in its line, after `indent` spaces.
fn list<'a>(before: &str, references: impl IntoIterator<Item = &'a Reference>, indent: usize) -> String {
    let names: Vec<_> =
        references.into_iter().map(|reference| format!("attribute::{}", constant(&reference.key))).collect();
    let line = format!("{before}&[{}]", names.join(", "));
    // A comma or semicolon follows.
    if indent + line.len() < MAX_WIDTH {
        return line;
    }
    let mut lines = format!("{before}&[\n");
    for name in names {
        put(&mut lines, format_args!("{:indent$}    {name},", ""));
    }
    lines + &format!("{:indent$}]", "")
}

/// Appends a line.
pub(crate) fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}
