//! How well a TCP connection does.

use std::ops::AddAssign;
use std::time::Duration;

/// What a hook saw of one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// What the sender's socket said, if the hook met it.
    pub socket: Option<SocketView>,
    /// What the segments told.
    pub disorder: Disorder,
}

/// What a socket says of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketView {
    /// Smoothed round-trip time, in microseconds.
    pub smoothed: u32,
    /// Least round-trip time of the last minutes, in microseconds; the greatest number if it has none.
    pub min: u32,
    /// Segments that it has sent again since it was opened.
    pub retransmits: u32,
}

/// Segments of one sender that were not simply the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// Sent again.
    pub retransmits: u32,
    /// Payload bytes of these.
    pub retransmitted_bytes: u32,
    /// Later than one that was sent after it.
    pub out_of_order: u32,
    /// Without room to receive.
    pub zero_windows: u32,
}

/// Round-trip times of a connection while it lives, by the sockets of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// Smoothed, as of the socket that sent last.
    pub smoothed: Option<Duration>,
    /// The least that any of them has said.
    pub min: Option<Duration>,
}

impl Disorder {
    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl AddAssign for Disorder {
    fn add_assign(&mut self, other: Self) {
        self.retransmits = self.retransmits.saturating_add(other.retransmits);
        self.retransmitted_bytes = self.retransmitted_bytes.saturating_add(other.retransmitted_bytes);
        self.out_of_order = self.out_of_order.saturating_add(other.out_of_order);
        self.zero_windows = self.zero_windows.saturating_add(other.zero_windows);
    }
}
