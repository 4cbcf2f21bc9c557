//! The kinds of telemetry, each with its own variables and its own path at a receiver.

/// A kind of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Log records: `opentelemetry.proto.collector.logs.v1`.
    Logs,
    /// Metrics: `opentelemetry.proto.collector.metrics.v1`.
    Metrics,
}

impl Signal {
    /// The names of a setting: `ENDPOINT` is `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, and for all signals `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(super) fn variables(self, setting: &str) -> [String; 2] {
        let signal = match self {
            Self::Logs => "LOGS",
            Self::Metrics => "METRICS",
        };
        [format!("OTEL_EXPORTER_OTLP_{signal}_{setting}"), format!("OTEL_EXPORTER_OTLP_{setting}")]
    }

    /// The variable that says whether the signal is exported, and by what.
    pub(super) const fn exporter_variable(self) -> &'static str {
        match self {
            Self::Logs => "OTEL_LOGS_EXPORTER",
            Self::Metrics => "OTEL_METRICS_EXPORTER",
        }
    }

    /// What it consists of, in a sentence.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Logs => "log records",
            Self::Metrics => "metrics",
        }
    }

    /// What an endpoint for all signals gets behind its own path (OTLP specification, "OTLP/HTTP Request").
    pub(super) fn http_path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// The path of the service's method.
    pub(super) fn grpc_path(self) -> &'static str {
        match self {
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }
}
