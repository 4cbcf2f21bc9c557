//! The first bytes that a side of a connection sends, as they are shipped to user space.

/// What a packet carries, at most [`Payload::BYTES`] of it. Whether and where it was seen, the key says.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Of the key ([`PackedKey`](crate::PackedKey)).
    pub words: [u64; 6],
    /// Of the key.
    pub kind: u32,
    /// How many of [`bytes`](Self::bytes) are the packet's; those after them may be anything.
    pub shipped: u32,
    /// When the program saw the packet, precise clock, in nanoseconds of `CLOCK_MONOTONIC`.
    pub time_ns: u64,
    /// How many bytes the packet carries behind its transport header.
    pub len: u32,
    /// Explicit padding.
    pub pad: u32,
    /// The first of them.
    pub bytes: [u8; Self::BYTES as usize],
}

const _: () = assert!(size_of::<Payload>() == 584 && core::mem::offset_of!(Payload, bytes) == 72);

impl Payload {
    /// Bytes that are shipped of a packet, at most.
    pub const BYTES: u32 = 512;
}

/// [`Facts::start`](crate::Facts::start): whether the first data of a connection's side is still looked for, and how many segments
/// without it were looked at since the connection opened.
pub mod start {
    /// None so far.
    pub const OPEN: u8 = 0;
    /// It was shipped, or this entry will not see it.
    pub const OVER: u8 = u8::MAX;
}

/// Who waits for the first data of whom: source and destination address, and the ports with the scope above them, because another
/// network may have a connection of the same addresses and ports.
pub type Awaited = [u64; 5];
