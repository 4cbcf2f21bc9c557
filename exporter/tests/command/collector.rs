//! Delivery to a real OpenTelemetry Collector, as its file exporter writes it down.

use std::fs;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};

use crate::program::{Program, command};
use crate::topology::{CLIENT, Pair, SERVER};

pub(crate) const PACKETS: u64 = 200;
const PAYLOAD: [u8; 58] = [0; 58];
pub(crate) const FRAME: u64 = 14 + 20 + 8 + PAYLOAD.len() as u64;

/// A Collector inside a namespace, so that its ports are nobody else's.
pub(crate) struct Collector {
    child: Child,
    out: PathBuf,
}

impl Collector {
    pub(crate) fn start(namespace: &Netns, out: &Path) -> Result<Self> {
        Self::start_with(namespace, GRPC_ADDRESS, out, &[])
    }

    /// With more configuration, which is merged into that of all tests, and has it listen for gRPC at `address`: an address of
    /// IP with its port, or the path of a Unix socket.
    pub(crate) fn start_with(namespace: &Netns, address: &str, out: &Path, more: &[&str]) -> Result<Self> {
        let binary = std::env::var("OTELCOL")
            .context("OTELCOL does not name a Collector: run the tests by `make test`, which builds one")?;
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/collector/config.yaml");
        let child = Command::new("ip")
            .args(["netns", "exec", namespace.name(), &binary, "--config"])
            .arg(config)
            .args(more.iter().flat_map(|more| ["--config", more]))
            .env("OUT", out)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let collector = Self { child, out: out.to_owned() };
        until("the Collector listens", Duration::from_secs(30), || {
            namespace.enter(|| match address.parse::<SocketAddr>() {
                Ok(address) => TcpStream::connect(address).is_ok(),
                Err(_) => UnixStream::connect(address).is_ok(),
            })
        })?;
        Ok(collector)
    }

    /// Ends it, which writes everything down, and reads the logs that it received.
    pub(crate) fn stop(self) -> Result<Vec<Value>> {
        let logs = self.out.join("logs.jsonl");
        self.end()?;
        requests(&logs)
    }

    /// Ends it, which writes everything down.
    pub(crate) fn end(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) const GRPC_ADDRESS: &str = "127.0.0.1:4317";
pub(crate) const GRPC: &str = "http://127.0.0.1:4317";
pub(crate) const HTTP: &str = "http://127.0.0.1:4318";

/// What the Collector received of a signal: one request a line.
pub(crate) fn requests(file: &Path) -> Result<Vec<Value>> {
    let lines = fs::read_to_string(file).context("the Collector wrote nothing down")?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Sends the datagrams' flows to a Collector, which has to receive them to the byte; returns its requests.
fn deliver(endpoint: &str, compression: &str) -> Result<Vec<Value>> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let collector = Collector::start(&pair.server, out.path())?;
    arrives(&pair, collector, start(&pair, endpoint, compression)?)
}

fn arrives(pair: &Pair, collector: Collector, program: Program) -> Result<Vec<Value>> {
    datagrams(pair)?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("WARN") && !ended.stderr.contains("lost"), "{}", ended.stderr);
    let requests = collector.stop()?;
    assert_sums(&udp_records(&requests)?)?;
    Ok(requests)
}

/// Both sides show a certificate and check the other's.
pub(crate) fn receives_over_mutual_tls() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    certificates(folder.path())?;
    let tls = format!(
        "{{cert_file: {}, key_file: {}, client_ca_file: {}}}",
        path("server.pem"),
        path("server.key"),
        path("ca.pem")
    );
    let more = format!("yaml:receivers::otlp::protocols: {{grpc: {{tls: {tls}}}, http: {{tls: {tls}}}}}");
    for endpoint in ["https://127.0.0.1:4317", "https://127.0.0.1:4318"] {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start_with(&pair.server, GRPC_ADDRESS, out.path(), &[&more])?;
        let mut command = exporting(&pair, endpoint, "zstd");
        command.env("OTEL_EXPORTER_OTLP_CERTIFICATE", path("ca.pem"));
        command.env("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", path("client.pem"));
        command.env("OTEL_EXPORTER_OTLP_CLIENT_KEY", path("client.key"));
        arrives(&pair, collector, Program::start(command)?).with_context(|| endpoint.to_owned())?;
    }
    Ok(())
}

/// Writes an authority, and two certificates of it with their keys.
fn certificates(folder: &Path) -> Result<()> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.pem"), authority.pem())?;
    for name in ["server", "client"] {
        let key = KeyPair::generate()?;
        let certificate =
            CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &authority)?;
        fs::write(folder.join(name).with_extension("pem"), certificate.pem())?;
        fs::write(folder.join(name).with_extension("key"), key.serialize_pem())?;
    }
    Ok(())
}

