//! Whether a signal is exported at all, and by what.

use crate::export::settings::{Settings, SettingsError, Variable, Variables, boolean};
use crate::export::signal::Signal;

const DISABLED: &str = "OTEL_SDK_DISABLED";

/// What becomes of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// It goes to a receiver.
    Otlp(Box<Settings>),
    /// It is printed: log records alone.
    Console,
    /// Nobody said anything.
    Unset,
    /// It is not wanted.
    Nothing {
        /// The variable that says so.
        variable: &'static str,
    },
}

impl Destination {
    /// Reads the variables through a look-up by name.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the variable and the remedy.
    pub fn read(signal: Signal, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variables = Variables { signal, lookup };
        let exporter = signal.exporter_variable();
        if is_disabled(&variables) {
            return Ok(Self::Nothing { variable: DISABLED });
        }
        let otlp = || Settings::read(signal, lookup);
        let Some(Variable { value, .. }) = variables.variable(exporter) else {
            return Ok(otlp()?.map_or(Self::Unset, |settings| Self::Otlp(Box::new(settings))));
        };
        match (value.as_str(), signal) {
            ("none", _) => Ok(Self::Nothing { variable: exporter }),
            ("console", Signal::Logs) => Ok(Self::Console),
            ("otlp", _) => match otlp()? {
                Some(settings) => Ok(Self::Otlp(Box::new(settings))),
                None => Settings::of(&variables, &default_endpoint(&variables)).map(Box::new).map(Self::Otlp),
            },
            (_, Signal::Logs) => {
                Err(SettingsError::Exporter { variable: exporter, value, known: "otlp, console, none" })
            }
            (_, Signal::Metrics) => {
                Err(SettingsError::Exporter { variable: exporter, value, known: "otlp, none" })
            }
        }
    }
}

/// Any other value than `true` means no, and a wrong one is to be warned about (OpenTelemetry specification, "Environment
/// Variable Specification", "Boolean value").
fn is_disabled(variables: &Variables<'_>) -> bool {
    let Some(variable) = variables.variable(DISABLED) else { return false };
    boolean(variable).unwrap_or_else(|error| {
        // Of all signals the first one says so for all of them.
        if variables.signal == Signal::Logs {
            tracing::warn!(cause = %error, "the value counts as false: the export is on");
        }
        false
    })
}

/// The specification's, for who asks for OTLP and says no more.
fn default_endpoint(variables: &Variables<'_>) -> Variable {
    let grpc = variables.setting("PROTOCOL").is_some_and(|protocol| protocol.value == "grpc");
    let value = if grpc { "http://localhost:4317" } else { "http://localhost:4318" };
    Variable { name: "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), value: value.to_owned(), of_signal: false }
}
