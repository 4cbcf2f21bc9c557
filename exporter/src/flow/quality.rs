//! How well a TCP connection does.

use std::ops::AddAssign;
use std::time::Duration;

use semconv::value::network_tcp_rtt_view;

/// What a hook saw of one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// What the sender's socket said, if the hook met it.
    pub socket: Option<SocketView>,
    /// How long the way to the sender and back took by timestamps, if no socket was met.
    pub echo: Option<EchoView>,
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

/// Times from a hook to a sender and back, by the timestamps that it echoed, in microseconds and not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoView {
    /// The last one.
    pub last: u32,
    /// The least one.
    pub min: u32,
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

/// Round-trip times of a connection while it lives: by the sockets of this machine, else by timestamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrips {
    /// Smoothed, as of the socket that sent last.
    pub smoothed: Option<Duration>,
    /// The least that any of them has said.
    pub min: Option<Duration>,
    /// Whose times these are.
    pub view: Option<RoundTripView>,
    /// The part to the source and back, by timestamps.
    pub to_source: Option<Way>,
    /// The part to the destination and back, by timestamps.
    pub to_destination: Option<Way>,
}

/// From an interface to one end and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Smoothed.
    pub smoothed: Duration,
    /// The least.
    pub min: Duration,
}

/// What round-trip times are known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundTripView {
    /// A socket of this machine.
    Socket,
    /// The timestamps of forwarded segments.
    Timestamps,
}

impl RoundTripView {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        use network_tcp_rtt_view as value;
        match self {
            Self::Socket => value::SOCKET,
            Self::Timestamps => value::TIMESTAMPS,
        }
    }
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
