//! TLS handshakes by their hello messages (RFC 8446 section 4.1, RFC 5246 section 7.4.1).

use tls_parser::{
    TlsExtension, TlsMessageHandshake, parse_tls_client_hello_extension, parse_tls_handshake_client_hello,
    parse_tls_handshake_msg_server_hello, parse_tls_server_hello_extension,
};

use crate::flow::{Start, Tls, TlsVersion};
use crate::payload::Outcome;

const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Of a record: type, version, length.
const RECORD_HEADER: usize = 5;
/// Of a handshake message: type, length.
const MESSAGE_HEADER: usize = 4;
/// Of an extension: type, length.
const EXTENSION_HEADER: usize = 4;
/// Bytes of a record at most, as TLS 1.2 encrypts it.
const LONGEST_RECORD: u16 = (1 << 14) + 2048;
/// What a client offers beyond this is left out.
const MOST_OFFERED: usize = 8;

/// Reads a hello. `None` if the bytes are no begin of TLS.
pub(super) fn read(bytes: &[u8]) -> Option<(Start, Outcome)> {
    let &content = bytes.first()?;
    if !matches!(content, HANDSHAKE | ALERT) || bytes.get(1).is_some_and(|&major| major != 3) {
        return None;
    }
    let Some(header) = bytes.first_chunk::<{ RECORD_HEADER + 1 }>() else {
        // Too little to tell.
        return Some((Start::Unknown, Outcome::Incomplete));
    };
    let &[_, _, minor, long, short, first] = header;
    let length = u16::from_be_bytes([long, short]);
    if minor > 4 || length > LONGEST_RECORD {
        return None;
    }
    match (content, first) {
        (ALERT, 1 | 2) if length == 2 => Some((Start::Tls(Tls::default()), Outcome::Parsed)),
        (HANDSHAKE, CLIENT_HELLO | SERVER_HELLO) if usize::from(length) > MESSAGE_HEADER => {
            let (tls, is_complete) = hello(bytes.get(RECORD_HEADER..)?, usize::from(length));
            let outcome = if is_complete { Outcome::Parsed } else { Outcome::Incomplete };
            Some((Start::Tls(tls), outcome))
        }
        _ => None,
    }
}

/// Reads a message of a record of this length, as far as it is there.
fn hello(bytes: &[u8], record: usize) -> (Tls, bool) {
    // What is behind the record is another one's.
    let message = &bytes[..bytes.len().min(record)];
    let Some((&[kind, a, b, c], body)) = message.split_first_chunk::<MESSAGE_HEADER>() else {
        return (Tls::default(), false);
    };
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let body = &body[..body.len().min(length)];
    let (tls, is_read) = if kind == CLIENT_HELLO { client_hello(body) } else { server_hello(body) };
    (tls, is_read && body.len() == length)
}

fn client_hello(body: &[u8]) -> (Tls, bool) {
    let mut tls = Tls::default();
    let Ok((rest, hello)) = parse_tls_handshake_client_hello(body) else { return (tls, false) };
    let is_read = extensions(
        hello.ext,
        rest,
        |bytes| Some(parse_tls_client_hello_extension(bytes).ok()?.1),
        |extension| match extension {
            TlsExtension::SNI(names) => {
                tls.server_name =
                    names.iter().find(|(kind, _)| kind.0 == 0).and_then(|(_, name)| host_name(name));
            }
            TlsExtension::ALPN(names) => {
                tls.offered =
                    names.iter().filter_map(|name| protocol_name(name)).take(MOST_OFFERED).collect();
            }
            _ => {}
        },
    );
    (tls, is_read)
}

fn server_hello(body: &[u8]) -> (Tls, bool) {
    let mut tls = Tls::default();
    let Ok((rest, TlsMessageHandshake::ServerHello(hello))) = parse_tls_handshake_msg_server_hello(body)
    else {
        return (tls, false);
    };
    let mut chosen = None;
    let is_read = extensions(
        hello.ext,
        rest,
        |bytes| Some(parse_tls_server_hello_extension(bytes).ok()?.1),
        |extension| match extension {
            TlsExtension::SupportedVersions(versions) => chosen = versions.first().copied(),
            TlsExtension::ALPN(names) => {
                tls.next_protocol = names.first().and_then(|name| protocol_name(name));
            }
            _ => {}
        },
    );
    // TLS 1.3 says it in an extension, and has cipher suites that no other version has (RFC 8446 appendix B.4).
    let is_version_13 = (0x1301..=0x1305).contains(&hello.cipher.0);
    tls.version = match chosen {
        Some(number) => version(number),
        None if is_version_13 => Some(TlsVersion::Tls13),
        None if is_read => version(hello.version),
        None => None,
    };
    (tls, is_read)
}

/// Gives the extensions of a hello, whose block may be cut: then it is in what the parser left. Says whether all were there.
fn extensions<'a>(
    block: Option<&'a [u8]>,
    left: &'a [u8],
    parse: impl Fn(&'a [u8]) -> Option<TlsExtension<'a>>,
    mut take: impl FnMut(TlsExtension<'a>),
) -> bool {
    let (mut rest, is_whole) = match block {
        Some(block) => (block, true),
        // A hello without extensions ends here.
        None => (left.get(2..).unwrap_or_default(), left.is_empty()),
    };
    while !rest.is_empty() {
        let Some(&[_, _, long, short]) = rest.first_chunk::<EXTENSION_HEADER>() else { return false };
        let length = EXTENSION_HEADER + usize::from(u16::from_be_bytes([long, short]));
        let Some((whole, next)) = rest.split_at_checked(length) else { return false };
        // One that contradicts itself says nothing, and the next one may.
        if let Some(extension) = parse(whole) {
            take(extension);
        }
        rest = next;
    }
    is_whole
}

/// A host name in lower case; anything else is no name (RFC 6066 section 3).
fn host_name(bytes: &[u8]) -> Option<Box<str>> {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = !bytes.is_empty() && bytes.len() <= 255 && bytes.iter().all(is_of_name);
    let name = std::str::from_utf8(bytes).ok().filter(|_| is_name)?;
    Some(name.to_ascii_lowercase().into())
}

/// A readable name of a protocol. Others are there to keep servers from choking on what they do not know (RFC 8701).
fn protocol_name(bytes: &[u8]) -> Option<Box<str>> {
    let is_name = !bytes.is_empty() && bytes.len() <= 32 && bytes.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(bytes).ok().filter(|_| is_name).map(Into::into)
}

fn version(number: tls_parser::TlsVersion) -> Option<TlsVersion> {
    match number {
        tls_parser::TlsVersion::Ssl30 => Some(TlsVersion::Ssl30),
        tls_parser::TlsVersion::Tls10 => Some(TlsVersion::Tls10),
        tls_parser::TlsVersion::Tls11 => Some(TlsVersion::Tls11),
        tls_parser::TlsVersion::Tls12 => Some(TlsVersion::Tls12),
        tls_parser::TlsVersion::Tls13 => Some(TlsVersion::Tls13),
        _ => None,
    }
}
