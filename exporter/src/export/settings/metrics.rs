//! What only metrics have: how often they are sent, what their points are the sum of, how distributions are told.

use std::time::Duration;

use crate::export::settings::{SettingsError, Source, Variable, Variables, names, timeout};
use crate::export::signal::Signal;
use crate::flow::{HistogramKind, Temporality};

/// The specification's, "Periodic exporting `MetricReader`".
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);

/// How metrics are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsSettings {
    /// The time between two points of a series.
    pub interval: Duration,
    /// What a point is the sum of.
    pub temporality: Temporality,
    /// The same of asynchronous counters, which observe a sum that somebody else keeps: metrics of flows are none.
    pub asynchronous: Temporality,
    /// How a distribution is told.
    pub histogram: HistogramKind,
}

impl MetricsSettings {
    /// Reads what is said of metrics.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the place and the remedy.
    pub fn read(source: &dyn Source) -> Result<Self, SettingsError> {
        let variables = Variables { signal: Signal::Metrics, source };
        let (interval, preference) =
            (variables.variable(names::INTERVAL), variables.variable(names::TEMPORALITY));
        let aggregation = variables.variable(names::HISTOGRAM);
        let preference = preference.map(temporality).transpose()?.unwrap_or_default();
        let [temporality, asynchronous] = preference;
        Ok(Self {
            interval: interval.map(timeout).transpose()?.unwrap_or(DEFAULT_INTERVAL),
            temporality,
            asynchronous,
            histogram: aggregation.map(histogram).transpose()?.unwrap_or_default(),
        })
    }
}

/// Of what is counted, and of asynchronous counters: `lowmemory` wants what takes no memory for either.
fn temporality(Variable { name, value, .. }: Variable) -> Result<[Temporality; 2], SettingsError> {
    match value.to_ascii_lowercase().as_str() {
        "cumulative" => Ok([Temporality::Cumulative; 2]),
        "delta" => Ok([Temporality::Delta; 2]),
        "lowmemory" => Ok([Temporality::Delta, Temporality::Cumulative]),
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
