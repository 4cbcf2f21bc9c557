//! What records say of connections that a QUIC stack makes, whose datagrams the kernel may send many at a time.

use std::net::UdpSocket;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use flow_tests::traffic::address;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use rustls::version::TLS13;
use semconv::{attribute, value};
use serde_json::json;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::facts::{NAME, PATIENCE, PORT, configurations, ensure_says, observe, record};
use crate::topology::{CLIENT, CLIENT_V6, Pair, SERVER, SERVER_V6};

/// Versions as the stack takes them, and as records have them (RFC 9000, and its draft 29).
const VERSIONS: [(u32, &str); 2] = [(1, "1"), (0xff00_001d, "draft-29")];
/// Bytes that make more datagrams than one.
const MUCH: usize = 1 << 16;

/// Datagrams that each end has sent.
type Sent = [u64; 2];

fn endpoint(namespace: &Netns, host: &str, port: u16, server: Option<ServerConfig>) -> Result<Endpoint> {
    let socket = namespace.enter(|| UdpSocket::bind(address(host, port)))??;
    Ok(Endpoint::new(EndpointConfig::default(), server, socket, Arc::new(TokioRuntime))?)
}

fn sent(connection: &Connection) -> u64 {
    connection.stats().udp_tx.datagrams
}

/// Sends much to the server, which says how much it was.
async fn ask(connection: &Connection) -> Result<()> {
    let (mut to_server, mut from_server) = connection.open_bi().await?;
    to_server.write_all(&vec![7; MUCH]).await?;
    to_server.finish()?;
    let answer = from_server.read_to_end(8).await?;
    ensure!(answer == MUCH.to_be_bytes(), "{answer:?}");
    Ok(())
}

async fn serve(endpoint: &Endpoint) -> Result<u64> {
    let connection = endpoint.accept().await.context("no connection")?.await?;
    let (mut to_client, mut from_client) = connection.accept_bi().await?;
    let asked = from_client.read_to_end(2 * MUCH).await?;
    to_client.write_all(&asked.len().to_be_bytes()).await?;
    to_client.finish()?;
    connection.closed().await;
    endpoint.wait_idle().await;
    Ok(sent(&connection))
}

/// A whole connection, until neither end sends any more.
async fn talk(pair: &Pair, (client, server): (&str, &str), port: u16, version: u32) -> Result<Sent> {
    let (of_client, of_server) = configurations(&TLS13)?;
    let of_server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(of_server)?));
    let mut of_client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(of_client)?));
    of_client.version(version);
    let serving = endpoint(&pair.server, server, port, Some(of_server))?;
    let asking = endpoint(&pair.client, client, 0, None)?;
    let ask = async {
        let connection = asking.connect_with(of_client, address(server, port), NAME)?.await?;
        ask(&connection).await?;
        connection.close(0_u32.into(), b"done");
        asking.wait_idle().await;
        anyhow::Ok(sent(&connection))
    };
    let (from_client, from_server) = tokio::try_join!(ask, serve(&serving))?;
    Ok([from_client, from_server])
}

/// Each version over both versions of IP.
pub(crate) fn connections() -> Result<()> {
    let pair = Pair::with_ipv6()?;
    let program = observe(&pair, &[])?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut expected = Vec::new();
    for (hosts, first) in [((CLIENT, SERVER), PORT), ((CLIENT_V6, SERVER_V6), PORT + 10)] {
        for ((version, name), port) in VERSIONS.into_iter().zip(first..) {
            let talking = async { timeout(PATIENCE, talk(&pair, hosts, port, version)).await };
            let sent = runtime.block_on(talking)?.with_context(|| format!("{hosts:?}, {name}"))?;
            expected.push((port, name, sent));
        }
    }
    let records = program.stop()?.records()?;
    for (port, version, [from_client, from_server]) in expected {
        ensure_says(
            record(&records, port)?,
            &[
                (attribute::NETWORK_PROTOCOL_NAME, json!(value::network_protocol_name::QUIC)),
                (attribute::NETWORK_PROTOCOL_VERSION, json!(version)),
                (attribute::NETWORK_FLOW_ENCRYPTION, json!(value::network_flow_encryption::TLS)),
                (attribute::SOURCE_PACKETS, json!(from_client)),
                (attribute::DESTINATION_PACKETS, json!(from_server)),
            ],
        )?;
    }
    Ok(())
}
