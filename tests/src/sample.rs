//! Which flows a sample has, said a second time, as docs/sampling.md says it.

use std::net::IpAddr;

/// An end of a flow: address, and port if it has one and it is known.
pub type End = (IpAddr, Option<u16>);

/// Whether a flow of an IP protocol is the one of `rate` that is counted.
#[must_use]
pub fn is_chosen(source: End, destination: End, protocol: u8, rate: u32) -> bool {
    let hash = mix(end(source).wrapping_add(end(destination)) ^ u64::from(protocol));
    (hash >> 32) * u64::from(rate) < 1 << 32
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn end((address, port): End) -> u64 {
    let octets = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
    .octets();
    let half = |at: usize| u64::from_be_bytes(std::array::from_fn(|byte| octets[at + byte]));
    let [high, low] = [half(0), half(8)];
    mix(mix(high.wrapping_add(port.unwrap_or(0).into())) ^ low)
}
