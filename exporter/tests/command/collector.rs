//! Delivery to a real OpenTelemetry Collector, as its file exporter writes it down.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::collector::{Collector, GRPC, GRPC_ADDRESS, HTTP, attributes, list, requests};
use flow_tests::harness::until;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Map, Value};

use crate::program::{Program, command, output};
use crate::topology::{CLIENT, Pair, SERVER};

pub(crate) const PACKETS: u64 = 200;
const ANSWERS: u64 = 70;
const PAYLOAD: [u8; 58] = [0; 58];
const ANSWER: [u8; 33] = [0; 33];
/// Ethernet, IPv4 and UDP.
const HEADERS: u64 = 14 + 20 + 8;
pub(crate) const FRAME: u64 = HEADERS + PAYLOAD.len() as u64;
const FRAME_OF_ANSWER: u64 = HEADERS + ANSWER.len() as u64;

/// Sends the datagrams' flows to a Collector, which has to receive them to the byte; returns its requests.
fn deliver(endpoint: &str, compression: &str) -> Result<Vec<Value>> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let collector = Collector::start(&pair.server, out.path())?;
    arrives(&pair, collector, out.path(), start(&pair, endpoint, compression)?)
}

/// The flows of both directions arrive to the byte, and nothing is amiss.
pub(crate) fn arrives(pair: &Pair, collector: Collector, out: &Path, program: Program) -> Result<Vec<Value>> {
    conversation(pair)?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    ensure!(!ended.stderr.contains("WARN") && !ended.stderr.contains("lost"), "{}", ended.stderr);
    let requests = received(collector, out)?;
    assert_sums(&udp_records(&requests)?)?;
    Ok(requests)
}

/// Ends the Collector and reads the logs that it received.
pub(crate) fn received(collector: Collector, out: &Path) -> Result<Vec<Value>> {
    collector.end()?;
    requests(&out.join("logs.jsonl"))
}

/// Both sides show a certificate and check the other's.
pub(crate) fn receives_over_mutual_tls() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    certificates(folder.path(), &["127.0.0.1"])?;
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
        arrives(&pair, collector, out.path(), Program::start(command)?)
            .with_context(|| endpoint.to_owned())?;
    }
    Ok(())
}

/// Writes an authority, and two certificates of it for these names with their keys.
pub(crate) fn certificates(folder: &Path, names: &[&str]) -> Result<()> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.join("ca.pem"), authority.pem())?;
    for name in ["server", "client"] {
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(&key, &authority)?;
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
    arrives(&pair, collector, out.path(), Program::start(command)?).map(drop)
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
    conversation(&pair)?;
    // Some attempts fail meanwhile.
    std::thread::sleep(Duration::from_secs(2));
    let collector = Collector::start(&pair.server, out.path())?;
    until("the flows arrive", Duration::from_secs(30), || {
        Ok(fs::metadata(out.path().join("logs.jsonl")).is_ok_and(|file| file.len() > 0))
    })?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    assert_sums(&udp_records(&received(collector, out.path())?)?)
}

/// The Collector takes every configuration for users, and what two of them have of one name is the same.
pub(crate) fn takes_configurations_for_users() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../otel-collector-config");
    let binary = std::env::var("OTELCOL").context("OTELCOL does not name a Collector")?;
    let mut components: BTreeMap<String, Value> = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let said = output(Command::new(&binary).args(["validate", "--config"]).arg(&file))?;
        ensure!(said.status.success(), "{}: {}", file.display(), said.stderr);
        let configuration: Value = serde_saphyr::from_str(&fs::read_to_string(&file)?)?;
        for section in ["receivers", "processors", "exporters"] {
            for (name, component) in configuration[section].as_object().into_iter().flatten() {
                let known =
                    components.entry(format!("{section}::{name}")).or_insert_with(|| component.clone());
                ensure!(known == component, "{}: another {section}::{name} than before", file.display());
            }
        }
    }
    ensure!(!components.is_empty(), "no configuration");
    Ok(())
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

/// From the client to the server.
pub(crate) fn datagrams(pair: &Pair) -> Result<()> {
    exchange(pair, 0)
}

/// Both ways, as [`assert_sums`] has it.
fn conversation(pair: &Pair) -> Result<()> {
    exchange(pair, ANSWERS)
}

/// The first datagrams are answered.
fn exchange(pair: &Pair, answers: u64) -> Result<()> {
    let receiving = pair.server.enter(|| UdpSocket::bind((SERVER, 6000)))??;
    let sending = pair.client.enter(|| UdpSocket::bind((CLIENT, 5000)))??;
    sending.connect((SERVER, 6000))?;
    for number in 0..PACKETS {
        sending.send(&PAYLOAD)?;
        let (_, client) = receiving.recv_from(&mut [0; 100])?;
        if number < answers {
            receiving.send_to(&ANSWER, client)?;
            sending.recv(&mut [0; 100])?;
        }
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
    let number = |record: &Map<String, Value>, key: &str| record.get(key).and_then(Value::as_u64);
    let total = |key: &str| records.iter().filter_map(|record| number(record, key)).sum::<u64>();
    let of = |end: &str| (total(&format!("{end}.packets")), total(&format!("{end}.bytes")));
    let (source, destination) = (of("source"), of("destination"));
    ensure!(source == (PACKETS, PACKETS * FRAME), "{source:?} packets and bytes sent: {records:?}");
    ensure!(
        destination == (ANSWERS, ANSWERS * FRAME_OF_ANSWER),
        "{destination:?} packets and bytes answered: {records:?}"
    );
    for record in records {
        for (end, address, port) in [("source", CLIENT, 5000), ("destination", SERVER, 6000)] {
            let is_there = record.get(&format!("{end}.address")).is_some_and(|known| known == address);
            ensure!(is_there && number(record, &format!("{end}.port")) == Some(port), "{end}: {record:?}");
        }
    }
    Ok(())
}
