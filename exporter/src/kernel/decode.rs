//! From the kernel's integers to the words of the program.

use std::net::Ipv6Addr;
use std::num::NonZeroU32;

use abi::{
    Direction, Entry, Facts, ObservationKey, TcpQuality, key_flags, opened_again, protocol, seen, vlan,
};

use crate::clock::MonotonicTime;
use crate::flow::{
    Counts, Disorder, EchoView, Ecn, Handshake, HookId, Hooks, Icmp, Mac, Observation, Quality, SocketView,
    TcpFlags, Tuple, Vlan,
};

/// `tick` is the length of the kernel's timer tick in nanoseconds.
pub(super) fn observation(entry: &Entry, quality: TcpQuality, tick: u64, hooks: &mut Hooks) -> Observation {
    let Entry { counts, facts, .. } = entry;
    let key = &entry.key();
    let seen = counts.seen | facts.withheld;
    let first = MonotonicTime(facts.first_ns);
    // A tick's number says its begin or its end: one less, or a last packet could lie in the future.
    let ticks = counts.last_tick.wrapping_sub(facts.first_tick).saturating_sub(1);
    Observation {
        hook: hook(key.scope, key.ifindex, key.direction, hooks),
        tuple: tuple(key),
        counts: Counts { packets: entry.packets(), bytes: entry.bytes() },
        first,
        last: MonotonicTime(first.0 + u64::from(ticks) * tick),
        handshake: handshake(facts),
        initial: NonZeroU32::new(facts.initial),
        macs: (facts.src_mac != [0; 6] || facts.dst_mac != [0; 6])
            .then_some((Mac(facts.src_mac), Mac(facts.dst_mac))),
        vlan: Vlan { outer: vlan_id(facts.vlan_outer), inner: vlan_id(facts.vlan_inner) },
        tcp_flags: TcpFlags(seen::tcp_flags(seen)),
        dscp: facts.dscp,
        ecn: Ecn(seen::ecn(seen)),
        is_fragmented: key.flags & key_flags::FRAGMENT != 0,
        quality: self::quality(quality),
    }
}

fn quality(quality: TcpQuality) -> Quality {
    /// Units of the kernel's smoothed time in a microsecond.
    const EIGHTHS: u32 = 3;
    Quality {
        socket: (quality.smoothed_rtt != 0).then_some(SocketView {
            smoothed: (quality.smoothed_rtt >> EIGHTHS).max(1),
            min: quality.min_rtt,
            retransmits: quality.total_retransmits,
        }),
        echo: quality
            .round_trips()
            .map(|(last, min)| EchoView { last: microseconds(last), min: microseconds(min) }),
        disorder: Disorder {
            retransmits: quality.retransmits,
            retransmitted_bytes: quality.retransmitted_bytes,
            out_of_order: quality.out_of_order.into(),
            zero_windows: quality.zero_windows.into(),
        },
    }
}

/// From units of 1024 ns; at least 1.
fn microseconds(units: u32) -> u32 {
    u32::try_from((u64::from(units) << 10) / 1_000).unwrap_or(u32::MAX).max(1)
}

/// The programs write 0 or 1 only; anything else would be a program of another layout, and its direction a guess.
pub(super) fn hook(scope: u32, ifindex: u32, direction: u8, hooks: &mut Hooks) -> HookId {
    hooks.resolve(scope, ifindex, Direction::try_from(direction).unwrap_or(Direction::Egress))
}

pub(super) fn tuple(key: &ObservationKey) -> Tuple {
    let is_known = key.flags & key_flags::PORTS_UNKNOWN == 0;
    let has_ports = is_known && protocol::has_ports(key.protocol);
    let is_icmp = is_known && protocol::is_icmp(key.protocol, key.ip_version);
    Tuple {
        source: address(key.src_addr),
        destination: address(key.dst_addr),
        source_port: has_ports.then_some(key.src_port),
        destination_port: has_ports.then_some(key.dst_port),
        protocol: key.protocol,
        ip_version: key.ip_version,
        icmp: is_icmp.then_some(Icmp { kind: low(key.src_port), code: low(key.dst_port) }),
    }
}

/// Type and code of an ICMP message, in the place of a port.
fn low(port: u16) -> u8 {
    port.to_le_bytes()[0]
}

fn address(halves: [u64; 2]) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&halves[0].to_ne_bytes());
    octets[8..].copy_from_slice(&halves[1].to_ne_bytes());
    Ipv6Addr::from(octets)
}

fn handshake(facts: &Facts) -> Handshake {
    let (syn, syn_ack) = (seen_at(facts.syn_ns), seen_at(facts.syn_ack_ns));
    let again = opened_again::nanoseconds(facts.opened_again);
    Handshake {
        syn,
        syn_ack,
        ack: seen_at(facts.ack_ns),
        // Of both kinds, which of them came again is not known: the earlier time says no less than the truth.
        again: syn.into_iter().chain(syn_ack).min().zip(again).map(|(first, again)| first.after(again)),
    }
}

fn seen_at(nanoseconds: u64) -> Option<MonotonicTime> {
    (nanoseconds != 0).then_some(MonotonicTime(nanoseconds))
}

fn vlan_id(tag: u16) -> Option<u16> {
    (tag & vlan::PRESENT != 0).then_some(tag & vlan::ID)
}
