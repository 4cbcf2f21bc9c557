//! Why settings cannot be followed. What is called a variable here may be a flag or a place in the configuration file.

use crate::export::settings::{EndpointProblem, HeaderProblem, ProxyProblem};

/// Why the variables cannot be followed. No sentence repeats a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// An endpoint that cannot be used.
    #[error("{variable} {problem}")]
    Endpoint {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        problem: Box<EndpointProblem>,
    },
    /// A proxy that cannot be used.
    #[error(
        "{variable} {problem}: write http://host:port or http://user:password@host:port, or name the endpoint's \
         host in no_proxy"
    )]
    Proxy {
        /// The variable.
        variable: String,
        /// What is wrong with it.
        problem: ProxyProblem,
    },
    /// The form of OTLP that is not built.
    #[error(
        "{variable} is http/json, but this program sends protobuf only: write http/protobuf (receivers take both \
         at the same port) or grpc"
    )]
    Json {
        /// The variable.
        variable: String,
    },
    /// A protocol that OTLP does not have.
    #[error("{variable} is {value:?}, which is no protocol of OTLP: unset it or write http/protobuf or grpc")]
    Protocol {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// A compression that OTLP does not have.
    #[error("{variable} is {value:?}: write none, gzip or zstd")]
    Compression {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// Neither yes nor no.
    #[error("{variable} is {value:?}: write true or false")]
    Boolean {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// A time limit that is no number above 0.
    #[error("{variable} is {value:?}: write a whole number of milliseconds above 0, such as 10000")]
    Timeout {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// An entry of the headers that cannot be sent.
    #[error("{variable}, entry {entry} of its list: {problem}")]
    Header {
        /// The variable.
        variable: String,
        /// The entry's place, from 1.
        entry: usize,
        /// What is wrong with it.
        problem: HeaderProblem,
    },
    /// Half of a client's identity.
    #[error("{variable} is set without {missing}: a client's certificate and its key go together")]
    Identity {
        /// The variable.
        variable: String,
        /// The other variable.
        missing: &'static str,
    },
    /// Two sources of one header.
    #[error("{variable} is set, and OTEL_EXPORTER_OTLP_HEADERS has an authorization: remove one of them")]
    Authorization {
        /// The variable.
        variable: String,
    },
    /// An exporter that there is not.
    #[error("{variable} is {value:?}: write one of otlp, console, none")]
    Exporter {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// A temporality that the specification does not have.
    #[error("{variable} is {value:?}: write one of cumulative, delta, lowmemory")]
    Temporality {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
    /// An aggregation of histograms that the specification does not have.
    #[error(
        "{variable} is {value:?}: write one of explicit_bucket_histogram, base2_exponential_bucket_histogram"
    )]
    Histogram {
        /// The variable.
        variable: String,
        /// Its value.
        value: String,
    },
}
