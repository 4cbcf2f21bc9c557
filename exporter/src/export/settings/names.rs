//! The settings of an export under all their names: the one list of what can be set, for the environment, the command line and the
//! configuration file.

use crate::export::signal::Signal;

/// A setting that there is for all signals and again for each of them.
///
/// The specification's variables are `OTEL_EXPORTER_OTLP_CLIENT_KEY` and `OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY`; the flag is
/// `--otlp-client-key`; the file has it as `otlp.client-key` and `otlp.logs.client-key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What its variables end with.
    pub(super) suffix: &'static str,
    /// What a user writes.
    pub form: Form,
    /// What it says, for help texts.
    pub meaning: &'static str,
}

/// What a user writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text that is taken as it is.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Yes or no.
    Boolean,
    /// Milliseconds in a variable, a time with its unit elsewhere.
    Duration,
    /// Names with values, which may be secrets: percent-encoded in a variable, a mapping in a file, and not on a command line, which
    /// every user of the machine can read.
    Pairs,
}

/// Where requests go.
pub(super) const ENDPOINT: Setting = Setting {
    suffix: "ENDPOINT",
    form: Form::Text,
    meaning: "Receiver of flows and metrics: http://host:port, https://host:port or unix:/path",
};
/// The form of OTLP.
pub(super) const PROTOCOL: Setting = Setting {
    suffix: "PROTOCOL",
    form: Form::Word(&["grpc", "http/protobuf"]),
    meaning: "Form of OTLP [default: grpc to port 4317, else http/protobuf]",
};
/// Headers of each request.
pub(super) const HEADERS: Setting =
    Setting { suffix: "HEADERS", form: Form::Pairs, meaning: "Headers of each request" };
/// The time for one attempt.
pub(super) const TIMEOUT: Setting =
    Setting { suffix: "TIMEOUT", form: Form::Duration, meaning: "Time for one attempt [default: 10s]" };
/// How requests are compressed.
pub(super) const COMPRESSION: Setting = Setting {
    suffix: "COMPRESSION",
    form: Form::Word(&["none", "gzip", "zstd"]),
    meaning: "Compression of requests [default: none]",
};
/// What an endpoint without a scheme means.
pub(super) const INSECURE: Setting = Setting {
    suffix: "INSECURE",
    form: Form::Boolean,
    meaning: "Whether an endpoint of gRPC without a scheme is http:// instead of https://",
};
/// Whom to trust.
pub(super) const CERTIFICATE: Setting = Setting {
    suffix: "CERTIFICATE",
    form: Form::Text,
    meaning: "PEM file of the authorities to trust [default: those of the system]",
};
/// Who the agent is.
pub(super) const CLIENT_CERTIFICATE: Setting = Setting {
    suffix: "CLIENT_CERTIFICATE",
    form: Form::Text,
    meaning: "PEM file of the certificate that the agent shows",
};
/// The key to it.
pub(super) const CLIENT_KEY: Setting =
    Setting { suffix: "CLIENT_KEY", form: Form::Text, meaning: "PEM file of the certificate's key" };

const SETTINGS: [Setting; 9] = [
    ENDPOINT,
    PROTOCOL,
    HEADERS,
    TIMEOUT,
    COMPRESSION,
    INSECURE,
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
];

pub(super) const DISABLED: &str = "OTEL_SDK_DISABLED";
/// There is no standard variable for a token in a file.
pub(super) const TOKEN: &str = "OTEL_FLOW_EXPORTER_BEARER_TOKEN_FILE";
pub(super) const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
pub(super) const TEMPORALITY: &str = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
pub(super) const HISTOGRAM: &str = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";

const EXPORTERS: [&str; 3] = ["otlp", "console", "none"];

