//! Options that say which packets are counted.

use std::num::NonZeroU32;

use clap::Args;

use crate::command::Failure;
use crate::kernel::{Filter, FilterError};

/// The option whose values make sense together only.
pub(super) const FILTER: &str = "filter";

/// Which packets are counted.
#[derive(Clone, Debug, Args)]
pub struct FilterOptions {
    /// Which packets are seen: 'reject udp port 53', 'accept 10.0.0.0/8 <-> any'; the first rule that fits decides, what none fits is
    /// accepted; several times, or with ; between rules. docs/filters.md has all of it [default: everything]
    #[arg(long = FILTER, value_name = "RULE", env = "OTEL_FLOW_EXPORTER_FILTER")]
    pub filter: Vec<String>,
    /// Count one flow in so many, always the same ones; docs/sampling.md says what figures then mean
    #[arg(long, value_name = "NUMBER", default_value = "1", env = "OTEL_FLOW_EXPORTER_SAMPLE")]
    pub sample: NonZeroU32,
}

impl FilterOptions {
    /// The filter that the options say.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a rule that is none.
    pub(super) fn filter(&self) -> Result<Filter, Failure> {
        rules(&self.filter)
            .map(|filter| filter.sampled(self.sample))
            .map_err(|error| Failure::Usage(format!("--filter: {error}")))
    }
}

/// The filter that values of the option are.
pub(super) fn rules(values: &[String]) -> Result<Filter, FilterError> {
    Filter::parse(values.iter().map(String::as_str))
}
