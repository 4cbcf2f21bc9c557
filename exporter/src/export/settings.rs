//! Where and how to deliver, by the standard variables.
//!
//! OpenTelemetry specification, "OpenTelemetry Protocol Exporter": a variable for logs goes before the one for all signals, and
//! an empty value is the same as none. What the specification has and this version does not is an error, never ignored.

use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Uri};

use crate::export::headers::{HeaderProblem, headers};

const ENDPOINT: [&str; 2] = ["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOL: [&str; 2] = ["OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const TIMEOUT: [&str; 2] = ["OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const HEADERS: [&str; 2] = ["OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];

const DEFAULT_PORT: u16 = 4317;
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where and how to deliver log records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `http://host:port/`: scheme, host and port are always there.
    pub endpoint: Uri,
    /// The time for one attempt.
    pub timeout: Duration,
    /// Headers of each request. They may be secrets: their values do not show in `Debug`.
    pub headers: HeaderMap,
}

/// Why the variables cannot be followed. No sentence repeats a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// An endpoint without scheme.
    #[error("{variable} is {value:?}, which has no scheme: write http://{value}")]
    Scheme {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// An endpoint with TLS.
    #[error(
        "{variable} begins with https://, but this version has no TLS: \
         write http:// and let a Collector on this machine carry the data on"
    )]
    Tls {
        /// The variable.
        variable: &'static str,
    },
    /// An endpoint with a scheme that is not known.
    #[error("{variable} begins with {scheme}://, but this version knows only http://host:port")]
    UnknownScheme {
        /// The variable.
        variable: &'static str,
        /// The scheme.
        scheme: String,
    },
    /// An endpoint with user name or password.
    #[error(
        "{variable} has a user name before the host: remove it and put credentials into \
         OTEL_EXPORTER_OTLP_HEADERS"
    )]
    Credentials {
        /// The variable.
        variable: &'static str,
    },
    /// An endpoint whose host or port cannot be read.
    #[error("{variable} has no valid host and port behind http:// but {authority:?}: write http://host:port")]
    Authority {
        /// The variable.
        variable: &'static str,
        /// What is there.
        authority: String,
    },
    /// An endpoint with a path.
    #[error(
        "{variable} has {path:?} behind the port, but OTLP/gRPC knows no path: end the value at the port"
    )]
    Path {
        /// The variable.
        variable: &'static str,
        /// What is there.
        path: String,
    },
    /// A protocol of OTLP that is not built.
    #[error("{variable} is {value}, but this version sends OTLP over gRPC only: unset it or write grpc")]
    Protocol {
        /// The variable.
        variable: &'static str,
        /// Its value, a name of the specification.
        value: &'static str,
    },
    /// A protocol that OTLP does not have.
    #[error("{variable} is {value:?}, which is no protocol of OTLP: unset it or write grpc")]
    UnknownProtocol {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// A time limit that is no number above 0.
    #[error("{variable} is {value:?}: write a whole number of milliseconds above 0, such as 10000")]
    Timeout {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// An entry of the headers that cannot be sent.
    #[error("{variable}, entry {entry} of its list: {problem}")]
    Header {
        /// The variable.
        variable: &'static str,
        /// The entry's place, from 1.
        entry: usize,
        /// What is wrong with it.
        problem: HeaderProblem,
    },
}

impl Settings {
    /// Reads the settings through a look-up of variables by name. `None` if there is no endpoint: nothing is exported, and the
    /// other variables do not matter.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the variable and the remedy.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>, SettingsError> {
        let Some((variable, value)) = first(lookup, ENDPOINT) else {
            return Ok(None);
        };
        let endpoint = endpoint(variable, &value)?;
        if let Some((variable, value)) = first(lookup, PROTOCOL) {
            protocol(variable, value)?;
        }
        let timeout = match first(lookup, TIMEOUT) {
            Some((variable, value)) => timeout(variable, value)?,
            None => DEFAULT_TIMEOUT,
        };
        let headers =
            match first(lookup, HEADERS) {
                Some((variable, value)) => headers(&value)
                    .map_err(|(entry, problem)| SettingsError::Header { variable, entry, problem })?,
                None => HeaderMap::new(),
            };
        Ok(Some(Self { endpoint, timeout, headers }))
    }
}

