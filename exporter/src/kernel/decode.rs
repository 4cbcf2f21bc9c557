//! From the kernel's integers to the words of the program.

use std::net::Ipv6Addr;

use abi::{Direction, ObservationKey, key_flags, protocol, vlan};

use crate::clock::MonotonicTime;
use crate::flow::{Counts, Ecn, Handshake, HookId, Hooks, Icmp, Mac, Observation, TcpFlags, Tuple, Vlan};

pub(super) fn observation(key: &ObservationKey, value: &abi::Observation, hooks: &mut Hooks) -> Observation {
    let first = MonotonicTime(value.first_ns);
    Observation {
        hook: hook(key.scope, key.ifindex, key.direction, hooks),
        tuple: tuple(key),
        counts: Counts { packets: value.packets, bytes: value.bytes },
        first,
        // The coarse clock may be a tick behind the precise one.
        last: MonotonicTime(value.last_ns).max(first),
        handshake: Handshake {
            syn: seen_at(value.syn_ns),
            syn_ack: seen_at(value.syn_ack_ns),
            ack: seen_at(value.ack_ns),
        },
        macs: (value.src_mac != [0; 6] || value.dst_mac != [0; 6])
            .then_some((Mac(value.src_mac), Mac(value.dst_mac))),
        vlan: Vlan { outer: vlan_id(value.vlan_outer), inner: vlan_id(value.vlan_inner) },
        tcp_flags: TcpFlags(value.tcp_flags),
        dscp: value.dscp,
        ecn: Ecn(value.ecn),
    }
}

/// The programs write 0 or 1 only; anything else would be a program of another layout, and its direction a guess.
pub(super) fn hook(scope: u32, ifindex: u32, direction: u8, hooks: &mut Hooks) -> HookId {
    hooks.resolve(scope, ifindex, Direction::try_from(direction).unwrap_or(Direction::Egress))
}

fn tuple(key: &ObservationKey) -> Tuple {
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
        icmp: is_icmp.then_some(Icmp { kind: key.icmp_type, code: key.icmp_code }),
    }
}

fn address(halves: [u64; 2]) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&halves[0].to_ne_bytes());
    octets[8..].copy_from_slice(&halves[1].to_ne_bytes());
    Ipv6Addr::from(octets)
}

fn seen_at(nanoseconds: u64) -> Option<MonotonicTime> {
    (nanoseconds != 0).then_some(MonotonicTime(nanoseconds))
}

fn vlan_id(tag: u16) -> Option<u16> {
    (tag & vlan::PRESENT != 0).then_some(tag & vlan::ID)
}
