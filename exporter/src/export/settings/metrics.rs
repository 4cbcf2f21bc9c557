//! What only metrics have: how often they are sent, what their points are the sum of, how distributions are told.

use std::time::Duration;

use crate::export::settings::{SettingsError, Variable, Variables, timeout};
use crate::export::signal::Signal;
use crate::flow::{HistogramKind, Temporality};

const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
/// The specification's, "Periodic exporting `MetricReader`".
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);

/// How metrics are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The time between two points of a series.
    pub interval: Duration,
    /// What a point is the sum of.
    pub temporality: Temporality,
    /// How a distribution is told.
    pub histogram: HistogramKind,
}

impl MetricsSettings {
    /// Reads the variables through a look-up by name.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the variable and the remedy.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variables = Variables { signal: Signal::Metrics, lookup };
        // The specification has no such variables for all signals.
        let [preference, _] = Signal::Metrics.variables("TEMPORALITY_PREFERENCE");
        let [aggregation, _] = Signal::Metrics.variables("DEFAULT_HISTOGRAM_AGGREGATION");
        Ok(Self {
            interval: variables.variable(INTERVAL).map(timeout).transpose()?.unwrap_or(DEFAULT_INTERVAL),
            temporality: variables.variable(&preference).map(temporality).transpose()?.unwrap_or_default(),
            histogram: variables.variable(&aggregation).map(histogram).transpose()?.unwrap_or_default(),
        })
    }
}

/// Every metric is a counter or a histogram, of which `lowmemory` wants deltas.
fn temporality(Variable { name, value, .. }: Variable) -> Result<Temporality, SettingsError> {
    match value.to_ascii_lowercase().as_str() {
        "cumulative" => Ok(Temporality::Cumulative),
        "delta" | "lowmemory" => Ok(Temporality::Delta),
        _ => Err(SettingsError::Temporality { variable: name, value }),
    }
}

fn histogram(Variable { name, value, .. }: Variable) -> Result<HistogramKind, SettingsError> {
    match value.to_ascii_lowercase().as_str() {
        "explicit_bucket_histogram" => Ok(HistogramKind::Explicit),
        "base2_exponential_bucket_histogram" => Ok(HistogramKind::Exponential),
        _ => Err(SettingsError::Histogram { variable: name, value }),
    }
}
