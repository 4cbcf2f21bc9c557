//! Header parser of the kernel programs.
//!
//! It reads through [`Frame`], so the same code runs on a packet in the kernel (bounds that the verifier accepts, no copy), on
//! a packet whose headers lie outside its linear part (copied header by header), and on a slice in host tests and fuzzing.
#![no_std]
#![expect(
    clippy::inline_always,
    reason = "a call in the middle of a packet's way costs the kernel more than its body"
)]

#[cfg(feature = "check")]
pub mod check;
mod ethernet;
mod extension;
mod frame;
mod ipv4;
mod ipv6;
mod parse;
mod plain;
mod sequence;
mod timestamps;
mod transport;
mod wire;

pub use crate::frame::{Copied, Frame, Header, MAX_OFFSET};
pub use crate::parse::{Datagram, Fragment, Link, Metadata, Packet, Reject, parse, parse_slice};
pub use crate::plain::parse_plain;
pub use crate::sequence::{Segment, SentAt};
pub use crate::timestamps::{Answer, Stamped};
pub use crate::wire::{Size, Wire};
