//! What records say of a connection by its first bytes: real TLS, and protocols without.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::program::Program;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, Stream,
    SupportedProtocolVersion,
};
use semconv::{attribute, value};
use serde_json::{Value, json};

use crate::collector::exporting;
use crate::program::command;
use crate::telemetry::{LISTEN, get};
use crate::topology::{Pair, SERVER};

pub(crate) const NAME: &str = "shop.example";
/// Of no meaning.
pub(crate) const PORT: u16 = 50_443;
/// Longer than anything here takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// Both ends of a connection at a port.
pub(crate) fn connect(pair: &Pair, port: u16) -> Result<(TcpStream, TcpStream)> {
    let address = SocketAddr::new(SERVER.parse()?, port);
    let listener = pair.server.enter(|| TcpListener::bind(address))??;
    let client = pair.client.enter(|| TcpStream::connect(address))??;
    let (server, _) = listener.accept()?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
    }
    Ok((client, server))
}

/// What crosses the server's interface, as records.
pub(crate) fn observe(pair: &Pair, arguments: &[&str]) -> Result<Program> {
    Program::start(command(
        &pair.server,
        &[&["flows", "--format", "json", "--interval", "1h"], arguments].concat(),
    ))
}

/// The last record of the connection to a port.
pub(crate) fn record(records: &[Value], port: u16) -> Result<&Value> {
    let is_its = |record: &&Value| record[attribute::DESTINATION_PORT.key] == port;
    records.iter().rfind(is_its).with_context(|| format!("no record of port {port}: {records:?}"))
}

pub(crate) fn ensure_says(record: &Value, expected: &[(semconv::Attribute, Value)]) -> Result<()> {
    for (attribute, value) in expected {
        ensure!(record[attribute.key] == *value, "{} is not {value}: {record}", attribute.key);
    }
    Ok(())
}

/// A client that offers two protocols, and a server that chooses the second.
pub(crate) fn configurations(
    version: &'static SupportedProtocolVersion,
) -> Result<(Arc<ClientConfig>, Arc<ServerConfig>)> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()])?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone())?;
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(client), Arc::new(server)))
}

/// Says a word over TLS, and takes it back.
fn talk(pair: &Pair, port: u16, version: &'static SupportedProtocolVersion) -> Result<()> {
    let (client_config, server_config) = configurations(version)?;
    let (mut client, mut server) = connect(pair, port)?;
    let answering = thread::spawn(move || -> Result<()> {
        let mut tls = ServerConnection::new(server_config)?;
        let mut stream = Stream::new(&mut tls, &mut server);
        let mut word = [0; 5];
        stream.read_exact(&mut word)?;
        Ok(stream.write_all(&word)?)
    });
    let mut tls = ClientConnection::new(client_config, ServerName::try_from(NAME)?)?;
    let mut stream = Stream::new(&mut tls, &mut client);
    stream.write_all(b"hello")?;
    stream.read_exact(&mut [0; 5])?;
    answering.join().map_err(|_| anyhow::anyhow!("the server panicked"))?
}

/// Name, version and protocols of a handshake, as far as the version shows them.
pub(crate) fn tls() -> Result<()> {
    let pair = Pair::new()?;
    let program = observe(&pair, &[])?;
    talk(&pair, PORT, &TLS13)?;
    talk(&pair, PORT + 1, &TLS12)?;
    let _silent = connect(&pair, PORT + 2)?;
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let records = ended.records()?;
    for (port, version, chosen) in [(PORT, "1.3", Value::Null), (PORT + 1, "1.2", json!("http/1.1"))] {
        let record = record(&records, port)?;
        ensure_says(
            record,
            &[
                (attribute::NETWORK_FLOW_ENCRYPTION, json!(value::network_flow_encryption::TLS)),
                (attribute::TLS_PROTOCOL_NAME, json!(value::tls_protocol_name::TLS)),
                (attribute::TLS_PROTOCOL_VERSION, json!(version)),
                (attribute::SERVER_ADDRESS, json!(NAME)),
                (attribute::NETWORK_TLS_OFFERED_PROTOCOLS, json!(["h2", "http/1.1"])),
                (attribute::TLS_NEXT_PROTOCOL, chosen),
                (attribute::NETWORK_PROTOCOL_NAME, Value::Null),
            ],
        )?;
    }
    // Flags that the programs keep back while they wait for data are said all the same.
    let silent = [
        (attribute::NETWORK_FLOW_ENCRYPTION, Value::Null),
        (attribute::NETWORK_TCP_FLAGS, json!(["syn", "ack"])),
    ];
    ensure_says(record(&records, PORT + 2)?, &silent)
}

