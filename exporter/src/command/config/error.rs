//! Why a configuration file cannot be used.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::tree::{Place, Unreadable};

/// Why a configuration file cannot be used. No sentence repeats a value that may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read at all.
    #[error("cannot read the configuration file {}: {source}; correct --config or OTEL_FLOW_EXPORTER_CONFIG", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no YAML.
    #[error("{}", Unread(path, unreadable))]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Where, and why.
        unreadable: NoYaml,
    },
    /// It is YAML, but not what can be set: all mistakes at once, a line for each.
    #[error("{}", Mistakes(path, mistakes))]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// In the order of the file.
        mistakes: Vec<Mistake>,
    },
}

/// Why a text is no YAML.
#[derive(Debug)]
pub struct NoYaml(pub(super) Unreadable);

/// Something in a file that cannot be followed.
#[derive(Debug)]
pub struct Mistake {
    pub(super) place: Place,
    pub(super) problem: Problem,
}

/// What is wrong with it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("the file has to be a mapping of keys to values, such as memory: 128MiB")]
    NoMapping,
    #[error("{key} is no setting{}", nearest.as_ref().map_or_else(String::new, |nearest| format!("; did you mean {nearest}?")))]
    Unknown { key: String, nearest: Option<String> },
    #[error("{key} takes one value")]
    NoValue { key: String },
    #[error("{key} takes a value, or a list of values")]
    NoList { key: String },
    #[error("{key} takes a mapping: indented lines of key: value below it")]
    NoSection { key: String },
    #[error("{key} takes a mapping of names to values, and every name needs one")]
    NoPairs { key: String },
    #[error("{key} is {value:?}: {why}")]
    Value { key: String, value: String, why: String },
}

struct Unread<'a>(&'a PathBuf, &'a NoYaml);

impl fmt::Display for Unread<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, NoYaml(Unreadable { place, why })) = self;
        match place {
            Some(place) => write!(formatter, "{}:{place}: {why}", path.display()),
            None => write!(formatter, "{}: {why}", path.display()),
        }
    }
}

struct Mistakes<'a>(&'a PathBuf, &'a [Mistake]);

impl fmt::Display for Mistakes<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, mistakes) = self;
        for (number, Mistake { place, problem }) in mistakes.iter().enumerate() {
            let line_end = if number == 0 { "" } else { "\n" };
            write!(formatter, "{line_end}{}:{place}: {problem}", path.display())?;
        }
        Ok(())
    }
}
