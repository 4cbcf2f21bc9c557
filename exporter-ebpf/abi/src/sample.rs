//! Which flows are counted where not all of them are: both directions of each, and the same ones on every machine.

use crate::{PackedKey, key_flags, protocol};

/// Whether a packet of this key belongs to a flow that is counted, of which there is about one in `rate`; all at 1.
///
/// Addresses, protocol and ports decide, and nothing else: no secret and no random number, so that all machines that see a flow
/// choose alike. Without ports, or where they are not known, it is addresses and protocol.
#[inline(always)]
#[must_use]
#[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
#[expect(clippy::cast_possible_truncation, reason = "takes fields out of words")]
pub const fn is_chosen(key: &PackedKey, rate: u32) -> bool {
    let [source_0, source_1, destination_0, destination_1, ports, _] = key.words;
    let are_known = (key.kind >> 24) as u8 & key_flags::PORTS_UNKNOWN == 0;
    let ports = if are_known && protocol::has_ports(key.kind as u8) { ports as u32 } else { 0 };
    let source = end(source_0, source_1, (ports >> 16) as u16);
    let destination = end(destination_0, destination_1, ports as u16);
    // The sum does not say which is which.
    let hash = mix(source.wrapping_add(destination) ^ (key.kind & 0xff) as u64);
    ((hash >> 32) * rate as u64) >> 32 == 0
}

/// An address, whose bytes stand in memory as they were sent, and a port.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
const fn end(first: u64, second: u64, port: u16) -> u64 {
    mix(mix(u64::from_be(first).wrapping_add(port as u64)) ^ u64::from_be(second))
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): each bit of the value changes half of the result's.
#[inline(always)]
#[expect(clippy::inline_always, reason = "a call costs the kernel more than its body")]
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::is_chosen;
    use crate::{ObservationKey, key_flags, protocol};

    fn address(last: u32) -> [u64; 2] {
        let mut bytes = [0; 16];
        bytes[10..12].fill(0xff);
        bytes[12..].copy_from_slice(&(0x0a00_0000 | last).to_be_bytes());
        [0, 8].map(|at| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap()))
    }

    fn key(client: u32, port: u16) -> ObservationKey {
        ObservationKey {
            src_addr: address(client),
            dst_addr: address(0x00ff_ffff),
            src_port: port,
            dst_port: 443,
            ifindex: 3,
            scope: 0,
            vni: 0,
            protocol: protocol::TCP,
            ip_version: 4,
            direction: 0,
            flags: 0,
        }
    }

    fn other_direction(key: ObservationKey) -> ObservationKey {
        ObservationKey {
            src_addr: key.dst_addr,
            dst_addr: key.src_addr,
            src_port: key.dst_port,
            dst_port: key.src_port,
            direction: 1,
            ifindex: 9,
            ..key
        }
    }

    #[test]
    fn one_in_so_many_is_chosen() {
        for rate in [1, 2, 3, 10, 100, 1000] {
            let clients = (0..5_000).flat_map(|client| (50_000..50_040).map(move |port| key(client, port)));
            let chosen = clients.filter(|key| is_chosen(&key.pack(0), rate)).count();
            let expected = 200_000 / rate as usize;
            // Five standard deviations of a binomial distribution.
            let within = if rate == 1 { 0 } else { 5 * expected.isqrt() };
            assert!(chosen.abs_diff(expected) <= within, "{chosen} of {expected} at 1 in {rate}");
        }
    }

    #[test]
    fn both_directions_at_all_hooks_and_cpus_are_chosen_alike() {
        for number in 0..10_000 {
            let key = key(number, 50_000);
            let is = is_chosen(&key.pack(0), 7);
            assert_eq!(is_chosen(&other_direction(key).pack(5), 7), is, "{number}");
        }
    }

    #[test]
    fn what_is_no_port_decides_nothing() {
        for number in 0..1_000 {
            let first = ObservationKey { protocol: protocol::ICMP, ..key(number, 8) };
            let second = ObservationKey { src_port: 0, dst_port: 0, ..first };
            assert_eq!(is_chosen(&first.pack(0), 7), is_chosen(&second.pack(0), 7), "{number}");
            let known = ObservationKey { flags: key_flags::PORTS_UNKNOWN, ..key(number, 50_000) };
            let unknown = ObservationKey { src_port: 0, dst_port: 0, ..known };
            assert_eq!(is_chosen(&known.pack(0), 7), is_chosen(&unknown.pack(0), 7), "{number}");
        }
    }

    /// Another version, or another machine, is to choose the same flows.
    #[test]
    fn the_choice_is_fixed() {
        let chosen: [u32; 5] = {
            let mut chosen = (0..).filter(|&number| is_chosen(&key(number, 50_000).pack(0), 100));
            core::array::from_fn(|_| chosen.next().unwrap())
        };
        assert_eq!(chosen, [21, 134, 229, 241, 377]);
    }
}
