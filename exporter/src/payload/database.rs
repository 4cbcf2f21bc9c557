//! PostgreSQL and MySQL, whose clients ask in their own protocol for TLS.

use crate::flow::{Protocol, Start, TlsRequest};

/// PostgreSQL's `SSLRequest`: its length and a code that is no version.
const POSTGRESQL_SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// MySQL's capability flags.
const CLIENT_PROTOCOL_41: u32 = 0x200;
const CLIENT_SSL: u32 = 0x800;
/// MySQL's length and sequence number.
const MYSQL_HEADER: usize = 4;
/// Bytes of MySQL's `SSLRequest`: what a response to the handshake begins with.
const MYSQL_SSL_REQUEST: usize = MYSQL_HEADER + 32;

/// Reads a segment of `len` bytes: messages at the start of a connection come alone.
pub(super) fn read(bytes: &[u8], len: usize) -> Option<Start> {
    match bytes {
        b"S" if len == 1 => Some(Start::TlsAnswer(true)),
        b"N" if len == 1 => Some(Start::TlsAnswer(false)),
        _ => postgresql(bytes, len).or_else(|| mysql(bytes, len)),
    }
}

/// The messages that begin a session, the only ones without a type.
fn postgresql(bytes: &[u8], len: usize) -> Option<Start> {
    if bytes == POSTGRESQL_SSL_REQUEST && len == bytes.len() {
        return Some(Start::TlsRequest(TlsRequest::PostgreSql));
    }
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (&[0, 3, 0, minor @ (0 | 2)], parameters) = rest.split_first_chunk::<4>()? else { return None };
    let is_whole = usize::try_from(u32::from_be_bytes(*length)) == Ok(len);
    let version = if minor == 0 { "3.0" } else { "3.2" };
    (is_whole && parameters.first().is_some_and(u8::is_ascii_lowercase))
        .then(|| Start::Plain { protocol: Protocol::PostgreSql, version: Some(version.into()) })
}

/// The server's greeting, and a client's answer to it.
fn mysql(bytes: &[u8], len: usize) -> Option<Start> {
    let &[a, b, c, sequence] = bytes.first_chunk::<MYSQL_HEADER>()?;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    if length + MYSQL_HEADER != len {
        return None;
    }
    let body = &bytes[MYSQL_HEADER..];
    let plain = Start::Plain { protocol: Protocol::MySql, version: None };
    match sequence {
        // Version 10 of the protocol, and that of the server as text.
        0 if body.first() == Some(&10) => {
            let end = body.iter().position(|&byte| byte == 0)?;
            let is_version = body[1..end].iter().all(u8::is_ascii_graphic) && body[1..end].len() > 2;
            is_version.then_some(plain)
        }
        1 => {
            let flags = u32::from_le_bytes(*body.first_chunk()?);
            // Behind the flags, the longest packet and the character set.
            let is_filled = body.get(9..28)?.iter().all(|&byte| byte == 0);
            if !is_filled || flags & CLIENT_PROTOCOL_41 == 0 {
                None
            } else if flags & CLIENT_SSL != 0 && len == MYSQL_SSL_REQUEST {
                Some(Start::TlsRequest(TlsRequest::MySql))
            } else {
                Some(plain)
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> Option<Start> {
        read(bytes, bytes.len())
    }

    fn postgresql_startup() -> Vec<u8> {
        let parameters = b"user\0alice\0database\0shop\0\0";
        let length = u32::try_from(parameters.len() + 8).unwrap();
        [&length.to_be_bytes()[..], &[0, 3, 0, 0], parameters].concat()
    }

    fn mysql_packet(sequence: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&length[..3], &[sequence], body].concat()
    }

    /// Flags, longest packet, character set and filler of a response.
    fn mysql_response(flags: u32) -> Vec<u8> {
        [&flags.to_le_bytes()[..], &0x0100_0000_u32.to_le_bytes(), &[45], &[0; 23]].concat()
    }

    #[test]
    fn a_postgresql_client_asks_for_tls_or_begins_without() {
        assert_eq!(of(&POSTGRESQL_SSL_REQUEST), Some(Start::TlsRequest(TlsRequest::PostgreSql)));
        let version = Some("3.0".into());
        assert_eq!(of(&postgresql_startup()), Some(Start::Plain { protocol: Protocol::PostgreSql, version }));
        assert_eq!(read(&postgresql_startup(), 1000), None, "another length");
        assert_eq!((of(b"S"), of(b"N")), (Some(Start::TlsAnswer(true)), Some(Start::TlsAnswer(false))));
        assert_eq!((read(b"S", 2), of(b"X")), (None, None));
    }

    #[test]
    fn a_mysql_client_asks_for_tls_or_goes_on_without() {
        let plain = Some(Start::Plain { protocol: Protocol::MySql, version: None });
        let greeting = mysql_packet(0, b"\x0a8.0.36\0\x08\0\0\0salt");
        assert_eq!(of(&greeting), plain);
        let ssl = mysql_packet(1, &mysql_response(CLIENT_PROTOCOL_41 | CLIENT_SSL));
        assert_eq!(of(&ssl), Some(Start::TlsRequest(TlsRequest::MySql)));
        let login = [&mysql_response(CLIENT_PROTOCOL_41)[..], b"root\0\0"].concat();
        assert_eq!(of(&mysql_packet(1, &login)), plain);
        assert_eq!(of(&mysql_packet(1, &[1; 32])), None, "no filler");
        assert_eq!(of(&greeting[..greeting.len() - 1]), None, "another length");
    }

    #[test]
    fn what_only_resembles_a_postgresql_session_is_none() {
        assert_eq!(read(&POSTGRESQL_SSL_REQUEST, 9), None, "more follows");
        for parameters in [&b"\0user"[..], b"User\0a\0", b"\x01\0", b""] {
            let length = u32::try_from(parameters.len() + 8).unwrap();
            let startup = [&length.to_be_bytes()[..], &[0, 3, 0, 0], parameters].concat();
            assert_eq!(of(&startup), None, "{}", parameters.escape_ascii());
        }
    }

    #[test]
    fn what_only_resembles_mysql_is_none() {
        let plain = Some(Start::Plain { protocol: Protocol::MySql, version: None });
        for (version, expected) in [("8.0", plain.clone()), ("8.", None), ("8.0\x01", None), ("", None)] {
            let greeting = [&[10], version.as_bytes(), b"\0\x08\0\0\0salt"].concat();
            assert_eq!(of(&mysql_packet(0, &greeting)), expected, "{version:?}");
        }
        let answer = |flags, rest: &[u8]| of(&mysql_packet(1, &[&mysql_response(flags)[..], rest].concat()));
        assert_eq!(answer(CLIENT_PROTOCOL_41, b""), plain, "as long as one that asks for TLS");
        assert_eq!(answer(CLIENT_PROTOCOL_41 | CLIENT_SSL, b"root\0"), plain, "longer");
        assert_eq!(answer(0, b"root\0"), None, "an old protocol");
        let mut filled = mysql_response(CLIENT_PROTOCOL_41);
        filled[20] = 1;
        assert_eq!(of(&mysql_packet(1, &filled)), None, "no filler");
    }
}
