//! A frame of a capture: what user space says of it before it has a program run on it, and what the program answers.
//!
//! One thread hands the frames over, and the programs run within its calls alone: nobody writes these maps meanwhile, and user space may
//! empty an entry where it lies.

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
}

/// How long a timer tick is, as a power of two of nanoseconds: about a millisecond.
pub const TICK: u32 = 20;
