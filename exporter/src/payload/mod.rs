//! What the first bytes of a connection's side are.
//!
//! The bytes are a stranger's: every function here is total, and gives what is certain and no more.

mod database;
mod dns;
mod icmp;
mod quic;
#[cfg(test)]
mod tests;
mod text;
mod tls;

pub use self::icmp::read_quoted;

use crate::flow::Start;

/// How far the bytes could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// They are a known protocol's, and all of what is looked for was there.
    Parsed,
    /// They are a known protocol's, or may be, and end too early.
    Incomplete,
    /// They are nothing that is known.
    Unknown,
}

/// Reads a datagram from or to the port of DNS.
#[must_use]
pub fn read_dns(bytes: &[u8]) -> (Start, Outcome) {
    match dns::read(bytes) {
        Some(start) => (start, Outcome::Parsed),
        None => (Start::Unknown, Outcome::Unknown),
    }
}

/// Reads a datagram of `len` bytes at other ports.
#[must_use]
pub fn read_datagram(bytes: &[u8], len: usize) -> (Start, Outcome) {
    match quic::read(bytes, len) {
        Some(start) => (start, Outcome::Parsed),
        None => (Start::Unknown, Outcome::Unknown),
    }
}

/// Reads the first bytes of a TCP connection from or to the port of DNS: whatever they are.
#[must_use]
pub fn read_dns_stream(bytes: &[u8], len: usize) -> (Start, Outcome) {
    match dns::read_stream(bytes) {
        Some(start) => (start, Outcome::Parsed),
        None => read(bytes, len),
    }
}

/// Reads the first bytes that a side sent, of a segment that carries `len` of them.
#[must_use]
pub fn read(bytes: &[u8], len: usize) -> (Start, Outcome) {
    if let Some(found) = tls::read(bytes) {
        return found;
    }
    match database::read(bytes, len).or_else(|| text::read(bytes)) {
        Some(start) => (start, Outcome::Parsed),
        None => (Start::Unknown, Outcome::Unknown),
    }
}
