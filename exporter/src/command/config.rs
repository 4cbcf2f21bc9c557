//! The configuration file: YAML that says what flags and variables say.
//!
//! Its keys are the names of the flags that have a variable, as clap has them, and those of the export
//! ([`FileSetting`]); there is no other list. What the file says of an option becomes clap's default of it, so that its values
//! are read as the flag's are, and flags and variables go before it.

mod error;
mod known;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

pub use self::error::ConfigError;
use self::error::{Mistake, NoYaml, Problem};
use self::known::Known;
use self::tree::{Part, Place, Value};
use crate::command::options::milliseconds;
use crate::command::value;
use crate::export::{FileSetting, Form, Given};

/// What would end a pair, or the value in it, in a variable with a list of them.
const IN_A_LIST: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b';').add(b'=');

/// What a file says. Without a file, nothing.
#[derive(Clone, Debug, Default)]
pub struct ConfigFile {
    path: Option<PathBuf>,
    /// Values of options by their flags' names.
    options: Vec<(String, Vec<String>)>,
    given: Given,
}

impl ConfigFile {
    /// Reads a file about what `run`, clap's command, and the export can be told.
    ///
    /// # Errors
    /// [`ConfigError`]: all that is wrong with the file.
    pub(super) fn read(path: &Path, run: &Command) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text, run)
    }

    pub(super) fn parse(path: &Path, text: &str, run: &Command) -> Result<Self, ConfigError> {
        let known = Known::new(run);
        let tree = tree::parse(text).map_err(|unreadable| ConfigError::Yaml {
            path: path.to_owned(),
            unreadable: NoYaml(unreadable),
        })?;
        let file = Self { path: Some(path.to_owned()), ..Self::default() };
        let mut reader = Reader { known: &known, path, file, mistakes: Vec::new() };
        reader.document(tree);
        let Reader { file, mistakes, .. } = reader;
        if mistakes.is_empty() {
            Ok(file)
        } else {
            Err(ConfigError::Mistakes { path: path.to_owned(), mistakes })
        }
    }

    /// The file, if there is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What it says of the export.
    pub(super) fn given(&self) -> &Given {
        &self.given
    }

    /// A command whose options have the defaults that the file says, where they have a variable: so the options of `flows` that are
    /// for the moment stay as they are.
    pub(super) fn defaults(&self, command: Command) -> Command {
        command.mut_args(|argument| match self.values(&argument) {
            Some(values) => argument.default_values(values),
            None => argument,
        })
    }

    fn values(&self, argument: &Arg) -> Option<Vec<String>> {
        let name = argument.get_long().filter(|_| argument.get_env().is_some())?;
        self.options.iter().find(|(known, _)| known == name).map(|(_, values)| values.clone())
    }
}

/// Goes through a file and notes what it says, and what is wrong with it.
struct Reader<'a> {
    known: &'a Known,
    path: &'a Path,
    file: ConfigFile,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn document(&mut self, Part { place, value }: Part) {
        match value {
            Value::Nothing => {}
            Value::Mapping(entries) => self.mapping("", entries),
            Value::Text(_) | Value::List(_) => self.wrong(place, Problem::NoMapping),
        }
    }

    /// `section` ends with a dot, or is empty.
    fn mapping(&mut self, section: &str, entries: Vec<(Place, String, Part)>) {
        let known = self.known;
        for (place, key, part) in entries {
            let key = format!("{section}{key}");
            if let Some(option) = known.option(&key) {
                self.option(option, key, part);
            } else if let Some(setting) = known.setting(&key) {
                self.setting(setting, part);
            } else if known.is_section(&key) {
                match part.value {
                    Value::Nothing => {}
                    Value::Mapping(entries) => self.mapping(&format!("{key}."), entries),
                    Value::Text(_) | Value::List(_) => self.wrong(part.place, Problem::NoSection { key }),
                }
            } else {
                let nearest = known.nearest(&key);
                self.wrong(place, Problem::Unknown { key, nearest });
            }
        }
    }

    fn option(&mut self, option: &Arg, key: String, Part { place, value }: Part) {
        let values = match (value, known::takes_list(option)) {
            (Value::Nothing, _) => return,
            (Value::Text(text), _) if text.trim().is_empty() => return,
            (Value::Text(text), _) => vec![text],
            (Value::List(parts), true) => {
                let texts = parts.into_iter().map(|part| match part.value {
                    Value::Text(text) => Ok(text),
                    _ => Err(part.place),
                });
                match texts.collect() {
                    Ok(texts) => texts,
                    Err(place) => return self.wrong(place, Problem::NoList { key }),
                }
            }
            (_, true) => return self.wrong(place, Problem::NoList { key }),
            (_, false) => return self.wrong(place, Problem::NoValue { key }),
        };
        match known::refused(option, &values) {
            Some(why) => self.wrong(place, Problem::Value { key, value: values.join(", "), why }),
            None if values.is_empty() => {}
            None => self.file.options.push((key, values)),
        }
    }

    fn setting(&mut self, setting: &FileSetting, Part { place, value }: Part) {
        let key = setting.path.clone();
        let value = match (setting.form, value) {
            (_, Value::Nothing) => return,
            (Form::Pairs, Value::Mapping(entries)) => match pairs(entries) {
                Ok(list) => list,
                Err(place) => return self.wrong(place, Problem::NoPairs { key }),
            },
            (Form::Pairs, _) => return self.wrong(place, Problem::NoPairs { key }),
            (form, Value::Text(text)) => match in_a_variable(form, text.trim()) {
                Ok(value) => value,
                Err(why) => return self.wrong(place, Problem::Value { key, value: text, why }),
            },
            (_, Value::List(_) | Value::Mapping(_)) => return self.wrong(place, Problem::NoValue { key }),
        };
        if !value.is_empty() {
            let said_at = format!("{}:{place}: {key}", self.path.display());
            self.file.given.note(&setting.variable, said_at, value);
        }
    }

    fn wrong(&mut self, place: Place, problem: Problem) {
        self.mistakes.push(Mistake { place, problem });
    }
}

/// A value as its variable has it.
fn in_a_variable(form: Form, text: &str) -> Result<String, String> {
    match form {
        _ if text.is_empty() => Ok(String::new()),
        Form::Text | Form::Pairs => Ok(text.to_owned()),
        Form::Word(words) if words.contains(&text) => Ok(text.to_owned()),
        Form::Word(words) => Err(format!("write one of {}", words.join(", "))),
        Form::Boolean if ["true", "false"].contains(&text) => Ok(text.to_owned()),
        Form::Boolean => Err("write true or false".to_owned()),
        Form::Duration => value::duration(text).map(|duration| milliseconds(&duration)),
    }
}

/// `name=value,...` with percent-encoded values, as OpenTelemetry's variables have it.
fn pairs(entries: Vec<(Place, String, Part)>) -> Result<String, Place> {
    let encoded = |text: &str| utf8_percent_encode(text, IN_A_LIST).to_string();
    let pair = |(_, name, part): (_, String, Part)| match part.value {
        Value::Text(value) => Ok(format!("{}={}", encoded(&name), encoded(&value))),
        _ => Err(part.place),
    };
    Ok(entries.into_iter().map(pair).collect::<Result<Vec<_>, _>>()?.join(","))
}

#[cfg(test)]
mod tests;
