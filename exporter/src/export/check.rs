//! What holds of every reply of a receiver: see [`crate::check`].

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tonic::Code;

use crate::export::classify::Verdict;
use crate::export::reply::{Answer, Body, Reply};
use crate::export::{Encoding, decode_response, grpc, http as over_http};

/// Bytes that a compressed message may have.
const MOST: usize = 1 << 16;

/// A reply of three bytes for protocol and status, lines of headers, an empty one, and a body. A header that begins with `+` comes
/// behind the body.
///
/// # Panics
/// If a reply counts as a success that is none, or a failure has no remedy.
pub fn reply(input: &[u8]) {
    let _ = decode_response(input);
    for encoding in [Encoding::Gzip, Encoding::Zstd] {
        if let Ok(content) = encoding.decompress(&Bytes::copy_from_slice(input), MOST) {
            assert!(content.len() <= MOST, "{} bytes", content.len());
        }
    }
    let Some((&[is_grpc, high, low], rest)) = input.split_first_chunk() else { return };
    let Ok(status) = StatusCode::from_u16(u16::from_be_bytes([high, low])) else { return };
    let (head, body) = match rest.windows(2).position(|two| two == b"\n\n") {
        Some(end) => (&rest[..end], &rest[end + 2..]),
        None => (rest, &[][..]),
    };
    let (trailers, headers): (Vec<_>, Vec<_>) =
        head.split(|byte| *byte == b'\n').partition(|line| line.starts_with(b"+"));
    let headers = map(headers.into_iter());
    let trailers = map(trailers.into_iter().map(|line| &line[1..]));
    let says_ok = [&headers, &trailers]
        .into_iter()
        .any(|map| grpc::status(map).is_some_and(|status| status.code() == Code::Ok));
    let body = Ok(Body { bytes: Bytes::copy_from_slice(body), trailers });
    let reply = Reply { status, headers, body };
    let is_grpc = is_grpc & 1 != 0;
    let answer = if is_grpc { grpc::answer(reply) } else { over_http::answer(reply, SystemTime::UNIX_EPOCH) };
    match answer {
        Answer::Taken(_) | Answer::Unreadable(_) => {
            assert!(if is_grpc { says_ok } else { status.is_success() }, "{status} is a success");
        }
        Answer::Failed(failure) => {
            assert!(is_grpc || !status.is_success(), "{status} is a failure");
            assert!(!failure.remedy.is_empty() && !failure.cause.is_empty(), "{failure:?}");
            let is_to_wait = matches!(failure.verdict, Verdict::Retry { after: Some(_) });
            assert!(!is_to_wait || is_grpc || status.is_client_error() || status.is_server_error());
        }
    }
}

fn map<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    };
    lines.filter_map(header).collect()
}
