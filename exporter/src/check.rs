//! What holds of every input that others write, for fuzzing and property tests. Each function takes what a fuzzer gives, and panics if
//! something does not hold.

use std::collections::HashMap;
use std::io::Cursor;

use crate::command;
use crate::export::{Destination, MetricsSettings, Signal};
use crate::flow::Start;
use crate::kernel::{Filter, Glob};
use crate::payload::{Outcome, read, read_datagram, read_dns, read_dns_stream, read_quoted};
use crate::replay::{Capture, Packet};

pub use crate::export::check::reply;
pub use crate::kernel::check::{messages, types};

/// Bytes of a frame that a program takes.
const MOST_BYTES: usize = 3520;

/// The first bytes of a connection or of a datagram. Two bytes of the input say how many there were that were not shipped.
///
/// # Panics
/// If a name is none, or an outcome contradicts what was read.
pub fn payload(input: &[u8]) {
    let Some((&[low, high], bytes)) = input.split_first_chunk() else { return };
    let len = bytes.len() + usize::from(u16::from_le_bytes([low, high]));
    let shipped = &bytes[..bytes.len().min(abi::Payload::BYTES as usize)];
    for (start, outcome) in
        [read(shipped, len), read_dns(shipped), read_dns_stream(shipped, len), read_datagram(shipped, len)]
    {
        let is_known = start != Start::Unknown;
        assert!(outcome != Outcome::Parsed || is_known, "parsed as nothing");
        assert!(outcome != Outcome::Unknown || !is_known, "{start:?} is not known");
        match start {
            Start::Tls(tls) => {
                assert!(tls.server_name.as_deref().is_none_or(is_name), "{tls:?}");
                assert!(tls.offered.iter().chain(&tls.next_protocol).all(|name| is_text(name)), "{tls:?}");
            }
            Start::Dns(message) => assert!(is_text(&message.name) && is_name(&message.name), "{message:?}"),
            _ => {}
        }
    }
    for ip_version in [4, 6] {
        let quoted = read_quoted(shipped, ip_version);
        assert!(quoted.is_none_or(|tuple| tuple.ip_version == ip_version), "{quoted:?}");
    }
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// In lower case.
fn is_name(text: &str) -> bool {
    text.len() <= 255 && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A capture file, and what a program takes of its frames.
///
/// # Panics
/// If a frame or a packet is longer than it says.
pub fn capture(input: &[u8]) {
    let Ok(mut capture) = Capture::read("input".to_owned(), Cursor::new(input.to_vec())) else { return };
    let mut room = Vec::new();
    let mut frames = 0;
    while let Ok(Some(frame)) = capture.next_frame() {
        frames += 1;
        let captured = frame.bytes.len();
        assert!(frame.wire_len as usize >= captured, "{captured} bytes of {}", frame.wire_len);
        let packet = frame.link.packet(frame.bytes, frame.wire_len, MOST_BYTES, &mut room);
        if let Packet::Of { wire_len, bytes, .. } = packet {
            assert!(bytes.len() <= MOST_BYTES && bytes.len() <= wire_len as usize, "{packet:?}");
        }
    }
    assert_eq!(capture.frames(), frames);
}

/// The environment, a line for each variable; a configuration file; the rules of a filter; and a pattern with the name of an interface.
///
/// # Panics
/// If an error has no words, or a name does not fit itself.
pub fn settings(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let variables: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let errors = [Signal::Logs, Signal::Metrics].map(|signal| Destination::read(signal, &lookup).err());
    for error in errors.into_iter().chain([MetricsSettings::read(&lookup).err()]).flatten() {
        assert!(!error.to_string().is_empty(), "{error:?}");
    }
    if let Err(error) = command::read_config(&text) {
        assert!(error.to_string().starts_with("input:"), "{error:?}");
    }
    if let Err(error) = Filter::parse([&*text]) {
        assert!(!error.to_string().is_empty(), "{error:?}");
    }
    let (pattern, name) = text.split_once(' ').unwrap_or((&text, ""));
    if let Ok(glob) = pattern.parse::<Glob>() {
        assert!(!glob.is_literal() || glob.matches(pattern), "{pattern:?} is not itself");
        assert!(!glob.is_literal() || !glob.matches(name) || name == pattern, "{pattern:?} is {name:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A file of one frame, a beginning of TLS, a message of netlink, a reply, a setting, a configuration file.
    const SEEDS: [&[u8]; 6] = [
        b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x02\0\0\0ab",
        b"\0\0\x16\x03\x01\0\x2d\x01\0\0\x29\x03\x03",
        b"\x20\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x07\0\0\0\0\0\0\0\0\0\0\0",
        b"\0\xc8\0grpc-status: 0\n\n\0\0\0\0\x02\x0a\0",
        b"OTEL_EXPORTER_OTLP_ENDPOINT=http://a:1\nOTEL_EXPORTER_OTLP_HEADERS=a=%20b",
        b"memory: 1MiB\ninterface: [a*, 0x1]\notlp:\n  headers: {a: 1.10}\n  logs:\n    timeout: &x 1s\n",
    ];

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(
            seed in 0..SEEDS.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            more in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let mut input = [SEEDS[seed], &more].concat();
            for (at, byte) in changes {
                let at = at.index(input.len());
                input[at] = byte;
            }
            for check in [payload, capture, settings, reply, messages, types] {
                check(&input);
            }
        }
    }
}
