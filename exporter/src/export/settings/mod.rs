//! Where and how to deliver, by the standard variables, and by flags and a file that say the same.
//!
//! OpenTelemetry specification, "OpenTelemetry Protocol Exporter": a variable for one signal goes before the one for all, and an
//! empty value is the same as none. What cannot be followed is an error, never ignored.

mod destination;
mod endpoint;
mod error;
mod headers;
mod metrics;
mod names;
mod route;
mod source;
#[cfg(test)]
mod tests;
mod unix;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{HeaderMap, Uri};

pub use self::destination::Destination;
pub use self::endpoint::EndpointProblem;
pub use self::error::SettingsError;
pub use self::headers::HeaderProblem;
pub use self::metrics::MetricsSettings;
pub use self::names::{FileSetting, Form, Setting};
pub use self::route::{Proxy, ProxyProblem, Route};
pub use self::source::{Given, Said, Source, Sources};
pub use self::unix::UnixAddress;
use crate::export::payload::Encoding;
use crate::export::signal::Signal;
use crate::export::tls::{Identity, TlsFiles};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where and how to deliver one signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where requests go: scheme, host and path are always there.
    pub endpoint: Uri,
    /// How one gets there.
    pub route: Route,
    /// The form of OTLP.
    pub protocol: Protocol,
    /// The time for one attempt.
    pub timeout: Duration,
    /// Headers of each request. They may be secrets: their values do not show in `Debug`.
    pub headers: HeaderMap,
    /// How requests are compressed.
    pub compression: Encoding,
    /// For https.
    pub tls: TlsFiles,
    /// A file with a bearer token.
    pub token: Option<PathBuf>,
}

/// A form of OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    HttpProtobuf,
}

impl fmt::Display for Protocol {
    /// The specification's name.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        })
    }
}

impl Settings {
    /// Reads the settings of a signal. `None` if there is no endpoint: nothing is exported, and the other settings do not matter.
    ///
    /// # Errors
    /// [`SettingsError`], a sentence for the user that names the place and the remedy.
    pub fn read(signal: Signal, source: &dyn Source) -> Result<Option<Self>, SettingsError> {
        let variables = Variables { signal, source };
        let endpoint = variables.setting(names::ENDPOINT);
        endpoint.map(|endpoint| Self::of(&variables, &endpoint)).transpose()
    }

    fn of(variables: &Variables<'_>, endpoint: &Variable) -> Result<Self, SettingsError> {
        let protocol = variables.setting(names::PROTOCOL).map(protocol).transpose()?;
        let insecure = variables.setting(names::INSECURE).map(boolean).transpose()?.unwrap_or_default();
        let wrong =
            |problem| SettingsError::Endpoint { variable: endpoint.name.clone(), problem: Box::new(problem) };
        let (endpoint, protocol, route) = if let Some(address) = UnixAddress::of(&endpoint.value) {
            let protocol = protocol.unwrap_or(Protocol::HttpProtobuf);
            let uri = endpoint::of_socket(&address, variables.signal, protocol).map_err(wrong)?;
            (uri, protocol, Route::Unix(address))
        } else {
            let (uri, protocol) =
                endpoint::endpoint(endpoint, variables.signal, protocol, insecure).map_err(wrong)?;
            let route = route::route(variables, &uri)?;
            (uri, protocol, route)
        };
        let timeout = variables.setting(names::TIMEOUT).map(timeout).transpose()?.unwrap_or(DEFAULT_TIMEOUT);
        let headers = variables.setting(names::HEADERS).map(headers).transpose()?.unwrap_or_default();
        let token = variables.variable(names::TOKEN);
        if let Some(Variable { name, .. }) = &token
            && headers.contains_key(AUTHORIZATION)
        {
            return Err(SettingsError::Authorization { variable: name.clone() });
        }
        Ok(Self {
            endpoint,
            route,
            protocol,
            timeout,
            headers,
            compression: variables
                .setting(names::COMPRESSION)
                .map(compression)
                .transpose()?
                .unwrap_or_default(),
            tls: tls(variables)?,
            token: token.map(|token| token.value.into()),
        })
    }

