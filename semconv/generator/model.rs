//! The registry's files as they are written: the part of weaver's `definition/2` that this registry uses.
//!
//! Unknown fields are errors, so that a misspelt one is not silently without effect.

use serde::Deserialize;

/// `manifest.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) schema_url: String,
    #[serde(rename = "description")]
    pub(crate) _description: String,
    #[serde(rename = "stability")]
    pub(crate) _stability: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// A registry that ours refers to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dependency {
    pub(crate) schema_url: String,
    #[serde(rename = "registry_path")]
    pub(crate) _registry_path: String,
}

/// `upstream.yaml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upstream {
    pub(crate) version: String,
    pub(crate) attributes: Vec<Attribute>,
    #[serde(default)]
    pub(crate) metrics: Vec<Metric>,
}

/// Any other file of the model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(rename = "file_format")]
    pub(crate) _format: Format,
    #[serde(default)]
    pub(crate) attributes: Vec<Attribute>,
    #[serde(default)]
    pub(crate) attribute_groups: Vec<Group>,
    #[serde(default)]
    pub(crate) events: Vec<Event>,
    #[serde(default)]
    pub(crate) metrics: Vec<Metric>,
    #[serde(default, rename = "imports")]
    pub(crate) _imports: Option<Imports>,
}

/// The one format that is understood.
#[derive(Clone, Debug, Deserialize)]
pub(crate) enum Format {
    #[serde(rename = "definition/2")]
    Definition2,
}

/// Signals of upstream that we emit, and entities that our signals are about; only weaver looks at them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Imports {
    #[serde(rename = "entities")]
    pub(crate) _entities: Vec<String>,
    #[serde(default, rename = "metrics")]
    pub(crate) _metrics: Vec<String>,
}

/// Definition of an attribute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) key: String,
    #[serde(rename = "type")]
    pub(crate) kind: Type,
    pub(crate) stability: String,
    pub(crate) brief: String,
    pub(crate) note: Option<String>,
    #[serde(default)]
    pub(crate) examples: Vec<Example>,
    #[serde(default)]
    pub(crate) annotations: Annotations,
}

/// Type of an attribute: plain, or a list of known values.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Type {
    Plain(Plain),
    Enum { members: Vec<Member> },
}

/// Types without known values.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(crate) enum Plain {
    #[serde(rename = "string")]
    String,
    #[serde(rename = "int")]
    Int,
    #[serde(rename = "double")]
    Double,
    #[serde(rename = "boolean")]
    Boolean,
    #[serde(rename = "string[]")]
    StringArray,
    #[serde(rename = "int[]")]
    IntArray,
    #[serde(rename = "double[]")]
    DoubleArray,
    #[serde(rename = "boolean[]")]
    BooleanArray,
}

/// A known value of an attribute.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) value: String,
    pub(crate) brief: String,
    pub(crate) stability: String,
}

/// A value as an attribute of the given type could have it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Example {
    Boolean(bool),
    Int(i64),
    Double(f64),
    String(String),
    List(Vec<Example>),
}

/// What weaver's format has no field for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Annotations {
    /// Known values of an array, which cannot be an enum, or values that we add to an enum of upstream.
    #[serde(default)]
    pub(crate) values: Vec<Member>,
    /// Name of the instrumentation scope.
    pub(crate) scope_name: Option<String>,
}

/// A list of attributes that is not a signal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) id: String,
    #[serde(rename = "visibility")]
    pub(crate) _visibility: String,
    #[serde(rename = "stability")]
    pub(crate) _stability: String,
    pub(crate) brief: String,
    #[serde(default)]
    pub(crate) annotations: Annotations,
    pub(crate) attributes: Vec<Reference>,
}

/// Definition of an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) name: String,
    #[serde(rename = "stability")]
    pub(crate) _stability: String,
    #[serde(rename = "requirement_level")]
    pub(crate) _requirement_level: Requirement,
    pub(crate) brief: String,
    pub(crate) note: Option<String>,
    #[serde(rename = "entity_associations")]
    pub(crate) _entity_associations: Vec<String>,
    pub(crate) attributes: Vec<Reference>,
}

/// Definition of a metric.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) instrument: Instrument,
    /// In the notation of UCUM.
    pub(crate) unit: String,
    #[serde(rename = "stability")]
    pub(crate) _stability: String,
    #[serde(rename = "requirement_level")]
    pub(crate) _requirement_level: Requirement,
    pub(crate) brief: String,
    pub(crate) note: Option<String>,
    #[serde(rename = "entity_associations")]
    pub(crate) _entity_associations: Vec<String>,
    pub(crate) attributes: Vec<Reference>,
}

/// The instruments that are used.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Instrument {
    Counter,
    UpDownCounter,
    Histogram,
}

impl Instrument {
    /// Name of the variant of the constants' `Instrument`, and of the kind in the reference.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "Counter",
            Self::UpDownCounter => "UpDownCounter",
            Self::Histogram => "Histogram",
        }
    }
}

/// Use of an attribute, with what is special about it there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reference {
    #[serde(rename = "ref")]
    pub(crate) key: String,
    pub(crate) requirement_level: Requirement,
    pub(crate) note: Option<String>,
    #[serde(default)]
    pub(crate) examples: Vec<Example>,
    #[serde(default)]
    pub(crate) annotations: Annotations,
}

/// When an attribute has to be there.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Requirement {
    Required,
    Recommended,
    OptIn,
    ConditionallyRequired(String),
}
