//! The agent's own metrics: the SDK's provider, and its two readers.

use std::fmt;
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;
use semconv::{SCHEMA_URL, SCOPE_NAME};

use super::instruments;
use super::push::Push;
use super::sources::Sources;

/// Collects the agent's own metrics: from time to time for a receiver, and when the listener asks.
pub(crate) struct Metrics {
    provider: SdkMeterProvider,
    registry: Registry,
}

/// Why there are no own metrics.
#[derive(Debug, thiserror::Error)]
#[error("cannot prepare the agent's own metrics: {0}")]
pub(crate) struct StartError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Begins to collect, for a receiver if there is one.
    ///
    /// # Errors
    /// [`StartError`] if the parts do not fit together.
    pub(crate) fn start(
        resource: Resource,
        sources: &Arc<Sources>,
        push: Option<Push>,
    ) -> Result<Self, StartError> {
        let registry = Registry::new();
        // The Resource is in `target_info`, and there is but one scope.
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
        let exporter =
            exporter.scope_info_enabled(false).build().map_err(|error| StartError(error.into()))?;
        let mut provider = SdkMeterProvider::builder().with_resource(resource).with_reader(exporter);
        if let Some(push) = push {
            provider = provider.with_reader(push.reader());
        }
        let provider = provider.build();
        let scope = InstrumentationScope::builder(SCOPE_NAME)
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(SCHEMA_URL)
            .build();
        instruments::register(&provider.meter_with_scope(scope), sources);
        Ok(Self { provider, registry })
    }

    /// What gives the metrics as of the moment in which it is asked.
    pub(crate) fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Collects a last time for the receiver.
    pub(crate) fn finish(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!("the last of the agent's own metrics are missing: {error}");
        }
    }
}
