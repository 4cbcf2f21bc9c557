//! Why a capture cannot be read on.

use std::io;

use super::link::LinkType;

/// What is wrong with which file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CaptureError {
    /// As the user named it.
    pub file: String,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a file. Positions are bytes from its begin; of a compressed file, in what it decompresses to.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be opened.
    #[error("cannot be opened: {0}")]
    Open(#[source] io::Error),
    /// The system does not give its bytes, or they do not decompress.
    #[error("cannot be read from byte {position} on: {source}")]
    Read {
        /// Bytes that were read.
        position: u64,
        /// The system's answer.
        source: io::Error,
    },
    /// It is something else.
    #[error(
        "is no capture: it begins neither as pcap nor as pcapng, compressed with gzip or not; tcpdump -w and Wireshark write both"
    )]
    NoCapture,
    /// It ends in the middle of something.
    #[error("ends in the middle of {what} at byte {position}, after {frames} frames: the capture was cut")]
    Cut {
        /// What is not whole.
        what: &'static str,
        /// Where that begins.
        position: u64,
        /// Frames before it.
        frames: u64,
    },
    /// It contradicts its format.
    #[error("is broken at byte {position}, after {frames} frames: {what}")]
    Broken {
        /// What is wrong there.
        what: String,
        /// Where.
        position: u64,
        /// Frames before it.
        frames: u64,
    },
    /// Its frames begin with a header that is not known.
    #[error(
        "has frames of link type {number} at byte {position}, after {frames} frames; known are {}",
        LinkType::KNOWN
    )]
    LinkType {
        /// As of <https://www.tcpdump.org/linktypes.html>.
        number: u32,
        /// The first such frame.
        position: u64,
        /// Frames before it.
        frames: u64,
    },
}