/// What there is once, or for one signal alone: its place in the file, its variable.
const SINGLE: [(&str, &str, Form); 9] = [
    ("otlp.disabled", DISABLED, Form::Boolean),
    ("otlp.bearer-token-file", TOKEN, Form::Text),
    ("otlp.logs.exporter", Signal::Logs.exporter_variable(), Form::Word(&EXPORTERS)),
    ("otlp.metrics.exporter", Signal::Metrics.exporter_variable(), Form::Word(&EXPORTERS)),
    ("otlp.metrics.export-interval", INTERVAL, Form::Duration),
    ("otlp.metrics.temporality-preference", TEMPORALITY, Form::Word(&["cumulative", "delta", "lowmemory"])),
    (
        "otlp.metrics.default-histogram-aggregation",
        HISTOGRAM,
        Form::Word(&["explicit_bucket_histogram", "base2_exponential_bucket_histogram"]),
    ),
    ("resource.service-name", "OTEL_SERVICE_NAME", Form::Text),
    ("resource.attributes", "OTEL_RESOURCE_ATTRIBUTES", Form::Pairs),
];

impl Setting {
    /// What the command line can say.
    pub fn flags() -> impl Iterator<Item = Self> {
        SETTINGS.into_iter().filter(|setting| setting.form != Form::Pairs)
    }

    /// The flag without its dashes.
    #[must_use]
    pub fn flag(self) -> String {
        format!("otlp-{}", self.key())
    }

    /// The variable for all signals.
    #[must_use]
    pub fn variable(self) -> String {
        let [_, of_all] = Signal::Logs.variables(self.suffix);
        of_all
    }

    fn key(self) -> String {
        self.suffix.to_ascii_lowercase().replace('_', "-")
    }
}

/// A setting in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSetting {
    /// The keys that lead to it, joined by dots.
    pub path: String,
    /// The variable that says the same.
    pub variable: String,
    /// What a user writes.
    pub form: Form,
}

impl FileSetting {
    /// All that a file can say of the export.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let shared = SETTINGS.into_iter().flat_map(|setting| {
            let (key, form) = (setting.key(), setting.form);
            let of_all = Self { path: format!("otlp.{key}"), variable: setting.variable(), form };
            let of_signal =
                [(Signal::Logs, "logs"), (Signal::Metrics, "metrics")].map(|(signal, section)| {
                    let [variable, _] = signal.variables(setting.suffix);
                    Self { path: format!("otlp.{section}.{key}"), variable, form }
                });
            [of_all].into_iter().chain(of_signal)
        });
        let single = SINGLE.map(|(path, variable, form)| Self {
            path: path.to_owned(),
            variable: variable.to_owned(),
            form,
        });
        shared.chain(single).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;
    use crate::export::settings::{Destination, MetricsSettings};

    #[test]
    fn whatever_is_read_is_in_the_list() {
        let asked = RefCell::new(BTreeSet::new());
        let lookup = |name: &str| {
            asked.borrow_mut().insert(name.to_owned());
            name.ends_with("_EXPORTER").then(|| "otlp".to_owned())
        };
        for signal in [Signal::Logs, Signal::Metrics] {
            assert!(matches!(Destination::read(signal, &lookup), Ok(Destination::Otlp(_))));
        }
        MetricsSettings::read(&lookup).unwrap();
        let is_proxy = |name: &str| name.to_ascii_lowercase().ends_with("_proxy");
        let asked: BTreeSet<_> = asked.into_inner().into_iter().filter(|name| !is_proxy(name)).collect();
        let of_resource = |setting: &FileSetting| setting.path.starts_with("resource.");
        let listed: BTreeSet<_> = FileSetting::all()
            .into_iter()
            .filter(|setting| !of_resource(setting))
            .map(|setting| setting.variable)
            .collect();
        assert_eq!(asked, listed);
    }

    #[test]
    fn names_follow_the_variables() {
        assert_eq!(CLIENT_KEY.flag(), "otlp-client-key");
        assert_eq!(CLIENT_KEY.variable(), "OTEL_EXPORTER_OTLP_CLIENT_KEY");
        let all = FileSetting::all();
        let path =
            |variable: &str| all.iter().find(|setting| setting.variable == variable).unwrap().path.as_str();
        assert_eq!(path("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY"), "otlp.metrics.client-key");
        assert_eq!(path("OTEL_EXPORTER_OTLP_CLIENT_KEY"), "otlp.client-key");
        assert!(Setting::flags().all(|setting| setting != HEADERS), "a secret");
    }
}
