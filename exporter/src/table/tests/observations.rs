//! Observations, built in a line; time is a number of milliseconds.

use abi::{protocol, tcp_flags};

use crate::clock::{MonotonicTime, WallTime};
use crate::flow::{Counts, Ecn, Handshake, HookId, Icmp, Mac, Observation, Quality, TcpFlags, Tuple, Vlan};

pub(in crate::table) const SYN: u16 = tcp_flags::SYN;
pub(in crate::table) const ACK: u16 = tcp_flags::ACK;
pub(in crate::table) const FIN: u16 = tcp_flags::FIN;
pub(in crate::table) const RST: u16 = tcp_flags::RST;

/// Wall clock less monotonic clock.
pub(in crate::table) const OFFSET: u64 = 1_700_000_000_000_000_000;

/// Client `n`'s packets to the server. The client has the greater address, so a flow is not oriented by chance.
pub(in crate::table) fn tcp(n: u8) -> Tuple {
    Tuple {
        source: format!("::ffff:10.0.1.{n}").parse().unwrap(),
        destination: "::ffff:10.0.0.1".parse().unwrap(),
        source_port: Some(40_000),
        destination_port: Some(80),
        protocol: protocol::TCP,
        ip_version: 4,
        icmp: None,
    }
}

pub(in crate::table) fn udp(n: u8) -> Tuple {
    Tuple { protocol: protocol::UDP, ..tcp(n) }
}

pub(in crate::table) fn icmp(n: u8, kind: u8) -> Tuple {
    Tuple {
        protocol: protocol::ICMP,
        source_port: None,
        destination_port: None,
        icmp: Some(Icmp { kind, code: 0 }),
        ..tcp(n)
    }
}

pub(in crate::table) fn milliseconds(moment: u64) -> MonotonicTime {
    MonotonicTime(moment * 1_000_000)
}

pub(in crate::table) fn wall(moment: u64) -> WallTime {
    WallTime(OFFSET + milliseconds(moment).0)
}

/// Observations in a line: `seen(udp(1)).at(5).packets(3)`.
pub(in crate::table) fn seen(tuple: Tuple) -> Observation {
    Observation {
        hook: HookId(0),
        tuple,
        counts: Counts { packets: 1, bytes: 100 },
        first: milliseconds(0),
        last: milliseconds(0),
        handshake: Handshake { ack: tuple.is_tcp().then_some(milliseconds(0)), ..Handshake::default() },
        initial: None,
        macs: Some((Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]))),
        vlan: Vlan::default(),
        tcp_flags: TcpFlags(if tuple.is_tcp() { ACK } else { 0 }),
        dscp: 0,
        ecn: Ecn(1),
        is_fragmented: false,
        quality: Quality::default(),
    }
}

pub(in crate::table) trait Build: Sized {
    fn back(self) -> Self;
    fn hook(self, hook: u32) -> Self;
    /// First and last packet, in milliseconds.
    fn at(self, moment: u64) -> Self;
    fn until(self, moment: u64) -> Self;
    fn packets(self, packets: u64) -> Self;
    /// SYN, SYN-ACK or ACK, if it is among the flags, is the first packet.
    fn flags(self, flags: u16) -> Self;
    /// Of the connection with this initial sequence number.
    fn numbered(self, initial: u32) -> Self;
    /// A new connection's SYN (or SYN-ACK) at a moment, with what was seen of the old one before.
    fn opens_at(self, moment: u64) -> Self;
}

impl Build for Observation {
    fn back(self) -> Self {
        Self { tuple: self.tuple.reverse().unwrap(), ..self }
    }

    fn hook(self, hook: u32) -> Self {
        Self { hook: HookId(hook), ..self }
    }

    fn at(self, moment: u64) -> Self {
        Self { first: milliseconds(moment), last: milliseconds(moment), ..self }
    }

    fn until(self, moment: u64) -> Self {
        Self { last: milliseconds(moment), ..self }
    }

    fn packets(self, packets: u64) -> Self {
        Self { counts: Counts { packets, bytes: 100 * packets }, ..self }
    }

    fn flags(self, flags: u16) -> Self {
        let handshake = Handshake {
            syn: (flags & (SYN | ACK) == SYN).then_some(self.first),
            syn_ack: (flags & (SYN | ACK) == SYN | ACK).then_some(self.first),
            ack: (flags & (SYN | ACK | RST) == ACK).then_some(self.first),
            again: None,
        };
        Self { tcp_flags: TcpFlags(flags), handshake, ..self }
    }

    fn numbered(self, initial: u32) -> Self {
        Self { initial: std::num::NonZeroU32::new(initial), ..self }
    }

    fn opens_at(self, moment: u64) -> Self {
        let handshake = match self.handshake {
            Handshake { syn_ack: Some(_), .. } => {
                Handshake { syn_ack: Some(milliseconds(moment)), ..self.handshake }
            }
            _ => Handshake { syn: Some(milliseconds(moment)), ..self.handshake },
        };
        Self { tcp_flags: TcpFlags(self.tcp_flags.0 | SYN), handshake, ..self }
    }
}