/// Says a word, and another one back.
fn speak(pair: &Pair, port: u16, from_client: &[u8], from_server: &[u8]) -> Result<()> {
    let (mut client, mut server) = connect(pair, port)?;
    client.write_all(from_client)?;
    server.read_exact(&mut vec![0; from_client.len()])?;
    server.write_all(from_server)?;
    Ok(client.read_exact(&mut vec![0; from_server.len()])?)
}

/// What client and server say; encryption, protocol and version.
type Case = (&'static [u8], &'static [u8], &'static str, Value, Value);

/// Whoever speaks first, in words that are known or not, and to whoever turned it off.
pub(crate) fn without_tls() -> Result<()> {
    use value::network_flow_encryption as encryption;
    use value::network_protocol_name as name;
    let pair = Pair::new()?;
    let program = observe(&pair, &[])?;
    let request = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let cases: [Case; 5] = [
        (request, b"HTTP/1.1 204 No Content\r\n\r\n", encryption::NONE, json!(name::HTTP), json!("1.1")),
        (b"", b"SSH-2.0-Test\r\n", encryption::SSH, json!(name::SSH), json!("2.0")),
        (b"", b"220 mail.example ESMTP\r\n", encryption::UNKNOWN, json!(name::SMTP), Value::Null),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"N", encryption::NONE, json!(name::POSTGRESQL), Value::Null),
        (b"\x01\x02\x03", b"\x04", encryption::UNKNOWN, Value::Null, Value::Null),
    ];
    for ((client, server, ..), port) in cases.iter().zip(PORT..) {
        speak(&pair, port, client, server)?;
    }
    let records = program.stop()?.records()?;
    for ((_, _, encryption, protocol, version), port) in cases.into_iter().zip(PORT..) {
        ensure_says(
            record(&records, port)?,
            &[
                (attribute::NETWORK_FLOW_ENCRYPTION, json!(encryption)),
                (attribute::NETWORK_PROTOCOL_NAME, protocol),
                (attribute::NETWORK_PROTOCOL_VERSION, version),
                (attribute::TLS_PROTOCOL_VERSION, Value::Null),
            ],
        )?;
    }
    let program = observe(&pair, &["--facts=false"])?;
    speak(&pair, PORT, request, b"HTTP/1.1 204 No Content\r\n\r\n")?;
    let records = program.stop()?.records()?;
    ensure_says(record(&records, PORT)?, &[(attribute::NETWORK_FLOW_ENCRYPTION, Value::Null)])
}

/// Bytes from the middle of a connection are nobody's first, whatever they look like.
pub(crate) fn from_the_middle() -> Result<()> {
    let pair = Pair::new()?;
    let (mut client, mut server) = connect(&pair, PORT)?;
    let program = observe(&pair, &[])?;
    client.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    server.read_exact(&mut [0; 18])?;
    let records = program.stop()?.records()?;
    ensure_says(record(&records, PORT)?, &[(attribute::NETWORK_FLOW_ENCRYPTION, Value::Null)])
}

/// A hello that comes in pieces is TLS, and no more is said of it than its first piece does.
pub(crate) fn cut() -> Result<()> {
    let pair = Pair::new()?;
    let mut command = exporting(&pair, "http://127.0.0.1:4317", "none");
    command.args(["--listen", LISTEN]);
    let program = Program::start(command)?;
    let (client_config, _) = configurations(&TLS13)?;
    let mut tls = ClientConnection::new(client_config, ServerName::try_from(NAME)?)?;
    let mut hello = Vec::new();
    tls.write_tls(&mut hello)?;
    let (mut client, mut server) = connect(&pair, PORT)?;
    for piece in hello.chunks(10) {
        client.write_all(piece)?;
        // Each is its own segment, as nothing else is on its way.
        server.read_exact(&mut vec![0; piece.len()])?;
    }
    let mut seen = String::new();
    let arrived = until("the hello is counted", PATIENCE, || {
        seen = get(&pair.server, "/metrics")?.1;
        Ok(seen.contains("flow_exporter_payload_count_total{flow_exporter_payload_fate=\"incomplete\"} 1\n"))
    });
    arrived.with_context(|| seen)?;
    program.stop()?;
    Ok(())
}
