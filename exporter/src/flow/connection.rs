//! What is known of a TCP connection.

use std::time::Duration;

use semconv::value::{error_type, network_connection_state, network_tcp_reset_side};

use crate::flow::RoundTrips;

/// A connection as of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Where it stands, as far as that is known.
    pub state: Option<ConnectionState>,
    /// Why it failed, if it did; in the last record only.
    pub error: Option<ConnectionError>,
    /// Who broke it off, if one end did; in the last record only.
    pub reset: Option<ResetSide>,
    /// How long its opening took, in the record that is the first to know and in all later ones.
    pub times: HandshakeTimes,
    /// Round-trip times as of the record.
    pub round_trips: RoundTrips,
    /// How its opening ended, in the first record that knows: each connection is opened once.
    pub opening: Option<Opening>,
}

/// Times of a handshake at one interface, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandshakeTimes {
    /// From the SYN to the SYN-ACK, where that answers no other SYN.
    pub server: Option<Duration>,
    /// From the SYN-ACK to the ACK, where that answers no other SYN-ACK.
    pub client: Option<Duration>,
    /// From the first SYN to the ACK.
    pub connect: Option<Duration>,
}

/// How the opening of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// There was a connection.
    Established,
    /// There was none.
    Failed(ConnectionError),
}

/// State of a connection (RFC 9293), as far as it shows between the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// A SYN, and no answer.
    SynSent,
    /// A SYN-ACK, and no ACK; or a SYN of both ends.
    SynReceived,
    /// The initiator has acknowledged.
    Established,
    /// The source has sent its last word, and the destination has not.
    FinWait,
    /// The destination has sent its last word, and the source has not.
    CloseWait,
    /// Both ends have sent their last word, or one has broken off.
    Closed,
}

/// The end whose RST ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetSide {
    /// The initiator.
    Source,
    /// The other end.
    Destination,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionError {
    /// A RST answered the SYN.
    Refused,
    /// A RST came later.
    Reset,
    /// Nothing answered the SYN.
    TimedOut,
    /// An ICMP error answered the SYN: there is no way to the other end.
    HostUnreachable,
}

impl HandshakeTimes {
    /// The whole round trip, where both of its parts are one.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.connect.filter(|_| self.server.is_some() && self.client.is_some())
    }
}

impl ConnectionState {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        use network_connection_state as value;
        match self {
            Self::SynSent => value::SYN_SENT,
            Self::SynReceived => value::SYN_RECEIVED,
            Self::Established => value::ESTABLISHED,
            Self::FinWait => value::FIN_WAIT_1,
            Self::CloseWait => value::CLOSE_WAIT,
            Self::Closed => value::CLOSED,
        }
    }
}

impl ResetSide {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        use network_tcp_reset_side as value;
        match self {
            Self::Source => value::SOURCE,
            Self::Destination => value::DESTINATION,
        }
    }
}

impl ConnectionError {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        use error_type as value;
        match self {
            Self::Refused => value::REFUSED,
            Self::Reset => value::RESET,
            Self::TimedOut => value::TIMED_OUT,
            Self::HostUnreachable => value::HOST_UNREACHABLE,
        }
    }
}
