//! What is timed of a TCP connection by its timestamps, where packets are only forwarded.

/// The data that one side sends, and how long the other takes to echo its timestamp. At most one segment is timed at a time. 24 bytes.
///
/// A place may serve several connections one after the other, and programs of several CPUs write it. What makes a measurement,
/// [`sample`](Self::sample), is in one word, so a race loses one at most, and never makes a wrong one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Upper half: a timestamp of the data (TSval), exclusive-or the owner. Lower half: when it was first seen, in units of 1024
    /// ns, or 0 if it only comes before the one that is to be timed. 0 as a whole means "none".
    pub sample: u64,
    /// Hash of the connection that has this place.
    pub owner: u32,
    /// The timer tick in which the side that answers began to be watched, or to rest.
    pub since: u32,
    /// Segments of the side that answers that were looked at since then; 0 while it rests.
    pub looks: u32,
    /// How long it rests, in timer ticks.
    pub rest: u32,
}

/// The two directions of a connection.
pub type Timings = [Timing; 2];

const _: () = assert!(size_of::<Timings>() == 48);