    /// The endpoint for messages: without a query, which can be a token.
    #[must_use]
    pub fn endpoint_name(&self) -> String {
        if let Route::Unix(address) = &self.route {
            return address.to_string();
        }
        let scheme = self.endpoint.scheme_str().unwrap_or_default();
        let authority = self.endpoint.authority().map_or("", |authority| authority.as_str());
        match self.protocol {
            Protocol::Grpc => format!("{scheme}://{authority}"),
            Protocol::HttpProtobuf => format!("{scheme}://{authority}{}", self.endpoint.path()),
        }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.endpoint.scheme() == Some(&Scheme::HTTPS)
    }
}

/// All that is said, as far as it is about a signal.
struct Variables<'a> {
    signal: Signal,
    source: &'a dyn Source,
}

/// A variable that is set, or what says the same.
struct Variable {
    /// Where it was said.
    name: String,
    value: String,
    /// Whether it is about this signal alone.
    of_signal: bool,
}

impl Variables<'_> {
    fn setting(&self, setting: Setting) -> Option<Variable> {
        let [of_signal, of_all] = self.signal.variables(setting.suffix);
        let said = self.source.first(&[&of_signal, &of_all])?;
        Some(Variable { name: said.place, value: said.value, of_signal: said.asked == 0 })
    }

    fn variable(&self, name: &str) -> Option<Variable> {
        let said = self.source.first(&[name])?;
        Some(Variable { name: said.place, value: said.value, of_signal: false })
    }
}

fn protocol(Variable { name, value, .. }: Variable) -> Result<Protocol, SettingsError> {
    match value.as_str() {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Err(SettingsError::Json { variable: name }),
        _ => Err(SettingsError::Protocol { variable: name, value }),
    }
}

fn compression(Variable { name, value, .. }: Variable) -> Result<Encoding, SettingsError> {
    match value.as_str() {
        "none" => Ok(Encoding::None),
        "gzip" => Ok(Encoding::Gzip),
        "zstd" => Ok(Encoding::Zstd),
        _ => Err(SettingsError::Compression { variable: name, value }),
    }
}

fn boolean(Variable { name, value, .. }: Variable) -> Result<bool, SettingsError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(SettingsError::Boolean { variable: name, value }),
    }
}

fn timeout(Variable { name, value, .. }: Variable) -> Result<Duration, SettingsError> {
    match value.parse() {
        Ok(milliseconds @ 1_u32..) => Ok(Duration::from_millis(milliseconds.into())),
        _ => Err(SettingsError::Timeout { variable: name, value }),
    }
}

fn headers(Variable { name, value, .. }: Variable) -> Result<HeaderMap, SettingsError> {
    headers::headers(&value).map_err(|(entry, problem)| SettingsError::Header {
        variable: name,
        entry,
        problem,
    })
}

fn tls(variables: &Variables<'_>) -> Result<TlsFiles, SettingsError> {
    let file =
        |setting| variables.setting(setting).map(|variable| (variable.name, PathBuf::from(variable.value)));
    let identity = match (file(names::CLIENT_CERTIFICATE), file(names::CLIENT_KEY)) {
        (Some((_, certificate)), Some((_, key))) => Some(Identity { certificate, key }),
        (None, None) => None,
        (Some((variable, _)), None) => {
            return Err(SettingsError::Identity { variable, missing: "OTEL_EXPORTER_OTLP_CLIENT_KEY" });
        }
        (None, Some((variable, _))) => {
            return Err(SettingsError::Identity {
                variable,
                missing: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            });
        }
    };
    Ok(TlsFiles { authority: file(names::CERTIFICATE).map(|(_, path)| path), identity })
}
