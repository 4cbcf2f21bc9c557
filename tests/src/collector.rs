//! A real OpenTelemetry Collector, and what it wrote down.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::netns::Netns;
use crate::server::Server;

/// Where it takes OTLP over gRPC, unless a test has it listen elsewhere.
pub const GRPC_ADDRESS: &str = "127.0.0.1:4317";
/// The same, as an endpoint.
pub const GRPC: &str = "http://127.0.0.1:4317";
/// Where it takes OTLP over HTTP.
pub const HTTP: &str = "http://127.0.0.1:4318";

/// A Collector that listens at [`GRPC`] and [`HTTP`] of its namespace.
pub struct Collector(Server);

impl Collector {
    /// Writes down in `out` what it receives: `logs.jsonl`, `metrics.jsonl`.
    ///
    /// # Errors
    /// What it says if it does not listen.
    pub fn start(namespace: &Netns, out: &Path) -> Result<Self> {
        Self::start_with(namespace, GRPC_ADDRESS, out, &[])
    }

    /// With more configuration, which is merged into that of all tests, and has it listen for gRPC at `address`: an address of
    /// IP with its port, or the path of a Unix socket.
    ///
    /// # Errors
    /// What it says if it does not listen.
    pub fn start_with(namespace: &Netns, address: &str, out: &Path, more: &[&str]) -> Result<Self> {
        let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("collector/config.yaml");
        Self::of(namespace, address, &configuration, |command| {
            command.args(more.iter().flat_map(|more| ["--config", more])).env("OUT", out);
        })
    }

    /// With any configuration that takes OTLP over gRPC at `address`.
    ///
    /// # Errors
    /// What it says if it does not listen.
    pub fn of(
        namespace: &Netns,
        address: &str,
        configuration: &Path,
        complete: impl FnOnce(&mut Command),
    ) -> Result<Self> {
        let complete = |command: &mut Command| {
            command.arg("--config").arg(configuration);
            complete(command);
        };
        let listens = || {
            namespace.enter(|| match address.parse::<SocketAddr>() {
                Ok(address) => TcpStream::connect(address).is_ok(),
                Err(_) => UnixStream::connect(address).is_ok(),
            })
        };
        Server::start(namespace, "OTELCOL", complete, listens).map(Self)
    }

    /// Ends it, which writes everything down and sends it on; gives what it said.
    ///
    /// # Errors
    /// What it says if it does not end.
    pub fn end(self) -> Result<String> {
        self.0.end()
    }
}

/// What the Collector wrote down of a signal: one request a line.
///
/// # Errors
/// If it wrote nothing, or a line is no JSON.
pub fn requests(file: &Path) -> Result<Vec<Value>> {
    let lines = fs::read_to_string(file).context("the Collector wrote nothing down")?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Attributes of something in a request. OTLP/JSON writes 64-bit integers as strings.
///
/// # Errors
/// If an attribute has no key, or an integer is none.
pub fn attributes(of: &Value) -> Result<Map<String, Value>> {
    list(&of["attributes"])
        .map(|attribute| {
            let key = attribute["key"].as_str().context("a key")?.to_owned();
            let value = &attribute["value"];
            let value = match value["intValue"].as_str() {
                Some(number) => Value::from(number.parse::<i64>()?),
                None => value["stringValue"].clone(),
            };
            Ok((key, value))
        })
        .collect()
}

/// The elements of an array in a request, where an absent one is empty.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
