//! What the first bytes of a connection's side are.
//!
//! The bytes are a stranger's: every function here is total, and gives what is certain and no more.

mod database;
#[cfg(test)]
mod tests;
mod text;
mod tls;

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
