//! Who says what a setting is: the command line before the environment before the configuration file.

use std::collections::HashMap;
use std::fmt;

/// Somebody who says settings, each under the name of its variable.
pub trait Source {
    /// What is said of the first of these variables of which something is said. An empty value says nothing.
    fn first(&self, variables: &[&str]) -> Option<Said>;

    /// What is said of one variable.
    fn value(&self, variable: &str) -> Option<String> {
        self.first(&[variable]).map(|said| said.value)
    }
}

/// What was said of a setting. It may be a secret, so there is no `Debug`.
pub struct Said {
    /// Which of the variables that were asked for it is.
    pub asked: usize,
    /// Where the user said it: the flag, the variable or the place in the file.
    pub place: String,
    /// What.
    pub value: String,
}

/// The environment.
impl<F: Fn(&str) -> Option<String>> Source for F {
    fn first(&self, variables: &[&str]) -> Option<Said> {
        variables.iter().enumerate().find_map(|(asked, variable)| {
            let value = self(variable)?.trim().to_owned();
            (!value.is_empty()).then(|| Said { asked, place: (*variable).to_owned(), value })
        })
    }
}

/// What a command line or a file says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Given(HashMap<String, (String, String)>);

impl Given {
    /// Notes what was said at a place, in the form that the variable has.
    pub fn note(&mut self, variable: impl Into<String>, place: impl Into<String>, value: impl Into<String>) {
        self.0.insert(variable.into(), (place.into(), value.into()));
    }
}

/// Without the values: they may be secrets.
impl fmt::Debug for Given {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut variables: Vec<_> = self.0.keys().collect();
        variables.sort();
        formatter.debug_tuple("Given").field(&variables).finish()
    }
}

impl Source for Given {
    fn first(&self, variables: &[&str]) -> Option<Said> {
        variables.iter().enumerate().find_map(|(asked, variable)| {
            let (place, value) = self.0.get(*variable)?;
            Some(Said { asked, place: place.clone(), value: value.clone() })
        })
    }
}

/// All who say settings. Who comes first is asked for all names of a setting before the next one is asked at all: a flag for all
/// signals goes before a variable for one of them.
pub struct Sources<'a> {
    /// The command line.
    pub flags: &'a Given,
    /// The environment.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The configuration file.
    pub file: &'a Given,
}

impl Source for Sources<'_> {
    fn first(&self, variables: &[&str]) -> Option<Said> {
        self.flags
            .first(variables)
            .or_else(|| self.environment.first(variables))
            .or_else(|| self.file.first(variables))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Destination, Signal};

    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const LOGS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT";

    fn given(said: &[(&str, &str)]) -> Given {
        let mut given = Given::default();
        for (variable, value) in said {
            given.note(*variable, "its place", *value);
        }
        given
    }

    /// Where logs go.
    fn endpoint(flags: &[(&str, &str)], environment: &[(&str, &str)], file: &[(&str, &str)]) -> String {
        let lookup = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let sources = Sources { flags: &given(flags), environment: &lookup, file: &given(file) };
        match Destination::read(Signal::Logs, &sources).unwrap() {
            Destination::Otlp(settings) => settings.endpoint_name(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_place_is_asked_for_all_names_before_the_next_one() {
        let (flag, variable, file) = ("http://flag", "http://variable", "http://file");
        let of_all = |host: &str| format!("http://{host}/v1/logs");
        let all = [(LOGS_ENDPOINT, file), (ENDPOINT, "http://file-of-all")];
        assert_eq!(endpoint(&[], &[], &all), "http://file/");
        assert_eq!(endpoint(&[], &[(ENDPOINT, variable)], &all), of_all("variable"));
        assert_eq!(endpoint(&[], &[(LOGS_ENDPOINT, variable)], &all), "http://variable/");
        assert_eq!(endpoint(&[(ENDPOINT, flag)], &[(LOGS_ENDPOINT, variable)], &all), of_all("flag"));
        for empty in ["", " "] {
            assert_eq!(endpoint(&[], &[(ENDPOINT, empty), (LOGS_ENDPOINT, empty)], &all), "http://file/");
        }
    }

    #[test]
    fn an_error_names_the_place() {
        let file = given(&[(ENDPOINT, "collector:4318")]);
        let error = Destination::read(Signal::Logs, &file).unwrap_err().to_string();
        assert!(error.starts_with("its place is \"collector:4318\", which has no scheme"), "{error}");
        let off = given(&[("OTEL_SDK_DISABLED", "true")]);
        let nothing = Destination::Nothing { variable: "its place".to_owned() };
        assert_eq!(Destination::read(Signal::Metrics, &off).unwrap(), nothing);
    }
}
