//! Options that say which packets are counted.

use clap::Args;

use crate::command::Failure;
use crate::kernel::Filter;

/// Which packets are counted.
#[derive(Clone, Debug, Args)]
pub struct FilterOptions {
    /// Which packets are seen: 'reject udp port 53', 'accept 10.0.0.0/8 <-> any'; the first rule that fits decides, what none fits is
    /// accepted; several times, or with ; between rules. docs/filters.md has all of it [default: everything]
    #[arg(long = "filter", value_name = "RULE", env = "OTEL_FLOW_EXPORTER_FILTER")]
    pub filter: Vec<String>,
}

impl FilterOptions {
    /// The filter that the options say.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a rule that is none.
    pub(super) fn filter(&self) -> Result<Filter, Failure> {
        Filter::parse(self.filter.iter().map(String::as_str))
            .map_err(|error| Failure::Usage(format!("--filter: {error}")))
    }
}
