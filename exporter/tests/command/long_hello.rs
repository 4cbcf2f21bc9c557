//! What a record says of a client that offers a post-quantum key exchange, whose key share may push the host name behind the bytes
//! that are looked at.

use std::io::{Read, Write};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, ensure};
use flow_tests::program::Program;
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SharedSecret, SupportedKxGroup, ring};
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Error, NamedGroup, RootCertStore, ServerConnection, Stream};
use semconv::{attribute, value};
use serde_json::{Value, json};

use crate::facts::{NAME, PORT, configurations, connect, ensure_says, observe, record};
use crate::topology::Pair;

/// As many bytes of a connection's side as are looked at.
const LOOKED_AT: usize = abi::Payload::BYTES as usize;
/// Of X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem).
const KEY_SHARE: usize = 1216;
/// Far more than are needed: a client puts its extensions in a random order.
const MOST_HELLOS: usize = 1000;

/// A group whose key share is as long as a real one. The server of these tests does not know it, and asks for another.
#[derive(Debug)]
struct PostQuantum;

impl SupportedKxGroup for PostQuantum {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok(Box::new(Share([0x5a; KEY_SHARE])))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

struct Share([u8; KEY_SHARE]);

impl ActiveKeyExchange for Share {
    fn complete(self: Box<Self>, _: &[u8]) -> Result<SharedSecret, Error> {
        Err(Error::General("the server knows no such group".to_owned()))
    }

    fn pub_key(&self) -> &[u8] {
        &self.0
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

fn client() -> Result<Arc<ClientConfig>> {
    let provider = ring::default_provider();
    let kx_groups = [&PostQuantum as &dyn SupportedKxGroup].into_iter().chain(provider.kx_groups).collect();
    let provider = CryptoProvider { kx_groups, ..ring::default_provider() };
    let client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(Arc::new(client))
}

/// A client whose host name ends within the bytes that are looked at, or begins behind them; and its hello.
fn with_name(config: &Arc<ClientConfig>, is_early: bool) -> Result<(ClientConnection, Vec<u8>)> {
    for _ in 0..MOST_HELLOS {
        let mut tls = ClientConnection::new(Arc::clone(config), ServerName::try_from(NAME)?)?;
        let mut hello = Vec::new();
        tls.write_tls(&mut hello)?;
        let at = hello.windows(NAME.len()).position(|window| window == NAME.as_bytes()).context("no name")?;
        if (is_early && at + NAME.len() <= LOOKED_AT) || (!is_early && at > LOOKED_AT) {
            ensure!(hello.len() > KEY_SHARE, "a hello of {} bytes", hello.len());
            return Ok((tls, hello));
        }
    }
    anyhow::bail!("no hello with an early name: {is_early}")
}

/// Goes as far as the server's certificate, which this client trusts no more than any.
fn talk(pair: &Pair, port: u16, is_early: bool) -> Result<()> {
    let (_, of_server) = configurations(&TLS13)?;
    let (mut tls, hello) = with_name(&client()?, is_early)?;
    let (mut client, mut server) = connect(pair, port)?;
    let answering = thread::spawn(move || -> Result<()> {
        let mut tls = ServerConnection::new(of_server)?;
        let mut stream = Stream::new(&mut tls, &mut server);
        let said = stream.read(&mut [0; 1]).err().context("the client trusts it")?;
        ensure!(said.to_string().contains("UnknownCA"), "{said}");
        Ok(())
    });
    client.write_all(&hello)?;
    let said =
        Stream::new(&mut tls, &mut client).write_all(b"hello").err().context("it trusts the server")?;
    ensure!(said.to_string().contains("UnknownIssuer"), "{said}");
    drop(client);
    answering.join().map_err(|_| anyhow::anyhow!("the server panicked"))?
}

/// A name that is behind the bytes that are looked at is not said; all else is.
pub(crate) fn says() -> Result<()> {
    let pair = Pair::new()?;
    let program: Program = observe(&pair, &[])?;
    talk(&pair, PORT, true)?;
    talk(&pair, PORT + 1, false)?;
    let records = program.stop()?.records()?;
    for (port, name) in [(PORT, json!(NAME)), (PORT + 1, Value::Null)] {
        ensure_says(
            record(&records, port)?,
            &[
                (attribute::NETWORK_FLOW_ENCRYPTION, json!(value::network_flow_encryption::TLS)),
                (attribute::TLS_PROTOCOL_VERSION, json!("1.3")),
                (attribute::SERVER_ADDRESS, name),
            ],
        )?;
    }
    Ok(())
}