fn first(
    lookup: &dyn Fn(&str) -> Option<String>,
    variables: [&'static str; 2],
) -> Option<(&'static str, String)> {
    variables.into_iter().find_map(|variable| {
        let value = lookup(variable)?.trim().to_owned();
        (!value.is_empty()).then_some((variable, value))
    })
}

fn endpoint(variable: &'static str, value: &str) -> Result<Uri, SettingsError> {
    // First of all, because no other error may repeat what stands before an @: it can be a password.
    if value.contains('@') {
        return Err(SettingsError::Credentials { variable });
    }
    let Some((scheme, rest)) = value.split_once("://") else {
        return Err(SettingsError::Scheme { variable, value: value.to_owned() });
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err(SettingsError::Tls { variable }),
        _ => return Err(SettingsError::UnknownScheme { variable, scheme: scheme.to_owned() }),
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if !matches!(path, "" | "/") {
        // Without the query: it can be a token.
        let shown = path.split_inclusive(['?', '#']).next().unwrap_or(path);
        return Err(SettingsError::Path { variable, path: shown.to_owned() });
    }
    let invalid = || SettingsError::Authority { variable, authority: authority.to_owned() };
    let parsed: Authority = authority.parse().map_err(|_| invalid())?;
    // Either there is a port that can be read, or nothing behind the host at all.
    let port = match parsed.port_u16() {
        Some(port) => port,
        None if parsed.host() == authority => DEFAULT_PORT,
        None => return Err(invalid()),
    };
    if parsed.host().is_empty() || port == 0 {
        return Err(invalid());
    }
    Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(format!("{}:{port}", parsed.host()))
        .path_and_query(PathAndQuery::from_static("/"))
        .build()
        .map_err(|_| invalid())
}

fn protocol(variable: &'static str, value: String) -> Result<(), SettingsError> {
    match value.as_str() {
        "grpc" => Ok(()),
        "http/protobuf" => Err(SettingsError::Protocol { variable, value: "http/protobuf" }),
        "http/json" => Err(SettingsError::Protocol { variable, value: "http/json" }),
        _ => Err(SettingsError::UnknownProtocol { variable, value }),
    }
}

fn timeout(variable: &'static str, value: String) -> Result<Duration, SettingsError> {
    match value.parse() {
        Ok(milliseconds @ 1_u32..) => Ok(Duration::from_millis(milliseconds.into())),
        _ => Err(SettingsError::Timeout { variable, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, SettingsError> {
        Settings::read(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    /// Reads variables beside a valid endpoint.
    fn with(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")];
        read(&[&endpoint, variables].concat()).map(Option::unwrap)
    }

    #[test]
    fn no_endpoint_is_no_export() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(
            read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " "), ("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke")]),
            Ok(None)
        );
    }

    #[test]
    fn an_endpoint_alone_takes_the_defaults() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.endpoint, "http://collector:4317/");
        assert_eq!(settings.timeout, Duration::from_secs(10));
        assert!(settings.headers.is_empty());
    }

    #[test]
    fn endpoints() {
        for (value, endpoint) in [
            ("http://collector", "http://collector:4317/"),
            ("http://collector:80/", "http://collector:80/"),
            ("HTTP://10.0.0.1:4318", "http://10.0.0.1:4318/"),
            ("http://[::1]:4317", "http://[::1]:4317/"),
            (" http://[2001:db8::1] ", "http://[2001:db8::1]:4317/"),
        ] {
            let settings = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", value)]).unwrap().unwrap();
            assert_eq!(settings.endpoint, endpoint, "{value}");
        }
    }

    #[test]
    fn wrong_endpoints_say_what_is_wrong() {
        for (value, parts) in [
            ("collector:4317", "has no scheme: write http://collector:4317"),
            ("https://collector:4317", "no TLS"),
            ("unix:///run/otlp.sock", "begins with unix://"),
            ("http://user:secret@collector:4317", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("user:secret@collector:4317", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("http://", "write http://host:port"),
            ("http://:4317", "write http://host:port"),
            ("http://collector:", "write http://host:port"),
            ("http://collector:99999", "\"collector:99999\""),
            ("http://collector:0", "\"collector:0\""),
            ("http://col lector:4317", "\"col lector:4317\""),
            ("http://::1", "\"::1\""),
            ("http://collector:4317/v1/logs", "has \"/v1/logs\" behind the port"),
            ("http://collector:4317?token=secret", "has \"?\" behind the port"),
            ("secret@http://collector:4317", "OTEL_EXPORTER_OTLP_HEADERS"),
        ] {
            let sentence = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", value)]).unwrap_err().to_string();
            assert!(sentence.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT "), "{sentence}");
            assert!(sentence.contains(parts), "{sentence}");
            assert!(!sentence.contains("secret"), "{sentence}");
        }
    }

    #[test]
    fn a_variable_for_logs_goes_first_and_is_the_one_named() {
        let settings = with(&[
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs"),
            ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2"),
            ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "a=1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=2,b=2"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ])
        .unwrap();
        assert_eq!(settings.endpoint, "http://logs:4317/");
        assert_eq!(settings.timeout, Duration::from_millis(1));
        assert_eq!(settings.headers.len(), 1);
        assert_eq!(settings.headers["a"], "1");

        let error = with(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "logs")]).unwrap_err();
        assert!(error.to_string().starts_with("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT "));
    }

    #[test]
    fn protocols() {
        assert!(with(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).is_ok());
        for (value, part) in [
            ("http/protobuf", "over gRPC only"),
            ("http/json", "over gRPC only"),
            ("GRPC", "no protocol of OTLP"),
        ] {
            let sentence = with(&[("OTEL_EXPORTER_OTLP_PROTOCOL", value)]).unwrap_err().to_string();
            assert!(sentence.contains(part) && sentence.contains(value), "{sentence}");
        }
    }

    #[test]
    fn timeouts_are_whole_milliseconds() {
        for value in ["0", "-1", "10s", "1.5", "99999999999"] {
            let sentence = with(&[("OTEL_EXPORTER_OTLP_TIMEOUT", value)]).unwrap_err().to_string();
            assert!(sentence.contains("milliseconds") && sentence.contains(value), "{sentence}");
        }
    }

    #[test]
    fn a_wrong_header_is_named_by_variable_and_place() {
        let sentence = with(&[("OTEL_EXPORTER_OTLP_HEADERS", "a=1,b")]).unwrap_err().to_string();
        assert!(sentence.starts_with("OTEL_EXPORTER_OTLP_HEADERS, entry 2 of its list: "), "{sentence}");
    }

    #[test]
    fn debug_hides_the_values_of_headers() {
        let settings = with(&[("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")]).unwrap();
        assert!(!format!("{settings:?}").contains("secret"));
    }
}
