//! The list of headers in a variable.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// What is wrong with an entry of the headers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderProblem {
    /// No equals sign.
    #[error("it has no '=': write key=value, and a comma inside a value as %2C")]
    NoValue,
    /// A key that gRPC does not allow; what it allows, HTTP does.
    #[error("its key {0:?} is no key of OTLP: use letters, digits, '-', '_' and '.', no -bin at the end")]
    Key(String),
    /// A key that belongs to the protocol.
    #[error("its key {0:?} belongs to the protocol itself: remove the entry")]
    Reserved(String),
    /// A per cent sign without two hexadecimal digits.
    #[error("the value of {0:?} has a '%' without two hexadecimal digits: write a per cent sign as %25")]
    Percent(String),
    /// A value that headers do not allow.
    #[error(
        "the value of {0:?} has characters outside printable ASCII, which headers do not carry: remove them"
    )]
    Value(String),
}

/// Reads `key=value,...`, the list format of W3C Baggage with percent-encoded values. A key that comes again adds a header.
///
/// # Errors
/// The place of the first wrong entry, from 1, and what is wrong with it.
pub(super) fn headers(list: &str) -> Result<HeaderMap, (usize, HeaderProblem)> {
    let mut headers = HeaderMap::new();
    for (entry, text) in (1..).zip(list.split(',')) {
        if !text.trim().is_empty() {
            let (name, value) = header(text).map_err(|problem| (entry, problem))?;
            headers.append(name, value);
        }
    }
    Ok(headers)
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), HeaderProblem> {
    let (key, value) = text.split_once('=').ok_or(HeaderProblem::NoValue)?;
    let key = key.trim().to_ascii_lowercase();
    // gRPC over HTTP/2, "Custom-Metadata": a narrower set than that of HTTP; -bin marks base64, which nobody writes here.
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(valid) || key.ends_with("-bin") {
        return Err(HeaderProblem::Key(key));
    }
    let reserved = [
        "te",
        "connection",
        "host",
        "content-type",
        "content-length",
        "content-encoding",
        "transfer-encoding",
    ];
    if key.starts_with("grpc-") || reserved.contains(&key.as_str()) {
        return Err(HeaderProblem::Reserved(key));
    }
    let Some(value) = percent_decoded(value.trim()) else {
        return Err(HeaderProblem::Percent(key));
    };
    if !value.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(HeaderProblem::Value(key));
    }
    let (Ok(name), Ok(mut value)) =
        (HeaderName::try_from(key.as_str()), HeaderValue::from_maybe_shared(value))
    else {
        return Err(HeaderProblem::Key(key));
    };
    value.set_sensitive(true);
    Ok((name, value))
}

fn percent_decoded(text: &str) -> Option<Bytes> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16)?.try_into().ok();
            let (high, low): (u8, u8) = (digit()?, digit()?);
            high << 4 | low
        } else {
            byte
        });
    }
    Some(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_decoded_and_their_keys_are_lower_case() {
        let value = "Authorization=Bearer%20a%2Cb=, x-Scope.Org_ID = 7 ,,x=1,x=2,empty=";
        let headers = headers(value).unwrap();
        assert_eq!(headers["authorization"], "Bearer a,b=");
        assert_eq!(headers["x-scope.org_id"], "7");
        assert_eq!(headers.get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers["empty"], "");
    }

    #[test]
    fn wrong_headers_name_the_entry_and_hide_the_value() {
        for (list, place, part) in [
            ("a=1,secret", 2, "it has no '='"),
            (",=secret", 2, "its key \"\""),
            ("a b=secret", 1, "its key \"a b\""),
            ("trace-bin=secret", 1, "its key \"trace-bin\""),
            ("Content-Type=secret", 1, "\"content-type\" belongs to the protocol"),
            ("grpc-timeout=secret", 1, "\"grpc-timeout\" belongs to the protocol"),
            ("a=secret%2", 1, "the value of \"a\" has a '%'"),
            ("a=secret%zz", 1, "the value of \"a\" has a '%'"),
            ("a=secret%0A", 1, "outside printable ASCII"),
            ("a=secret%C3%A4", 1, "outside printable ASCII"),
        ] {
            let (entry, problem) = headers(list).unwrap_err();
            let sentence = problem.to_string();
            assert_eq!(entry, place, "{list}");
            assert!(sentence.contains(part), "{sentence}");
            assert!(!sentence.contains("secret"), "{sentence}");
        }
    }
}
