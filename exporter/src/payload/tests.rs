//! Handshakes as rustls makes them.

use std::sync::Arc;

use proptest::prelude::*;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion,
};

use super::{Outcome, read};
use crate::flow::{Start, Tls, TlsVersion};

const NAME: &str = "shop.example";

/// The first bytes of a client, and of the server that it meets.
fn hellos(version: &'static SupportedProtocolVersion) -> (Vec<u8>, Vec<u8>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(NAME).unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
    client.write_tls(&mut from_client).unwrap();
    server.read_tls(&mut &*from_client).unwrap();
    server.process_new_packets().unwrap();
    server.write_tls(&mut from_server).unwrap();
    (from_client, from_server)
}

fn client_says() -> Tls {
    let offered = ["h2", "http/1.1"].map(Into::into).to_vec();
    Tls { server_name: Some(NAME.into()), offered, ..Tls::default() }
}

#[test]
fn hellos_say_name_version_and_protocols() {
    for (version, says) in [
        (&TLS13, Tls { version: Some(TlsVersion::Tls13), ..Tls::default() }),
        (
            &TLS12,
            Tls {
                version: Some(TlsVersion::Tls12),
                next_protocol: Some("http/1.1".into()),
                ..Tls::default()
            },
        ),
    ] {
        let (client, server) = hellos(version);
        assert_eq!(read(&client, client.len()), (Start::Tls(client_says()), Outcome::Parsed));
        let shipped = &server[..server.len().min(512)];
        assert_eq!(read(shipped, server.len()), (Start::Tls(says), Outcome::Parsed));
    }
}

#[test]
fn a_hello_that_is_cut_says_what_is_there_and_never_anything_else() {
    for version in [&TLS12, &TLS13] {
        let (client, server) = hellos(version);
        let Start::Tls(server_says) = read(&server, server.len()).0 else { panic!("no TLS") };
        for (hello, says) in [(&client, client_says()), (&server, server_says)] {
            let mut complete = hello.len();
            for length in (1..hello.len()).rev() {
                let (start, outcome) = read(&hello[..length], length);
                if outcome == Outcome::Parsed {
                    complete = length;
                    assert_eq!(start, Start::Tls(says.clone()));
                    continue;
                }
                assert_eq!((outcome, length < complete), (Outcome::Incomplete, true), "of {length} bytes");
                let Start::Tls(cut) = start else {
                    assert!(length < 6, "{start:?} of {length} bytes");
                    continue;
                };
                assert!(cut.server_name.is_none() || cut.server_name == says.server_name);
                assert!(cut.version.is_none() || cut.version == says.version);
                assert!(cut.next_protocol.is_none() || cut.next_protocol == says.next_protocol);
                assert!(cut.offered.is_empty() || cut.offered == says.offered);
            }
        }
    }
}

#[test]
fn an_alert_is_tls_and_what_resembles_it_is_not() {
    let of = |bytes: &[u8]| read(bytes, bytes.len());
    assert_eq!(of(b"\x15\x03\x03\x00\x02\x02\x28"), (Start::Tls(Tls::default()), Outcome::Parsed));
    for other in [
        &b"\x15\x03\x03\x00\x03\x02\x28"[..],
        b"\x16\x02\x01\x00\xff\x01",
        b"\x16\x03\x01\xff\xff\x01",
        b"\x17\x03\x03\x00\xff\x01",
    ] {
        assert_eq!(of(other), (Start::Unknown, Outcome::Unknown), "{}", other.escape_ascii());
    }
    assert_eq!(of(b"\x16\x03"), (Start::Unknown, Outcome::Incomplete));
}

proptest! {
    /// Also of what looks like a hello, because that is where lengths are believed.
    #[test]
    fn any_bytes_are_read(
        prefix in 0_usize..7, bytes in proptest::collection::vec(any::<u8>(), 0..512), len in 0_usize..2000
    ) {
        const PREFIXES: [&[u8]; 7] = [
            b"", b"\x16\x03\x01\x00\xff\x01", b"\x16\x03\x03\x01\x00\x02", b"GET ", b"220 ", b"*1\r\n$",
            b"\x20\x00\x00\x01",
        ];
        let _ = read(&[PREFIXES[prefix], &bytes].concat(), len);
    }

    /// A real hello with bytes changed.
    #[test]
    fn a_hello_that_was_changed_is_read(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)
    ) {
        let (client, server) = hellos(&TLS12);
        for mut hello in [client, server] {
            for (at, byte) in &changes {
                let at = at.index(hello.len());
                hello[at] = *byte;
            }
            let _ = read(&hello, hello.len());
        }
    }
}
