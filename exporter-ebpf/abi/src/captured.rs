//! Frames of a capture: what user space says of them before it has a program run on them, and what the program answers.
//!
//! One thread hands the frames over, and the programs run within its calls alone: nobody writes these maps meanwhile, and user space may
//! empty an entry where it lies.
//!
//! A call of the kernel costs several times what a program does, so one call has the program run on as many frames as a [`Batch`]
//! holds: each run puts the next one into the packet that the call made.

use crate::place;

/// What only the capture knows of a frame. 24 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// When it was captured, in nanoseconds since whenever; not 0.
    pub time_ns: u64,
    /// Its interface's number in the capture.
    pub scope: u32,
    /// Index of its interface, where the frame says it, or 0.
    pub ifindex: u32,
    /// Its length on the wire.
    pub len: u32,
    /// Not 0 if the program [held](outcome::HELD) it before: now it is counted.
    pub is_again: u32,
}

const _: () = assert!(size_of::<Captured>() == 24);

/// A frame that waits, or that a program ran on. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// What the capture says of it.
    pub captured: Captured,
    /// How many of its first bytes there are, at most [`MOST_BYTES`](Frame::MOST_BYTES): in the map of bytes, under its number in the batch.
    pub bytes: u32,
    /// What became of it, once a program ran on it: see [`outcome`].
    pub outcome: u32,
}

const _: () = assert!(size_of::<Frame>() == 32);

impl Frame {
    /// Bytes of a frame that are looked at: what a test run takes on all machines.
    pub const MOST_BYTES: usize = 3520;
}

/// Frames that a program runs on in one call. User space writes it before the call, the program in it. 1056 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// That of the frame that the program runs on.
    pub current: Captured,
    /// The number of the frame that comes next.
    pub next: u32,
    /// How many frames there are. A program makes it less, to end there: what became of a frame has to be looked at before the next one.
    pub end: u32,
    /// By number.
    pub frames: [Frame; Batch::MOST_FRAMES as usize],
}

const _: () = assert!(size_of::<Batch>() == 32 + 32 * Batch::MOST_FRAMES as usize);

impl Batch {
    /// Frames that a batch holds. With more the call's part of each is hardly less.
    pub const MOST_FRAMES: u32 = 32;
}

/// What becomes of a frame: the number of the entry that counts it, below [`MOST_ENTRIES`](outcome::MOST_ENTRIES), or why there is none.
pub mod outcome {
    use super::place;

    /// Of both generations.
    pub const MOST_ENTRIES: u32 = 2 * place::MAX_ENTRIES;
    /// It belongs to no flow, or to none that is wanted: counted by hook.
    pub const LEFT_OUT: u32 = 1 << 31;
    /// Its headers contradict themselves: counted by hook.
    pub const MALFORMED: u32 = LEFT_OUT | 1;
    /// It opens a connection in an entry that has packets of another one: not counted. The entry is to be read first.
    pub const HELD: u32 = LEFT_OUT | 2;
    /// The kernel did not put it into the packet: not counted.
    pub const REFUSED: u32 = LEFT_OUT | 3;
}

/// How long a timer tick is, as a power of two of nanoseconds: about a millisecond.
pub const TICK: u32 = 20;
