//! Capture files: from a file's bytes to frames, and from a frame to what a program of the kernel takes.

mod capture;
mod encapsulation;
mod error;
mod input;
mod link;
mod pcap;
mod pcapng;
#[cfg(test)]
mod tests;

pub use self::capture::{Capture, Frame, Interface};
pub use self::error::{CaptureError, Problem};
pub use self::link::{LinkType, Packet};