pub(crate) fn receives_at_a_socket() -> Result<()> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let path = out.path().join("otlp.sock").display().to_string();
    let listen = format!("yaml:receivers::otlp::protocols::grpc: {{endpoint: {path}, transport: unix}}");
    let collector = Collector::start_with(&pair.server, &path, out.path(), &[&listen])?;
    let mut command = exporting(&pair, &format!("unix:{path}"), "zstd");
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    arrives(&pair, collector, Program::start(command)?).map(drop)
}

pub(crate) fn receives_over_http() -> Result<()> {
    deliver(HTTP, "none").map(drop)
}

pub(crate) fn receives_compressed() -> Result<()> {
    for endpoint in [GRPC, HTTP] {
        for compression in ["gzip", "zstd"] {
            deliver(endpoint, compression).with_context(|| format!("{compression} to {endpoint}"))?;
        }
    }
    Ok(())
}

pub(crate) fn receives() -> Result<()> {
    let requests = deliver(GRPC, "none")?;
    let resource_logs = &requests.first().context("no request")?["resourceLogs"][0];
    let resource = attributes(&resource_logs["resource"])?;
    ensure!(resource["service.name"] == "otel-flow-exporter", "{resource:?}");
    ensure!(
        resource.contains_key("service.instance.id") && resource.contains_key("host.name"),
        "{resource:?}"
    );
    ensure!(
        !resource.keys().any(|key| key.starts_with("source.")),
        "an endpoint in the resource: {resource:?}"
    );
    let scope_logs = &resource_logs["scopeLogs"][0];
    ensure!(scope_logs["scope"]["name"] == semconv::SCOPE_NAME, "{}", scope_logs["scope"]);
    ensure!(scope_logs["schemaUrl"] == semconv::SCHEMA_URL, "{}", scope_logs["schemaUrl"]);
    Ok(())
}

pub(crate) fn comes_late() -> Result<()> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let program = start(&pair, GRPC, "none")?;
    datagrams(&pair)?;
    // Some attempts fail meanwhile.
    std::thread::sleep(Duration::from_secs(2));
    let collector = Collector::start(&pair.server, out.path())?;
    until("the flows arrive", Duration::from_secs(30), || {
        Ok(fs::metadata(out.path().join("logs.jsonl")).is_ok_and(|file| file.len() > 0))
    })?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    assert_sums(&udp_records(&collector.stop()?)?)
}

fn start(pair: &Pair, endpoint: &str, compression: &str) -> Result<Program> {
    Program::start(exporting(pair, endpoint, compression))
}

pub(crate) fn exporting(pair: &Pair, endpoint: &str, compression: &str) -> Command {
    let mut command = command(&pair.server, &["run", "--interface", "s0", "--interval", "500ms"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint).env_remove("OTEL_SERVICE_NAME");
    command.env("OTEL_EXPORTER_OTLP_COMPRESSION", compression);
    command
}

pub(crate) fn datagrams(pair: &Pair) -> Result<()> {
    let receiving = pair.server.enter(|| UdpSocket::bind((SERVER, 6000)))??;
    let sending = pair.client.enter(|| UdpSocket::bind((CLIENT, 5000)))??;
    sending.connect((SERVER, 6000))?;
    for _ in 0..PACKETS {
        sending.send(&PAYLOAD)?;
        receiving.recv(&mut [0; 100])?;
    }
    Ok(())
}

/// The attributes of every record of the datagrams.
fn udp_records(requests: &[Value]) -> Result<Vec<Map<String, Value>>> {
    let of_udp = |record: &Map<String, Value>| record["network.transport"] == "udp";
    Ok(records(requests)?.into_iter().filter(of_udp).collect())
}

/// The attributes of every record.
pub(crate) fn records(requests: &[Value]) -> Result<Vec<Map<String, Value>>> {
    let mut records = Vec::new();
    for record in
        requests.iter().flat_map(|request| list(&request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]))
    {
        ensure!(record["eventName"] == "network.flow", "event name: {record}");
        ensure!(record["severityNumber"] == 9 && record["severityText"].is_null(), "severity: {record}");
        records.push(attributes(record)?);
    }
    Ok(records)
}

fn assert_sums(records: &[Map<String, Value>]) -> Result<()> {
    let total =
        |key: &str| records.iter().map(|record| record[key].as_u64().unwrap_or_default()).sum::<u64>();
    let (packets, bytes) = (total("source.packets"), total("source.bytes"));
    ensure!(
        (packets, bytes) == (PACKETS, PACKETS * FRAME),
        "{packets} packets and {bytes} bytes: {records:?}"
    );
    ensure!(records.iter().all(|record| record["source.address"] == CLIENT), "{records:?}");
    Ok(())
}

/// OTLP/JSON writes 64-bit integers as strings.
pub(crate) fn attributes(of: &Value) -> Result<Map<String, Value>> {
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

pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
