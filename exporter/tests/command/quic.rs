//! What records say of QUIC by the long headers of its first packets.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::program::Program;
use flow_tests::traffic::address;
use semconv::{attribute, value};
use serde_json::{Value, json};

use crate::program::command;
use crate::topology::{CLIENT, CLIENT_V6, Pair, SERVER, SERVER_V6};

/// Of no meaning.
const PORT: u16 = 50_443;
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// RFC 9000.
const V1: u32 = 1;
/// RFC 9369.
const V2: u32 = 0x6b33_43cf;
/// To be refused (RFC 9000 section 15).
const RESERVED: u32 = 0x1a2a_3a4a;
/// Instead of a version, in the server's list of them.
const NEGOTIATION: u32 = 0;
/// A packet with a short header.
const SHORT: &[u8] = &[0x41; 60];

const FROM_CLIENT: (&[u8], &[u8]) = (b"at random", b"client");
const FROM_SERVER: (&[u8], &[u8]) = (b"client", b"server");

/// A datagram with a long header: version, connection IDs of receiver and sender, and a payload that is not to be read.
fn long(version: u32, (to, from): (&[u8], &[u8]), payload: usize) -> Vec<u8> {
    let length = |id: &[u8]| u8::try_from(id.len()).expect("connection IDs are short");
    let ids = [&[length(to)], to, &[length(from)], from].concat();
    [&[0xc3], &version.to_be_bytes()[..], &ids, &vec![0; payload]].concat()
}

/// The same without the fixed bit (RFC 9287).
fn greased(version: u32, ids: (&[u8], &[u8])) -> Vec<u8> {
    let packet = long(version, ids, 1_170);
    [&[packet[0] & !0x40], &packet[1..]].concat()
}

/// Who sends what.
enum Said {
    Client(Vec<u8>),
    Server(Vec<u8>),
}

/// One conversation by its words; gives the client's port.
fn talk(asking: &UdpSocket, answering: &UdpSocket, words: &[Said]) -> Result<u16> {
    asking.connect(answering.local_addr()?)?;
    answering.connect(asking.local_addr()?)?;
    for word in words {
        let (from, to, bytes) = match word {
            Said::Client(bytes) => (asking, answering, bytes),
            Said::Server(bytes) => (answering, asking, bytes),
        };
        to.set_read_timeout(Some(PATIENCE))?;
        from.send(bytes)?;
        to.recv(&mut [0; 1500])?;
    }
    Ok(asking.local_addr()?.port())
}

/// Words, and what is said of them: encryption, protocol and version.
type Case = (Vec<Said>, Value, Value, Value);

fn cases() -> Vec<Case> {
    use Said::{Client, Server};
    let quic = || json!(value::network_protocol_name::QUIC);
    let tls = || json!(value::network_flow_encryption::TLS);
    let connection = |asked, answered| {
        vec![
            Client(long(asked, FROM_CLIENT, 1_170)),
            Server(long(answered, FROM_SERVER, 1_170)),
            Client(SHORT.to_vec()),
            Server(SHORT.to_vec()),
        ]
    };
    let negotiated = vec![
        Client(long(RESERVED, FROM_CLIENT, 1_170)),
        Server(long(NEGOTIATION, (b"client", b"at random"), 8)),
        Client(long(V1, (b"another", b"client again"), 1_170)),
        Server(long(V1, (b"client again", b"server"), 1_170)),
        Server(SHORT.to_vec()),
    ];
    vec![
        (connection(V1, V1), tls(), quic(), json!("1")),
        (connection(V1, V2), tls(), quic(), json!("2")),
        (negotiated, tls(), quic(), json!("1")),
        (vec![Client(long(V1, FROM_CLIENT, 1_170))], tls(), quic(), Value::Null),
        // The server's packets may look like nobody's, and alone they are.
        (
            vec![Client(long(V1, FROM_CLIENT, 1_170)), Server(greased(V1, FROM_SERVER))],
            tls(),
            quic(),
            json!("1"),
        ),
        (vec![Client(greased(V1, FROM_CLIENT))], Value::Null, Value::Null, Value::Null),
        // From the middle of a connection, and of a version that nobody knows.
        (vec![Client(SHORT.to_vec()), Server(SHORT.to_vec())], Value::Null, Value::Null, Value::Null),
        (connection(2, 2), Value::Null, Value::Null, Value::Null),
        // What comes after something else is not looked at.
        (
            vec![Client(SHORT.to_vec()), Client(long(V1, FROM_CLIENT, 1_170))],
            Value::Null,
            Value::Null,
            Value::Null,
        ),
    ]
}

/// The version is that of the answer, also after versions were negotiated, over both versions of IP.
pub(crate) fn versions() -> Result<()> {
    let pair = Pair::with_ipv6()?;
    let arguments = ["flows", "--format", "json", "--interval", "1h"];
    let program = Program::start(command(&pair.server, &arguments))?;
    let mut expected = Vec::new();
    for hosts in [(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)] {
        let answering = pair.server.enter(|| UdpSocket::bind(address(hosts.1, PORT)))??;
        for (words, encryption, protocol, version) in cases() {
            let asking = pair.client.enter(|| UdpSocket::bind(address(hosts.0, 0)))??;
            let port = talk(&asking, &answering, &words)?;
            expected.push((hosts.0, port, [encryption, protocol, version]));
        }
    }
    let records = program.stop()?.records()?;
    for (client, port, says) in expected {
        let is_its = |record: &&Value| {
            record[attribute::SOURCE_PORT.key] == port && record[attribute::SOURCE_ADDRESS.key] == client
        };
        let record = records.iter().rfind(is_its).with_context(|| format!("no record: {records:?}"))?;
        let attributes = [
            attribute::NETWORK_FLOW_ENCRYPTION,
            attribute::NETWORK_PROTOCOL_NAME,
            attribute::NETWORK_PROTOCOL_VERSION,
        ];
        for (attribute, value) in attributes.into_iter().zip(says) {
            ensure!(record[attribute.key] == value, "{} is not {value}: {record}", attribute.key);
        }
        ensure!(record[attribute::SOURCE_IP_ECN.key] == json!(["not_ect"]), "{record}");
    }
    Ok(())
}
