//! Protocols that begin with text, and telnet.

use crate::flow::{Protocol, Start};

/// Methods of HTTP (RFC 9110, RFC 5789), for request lines that do not end within the bytes.
const METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];

/// With which a client begins that knows that the server speaks HTTP/2 (RFC 9113 section 3.4).
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) fn read(bytes: &[u8]) -> Option<Start> {
    if bytes.starts_with(HTTP_2) {
        return Some(plain(Protocol::Http, Some("2")));
    }
    http(bytes)
        .or_else(|| ssh(bytes))
        .or_else(|| greeting(bytes))
        .or_else(|| redis(bytes))
        .or_else(|| telnet(bytes))
}

fn plain(protocol: Protocol, version: Option<&str>) -> Start {
    Start::Plain { protocol, version: version.map(Into::into) }
}

/// The bytes up to the end of the line, and whether it ends within them.
fn line(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => (bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]), true),
        None => (bytes, false),
    }
}

/// A request line or a status line (RFC 9112).
fn http(bytes: &[u8]) -> Option<Start> {
    let (line, has_end) = line(bytes);
    let version = |word: &[u8]| match word {
        b"HTTP/1.1" => Some("1.1"),
        b"HTTP/1.0" => Some("1.0"),
        _ => None,
    };
    if let Some(version) = line.get(..8).and_then(version) {
        return (line.get(8) == Some(&b' ')).then(|| plain(Protocol::Http, Some(version)));
    }
    let mut words = line.split(|&byte| byte == b' ');
    let (method, target) = (words.next()?, words.next()?);
    if has_end {
        let is_method = !method.is_empty() && method.iter().all(u8::is_ascii_uppercase);
        let version = words.next().and_then(version).filter(|_| words.next().is_none() && is_method)?;
        return Some(plain(Protocol::Http, Some(version)));
    }
    let is_target = matches!(target.first(), Some(b'/' | b'h'));
    (METHODS.contains(&method) && is_target).then(|| plain(Protocol::Http, None))
}

/// `SSH-protoversion-softwareversion` (RFC 4253 section 4.2).
fn ssh(bytes: &[u8]) -> Option<Start> {
    let (line, _) = line(bytes);
    let version = line.strip_prefix(b"SSH-")?.split(|&byte| byte == b'-').next()?;
    let is_version = !version.is_empty() && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let version = std::str::from_utf8(version).ok().filter(|_| is_version && version.len() <= 8)?;
    Some(plain(Protocol::Ssh, Some(version)))
}

/// SMTP and FTP servers begin with the same code, and say in the same line what they are (RFC 5321, RFC 959).
fn greeting(bytes: &[u8]) -> Option<Start> {
    let (line, _) = line(bytes);
    if line.starts_with(b"EHLO ") || line.starts_with(b"HELO ") {
        return Some(plain(Protocol::Smtp, None));
    }
    let text = line.strip_prefix(b"220 ").or_else(|| line.strip_prefix(b"220-"))?;
    let says = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
    if says(b"SMTP") {
        Some(plain(Protocol::Smtp, None))
    } else {
        says(b"FTP").then(|| plain(Protocol::Ftp, None))
    }
}

/// A command as an array of bulk strings (RESP).
fn redis(bytes: &[u8]) -> Option<Start> {
    let (number, rest) = number(bytes.strip_prefix(b"*")?)?;
    let (length, _) = self::number(rest.strip_prefix(b"$")?)?;
    (number > 0 && length > 0).then(|| plain(Protocol::Redis, None))
}

/// A decimal number and the end of its line.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    let number = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    Some((number, bytes[end..].strip_prefix(b"\r\n")?))
}

/// Negotiations of options (RFC 854), two of them unless there is no more.
fn telnet(bytes: &[u8]) -> Option<Start> {
    let is_negotiation = |bytes: &[u8]| matches!(bytes, [0xff, 0xfb..=0xfe, 0..=49]);
    let (first, rest) = bytes.split_first_chunk::<3>()?;
    let is_second = rest.is_empty() || rest.first_chunk::<3>().is_some_and(|second| is_negotiation(second));
    (is_negotiation(first) && is_second).then(|| plain(Protocol::Telnet, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Protocol::{Ftp, Http, Redis, Smtp, Ssh, Telnet};

    #[test]
    fn protocols_are_known_by_their_first_words() {
        let cases: [(&[u8], Protocol, Option<&str>); 16] = [
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Http, Some("1.1")),
            (b"PROPFIND /a HTTP/1.1\r\n", Http, Some("1.1")),
            (b"POST /long/without/end", Http, None),
            (b"HTTP/1.0 200 OK\r\n", Http, Some("1.0")),
            (HTTP_2, Http, Some("2")),
            (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", Ssh, Some("2.0")),
            (b"SSH-1.99-Cisco-1.25\n", Ssh, Some("1.99")),
            (b"220 mail.example.com ESMTP Postfix\r\n", Smtp, None),
            (b"220-mail.example.com ESMTP\r\n220 go on\r\n", Smtp, None),
            (b"EHLO client.example\r\n", Smtp, None),
            (b"220 (vsFTPd 3.0.3)\r\n", Ftp, None),
            (b"*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n", Redis, None),
            (b"*1\r\n$4\r\nPING\r\n", Redis, None),
            (b"\xff\xfb\x01\xff\xfd\x1f", Telnet, None),
            (b"\xff\xfd\x18", Telnet, None),
            (b"\xff\xfd\x18\xff\xfd\x20rest", Telnet, None),
        ];
        for (bytes, protocol, version) in cases {
            assert_eq!(read(bytes), Some(plain(protocol, version)), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_only_resembles_them_is_not_known() {
        let cases: [&[u8]; 13] = [
            b"",
            b"GET",
            b"get / HTTP/1.1\r\n",
            b"GET / SIP/2.0\r\n",
            b"INVITE sip:a@example.com SIP/2.0\r\n",
            b"HTTP/1.1",
            b"SSH-",
            b"220 ready\r\n",
            b"221 ESMTP\r\n",
            b"*x\r\n$4\r\n",
            b"*99999999999\r\n$4\r\n",
            b"\xff\xfb",
            b"\xff\xfb\x01\x00\x00\x00",
        ];
        for bytes in cases {
            assert_eq!(read(bytes), None, "{}", bytes.escape_ascii());
        }
    }
}
