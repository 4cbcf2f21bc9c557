//! Whether a signal is exported at all, and by what.

use crate::export::settings::{Settings, SettingsError, Source, Variable, Variables, boolean, names};
use crate::export::signal::Signal;

/// What becomes of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// It goes to a receiver.
    Otlp(Box<Settings>),
    /// It is printed.
    Console,
    /// Nobody said anything.
    Unset,
    /// It is not wanted.
    Nothing {
        /// The variable that says so, or the place in the file.
        variable: String,
    },
}

impl Destination {
    /// Reads what is said of a signal.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the place and the remedy.
    pub fn read(signal: Signal, source: &dyn Source) -> Result<Self, SettingsError> {
        let variables = Variables { signal, source };
        if let Some(variable) = disabled_by(&variables) {
            return Ok(Self::Nothing { variable });
        }
        let otlp = || Settings::read(signal, source);
        let Some(Variable { name: variable, value, .. }) = variables.variable(signal.exporter_variable())
        else {
            return Ok(otlp()?.map_or(Self::Unset, |settings| Self::Otlp(Box::new(settings))));
        };
        match value.as_str() {
            "none" => Ok(Self::Nothing { variable }),
            "console" => Ok(Self::Console),
            "otlp" => match otlp()? {
                Some(settings) => Ok(Self::Otlp(Box::new(settings))),
                None => Settings::of(&variables, &default_endpoint(&variables)).map(Box::new).map(Self::Otlp),
            },
            _ => Err(SettingsError::Exporter { variable, value }),
        }
    }
}

/// Who says that nothing is exported. Any other value than `true` means no, and a wrong one is to be warned about (OpenTelemetry
/// specification, "Environment Variable Specification", "Boolean value").
fn disabled_by(variables: &Variables<'_>) -> Option<String> {
    let variable = variables.variable(names::DISABLED)?;
    let name = variable.name.clone();
    let disabled = boolean(variable).unwrap_or_else(|error| {
        // Of all signals the first one says so for all of them.
        if variables.signal == Signal::Logs {
            tracing::warn!(cause = %error, "the value counts as false: the export is on");
        }
        false
    });
    disabled.then_some(name)
}

/// The specification's, for who asks for OTLP and says no more.
fn default_endpoint(variables: &Variables<'_>) -> Variable {
    let grpc = variables.setting(names::PROTOCOL).is_some_and(|protocol| protocol.value == "grpc");
    let value = if grpc { "http://localhost:4317" } else { "http://localhost:4318" };
    Variable { name: names::ENDPOINT.variable(), value: value.to_owned(), of_signal: false }
}
