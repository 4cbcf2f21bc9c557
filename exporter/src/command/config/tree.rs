//! A YAML document as a tree in which everything has its place.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, MessageFormatter, Options, Spanned, UserMessageFormatter};

/// A line and a column, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    line: u64,
    column: u64,
}

/// A part of the document. It may be a secret, so there is no `Debug`.
pub(super) struct Part {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a part is.
pub(super) enum Value {
    /// A key without a value.
    Nothing,
    /// A scalar as it was written, whatever type YAML would have it be.
    Text(String),
    List(Vec<Part>),
    Mapping(Vec<(Place, String, Part)>),
}

/// Why a text is no YAML.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) place: Option<Place>,
    pub(super) why: String,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }
}

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<Part, Unreadable> {
    let options: Options = serde_saphyr::options! {
        // They would show the lines around a mistake, which may hold secrets.
        with_snippet: false,
        // `no` is a word, and `010` is no eight.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        reject_unsupported_tags: true,
    };
    let node: Spanned<Node> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        Unreadable { place: error.location().map(Place::from), why: why(error.without_snippet()) }
    })?;
    Ok(part(node, text))
}

fn why(error: &Error) -> String {
    match error {
        // The parser would repeat it, and it may be a value without its quotes.
        Error::UnsupportedTag { .. } => "a value that begins with ! needs quotes".to_owned(),
        error => UserMessageFormatter.format_message(error).into_owned(),
    }
}

fn part(Spanned { value, referenced, defined }: Spanned<Node>, text: &str) -> Part {
    let value = match value {
        Node::Nothing => Value::Nothing,
        Node::Text(value) => Value::Text(value),
        Node::Typed(value) => Value::Text(written(defined, text).unwrap_or(value)),
        Node::List(nodes) => Value::List(nodes.into_iter().map(|node| part(node, text)).collect()),
        Node::Mapping(entries) => {
            let entry = |(key, node): (Spanned<String>, _)| {
                (Place::from(key.referenced), key.value, part(node, text))
            };
            Value::Mapping(entries.into_iter().map(entry).collect())
        }
    };
    Part { place: referenced.into(), value }
}

/// How a number or the like was written: `1.10` is another header than `1.1`.
fn written(location: Location, text: &str) -> Option<String> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let len = usize::try_from(location.span().byte_len()?).ok()?;
    Some(text.get(start..start + len)?.trim().to_owned())
}

/// What the parser makes of a part.
enum Node {
    Nothing,
    Text(String),
    /// A scalar that YAML has a type for, which may not be as it was written.
    Typed(String),
    List(Vec<Spanned<Node>>),
    Mapping(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Typed(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Typed(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Typed(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Typed(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in a form that is easy to compare.
    fn shown(part: &Part) -> String {
        let place = part.place;
        match &part.value {
            Value::Nothing => format!("{place} -"),
            Value::Text(text) => format!("{place} {text}"),
            Value::List(parts) => {
                format!("[{}]", parts.iter().map(shown).collect::<Vec<_>>().join(", "))
            }
            Value::Mapping(entries) => {
                let entry = |(place, key, part): &(_, _, _)| format!("{place} {key}: {}", shown(part));
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }

    fn tree(text: &str) -> String {
        parse(text).map_or_else(|error| format!("{error:?}"), |part| shown(&part))
    }

    #[test]
    fn everything_has_its_place() {
        let expected = "{1:1 a: 1:4 x, 2:1 b: [3:5 y, 4:5 z], 5:1 c: {6:3 d: 6:6 w}}";
        assert_eq!(tree("a: x\nb:\n  - y\n  - z\nc:\n  d: w\n"), expected);
        assert_eq!(tree("a: [x, 'y']"), "{1:1 a: [1:5 x, 1:8 y]}");
    }

    #[test]
    fn a_scalar_is_what_was_written() {
        for scalar in ["1.10", "0x10", "007", "1_000", "no", "true", "-5", "1e3", "256MiB", "10s", "+7"] {
            let Value::Mapping(entries) = parse(&format!("ä: ü\na: {scalar} # b\nc: d\n")).unwrap().value
            else {
                panic!("a mapping")
            };
            let Value::Text(text) = &entries[1].2.value else { panic!("{scalar} is text") };
            assert_eq!(text, scalar);
        }
        assert!(tree("a: \"1.10\"\nb: ''").ends_with("1:4 1.10, 2:1 b: 2:4 }"));
        assert!(tree("a:\nb: null").contains("a: 1:2 -"), "{}", tree("a:\nb: null"));
    }

    #[test]
    fn what_an_alias_names_is_read() {
        assert!(tree("a: &x 1.10\nb: *x").ends_with("1.10}"), "{}", tree("a: &x 1.10\nb: *x"));
    }

    #[test]
    fn what_is_no_yaml_has_a_place_and_is_not_repeated() {
        for text in [
            "a: 1\na: secret",
            "a: 'secret",
            "a: [secret",
            "a: !secret x",
            "a: 1\n---\nsecret: 1",
            "a: {secret: 1\nb: 2",
            "a: *secret",
            "a:\n\tsecret: 1",
            "'secret': : x",
        ] {
            let error = parse(text).err().unwrap_or_else(|| panic!("{text:?} is wrong"));
            assert!(error.place.is_some(), "{text:?}: {error:?}");
            assert!(!error.why.contains('\n'), "{text:?}: {error:?}");
            assert!(!error.why.contains("secret") && !error.why.contains("Options"), "{text:?}: {error:?}");
        }
    }
}
