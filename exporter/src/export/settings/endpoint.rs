//! An endpoint: where requests go, and by which protocol if nobody says.

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::export::settings::{Protocol, UnixAddress, Variable};
use crate::export::signal::Signal;

/// The port of OTLP/gRPC: an endpoint that names it means that protocol.
const GRPC_PORT: u16 = 4317;

/// What is wrong with an endpoint. No sentence repeats what may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointProblem {
    /// No scheme, and the protocol needs one.
    #[error("is {0:?}, which has no scheme: write http://{0} or https://{0}")]
    NoScheme(String),
    /// A scheme that is not known.
    #[error(
        "begins with {0}://, but OTLP goes to http://host:port, https://host:port or unix:/path/of/socket"
    )]
    Scheme(String),
    /// User name or password.
    #[error("has a user name before the host: remove it and put credentials into OTEL_EXPORTER_OTLP_HEADERS")]
    Credentials,
    /// No address of a Unix socket.
    #[error("is {0:?}, which is no socket: write unix:/path/of/socket or unix:@name, of at most 107 bytes")]
    Unix(String),
    /// Host or port cannot be read.
    #[error("has no valid host and port but {0:?}: write http://host:port")]
    Authority(String),
    /// A path where the protocol has none.
    #[error(
        "has {0:?} behind the port, but OTLP/gRPC knows no path: end the value at the port, or set \
         OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf"
    )]
    GrpcPath(String),
    /// A path that cannot be sent.
    #[error("has a path that cannot be sent: {0:?}")]
    Path(String),
    /// A query that would be in the middle.
    #[error("has a query, but the signal's path has to go behind it: set the whole URL in {0}")]
    Query(String),
}

/// The address of requests. Where no protocol is given, port 4317 means gRPC, and anything else the specification's default.
pub(super) fn endpoint(
    Variable { value, of_signal, .. }: &Variable,
    signal: Signal,
    protocol: Option<Protocol>,
    insecure: bool,
) -> Result<(Uri, Protocol), EndpointProblem> {
    // First of all, because no other error may repeat what stands before an @: it can be a password.
    if value.contains('@') {
        return Err(EndpointProblem::Credentials);
    }
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (Some(known(scheme)?), rest),
        None => (None, value.as_str()),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = host_and_port(authority)?;
    let by_port = if port == Some(GRPC_PORT) { Protocol::Grpc } else { Protocol::HttpProtobuf };
    let protocol = protocol.unwrap_or(by_port);
    // What a user may see: a query can be a token.
    let shown = || path.split_inclusive(['?', '#']).next().unwrap_or(path).to_owned();
    let (scheme, port, path) = match protocol {
        Protocol::Grpc => {
            if !matches!(path, "" | "/") {
                return Err(EndpointProblem::GrpcPath(shown()));
            }
            let scheme = scheme.unwrap_or(if insecure { Scheme::HTTP } else { Scheme::HTTPS });
            (scheme, Some(port.unwrap_or(GRPC_PORT)), signal.grpc_path().to_owned())
        }
        Protocol::HttpProtobuf => {
            let scheme = scheme.ok_or_else(|| EndpointProblem::NoScheme(rest_without_query(value)))?;
            let path = match *of_signal {
                true if path.starts_with('/') => path.to_owned(),
                true => format!("/{path}"),
                false if path.contains(['?', '#']) => {
                    let [of_signal, _] = signal.variables("ENDPOINT");
                    return Err(EndpointProblem::Query(of_signal));
                }
                false => format!("{}{}", path.trim_end_matches('/'), signal.http_path()),
            };
            (scheme, port, path)
        }
    };
    let path = PathAndQuery::try_from(path).map_err(|_| EndpointProblem::Path(shown()))?;
    let whole = port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let uri = Uri::builder().scheme(scheme).authority(whole).path_and_query(path).build();
    Ok((uri.map_err(|_| EndpointProblem::Authority(authority.to_owned()))?, protocol))
}

/// The address of requests to a Unix socket; its host is what gRPC's libraries write.
pub(super) fn of_socket(
    address: &UnixAddress,
    signal: Signal,
    protocol: Protocol,
) -> Result<Uri, EndpointProblem> {
    let path = match protocol {
        Protocol::Grpc => signal.grpc_path(),
        Protocol::HttpProtobuf => signal.http_path(),
    };
    let uri = Uri::builder().scheme(Scheme::HTTP).authority("localhost").path_and_query(path).build();
    uri.ok().filter(|_| address.is_valid()).ok_or_else(|| EndpointProblem::Unix(address.to_string()))
}

fn known(scheme: &str) -> Result<Scheme, EndpointProblem> {
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok(Scheme::HTTP),
        "https" => Ok(Scheme::HTTPS),
        _ => Err(EndpointProblem::Scheme(scheme.to_owned())),
    }
}

fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), EndpointProblem> {
    let invalid = || EndpointProblem::Authority(authority.to_owned());
    let parsed: Authority = authority.parse().map_err(|_| invalid())?;
    let host = &authority[..parsed.host().len()];
    // Either there is a port that can be read, or nothing behind the host at all.
    match parsed.port_u16() {
        Some(0) => Err(invalid()),
        None if host != authority => Err(invalid()),
        _ if host.is_empty() => Err(invalid()),
        port => Ok((host, port)),
    }
}

fn rest_without_query(value: &str) -> String {
    value.split(['?', '#']).next().unwrap_or_default().to_owned()
}
