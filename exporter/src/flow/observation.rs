//! What user space reads from the kernel, decoded.

use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::clock::MonotonicTime;
use crate::flow::{Counts, Ecn, HookId, Mac, OtherReason, Quality, TcpFlags, Tuple, Vlan};

/// What one hook saw of one tuple on one CPU in one generation. The observations of all CPUs add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Where.
    pub hook: HookId,
    /// Who, from the sender's view.
    pub tuple: Tuple,
    /// How much. Never zero.
    pub counts: Counts,
    /// First packet, precise.
    pub first: MonotonicTime,
    /// Last packet, up to a timer tick early; never before `first`.
    pub last: MonotonicTime,
    /// When a TCP connection was opened.
    pub handshake: Handshake,
    /// Initial sequence number of the end that opens the TCP connection, where these packets say it. Packets of two connections that
    /// say it are never in one observation.
    pub initial: Option<NonZeroU32>,
    /// Source and destination of the first frame, where the device has a link layer.
    pub macs: Option<(Mac, Mac)>,
    /// VLAN tags of the first frame.
    pub vlan: Vlan,
    /// TCP flags seen.
    pub tcp_flags: TcpFlags,
    /// DSCP of the first packet.
    pub dscp: u8,
    /// ECN codepoints seen.
    pub ecn: Ecn,
    /// Fragments of packets were among them.
    pub is_fragmented: bool,
    /// How well a TCP connection does; nothing of other protocols, and where the programs do not note it.
    pub quality: Quality,
}

impl Observation {
    /// Whether the packets are for more than one receiver: a broadcast or a multicast, of which copies are made.
    #[must_use]
    pub fn is_to_many(&self) -> bool {
        let is_group = match self.tuple.destination_address() {
            IpAddr::V4(address) => address.is_multicast() || address.is_broadcast(),
            IpAddr::V6(address) => address.is_multicast(),
        };
        // The broadcast of a subnet looks like any address.
        is_group || self.macs.is_some_and(|(_, destination)| destination.is_group())
    }
}

/// Times of the first segments of each kind, precise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// SYN without ACK.
    pub syn: Option<MonotonicTime>,
    /// SYN with ACK.
    pub syn_ack: Option<MonotonicTime>,
    /// ACK without SYN and RST.
    pub ack: Option<MonotonicTime>,
    /// The second SYN, or the second SYN-ACK: what comes after it may answer either. Up to a millisecond or so early.
    pub again: Option<MonotonicTime>,
}

/// Packets of a hook that belong to no observation, since the last reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unattributed {
    /// Where, if the kernel had room to tell.
    pub hook: Option<HookId>,
    /// Why.
    pub reason: OtherReason,
    /// How much. Never zero.
    pub counts: Counts,
}
