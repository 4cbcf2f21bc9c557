//! The hash of a key.
//!
//! NH (UMAC, RFC 4418 section 5.2): pairs of words of 32 bits, each with a secret added, multiplied with each other. No two keys
//! of a hook collide more often than once in 2^32 secrets, whoever chose them, and the products do not wait for each other. The
//! words that are alike in all IPv4 addresses are left out of them.

use abi::PackedKey;

use crate::globals::constant;

/// Set by user space before the program is loaded, at random.
#[unsafe(no_mangle)]
static HASH_KEY: [u32; 10] = [0; 10];

#[inline(always)]
pub(crate) fn of(key: &PackedKey) -> u64 {
    let [src_0, src_1, dst_0, dst_1, ports, scope] = key.words;
    // Nobody but this agent chooses these, protocol and VNI aside: they are added without a secret of their own.
    let place = (ports >> 32) as u32 ^ key.kind ^ key.cpu << 20 ^ (scope as u32) << 12 ^ (scope >> 32) as u32;
    let mut sum =
        product(0, (src_1 >> 32) as u32, (dst_1 >> 32) as u32).wrapping_add(product(1, ports as u32, place));
    if src_0 | dst_0 != 0 {
        sum = sum
            .wrapping_add(product(2, src_1 as u32, dst_1 as u32))
            .wrapping_add(product(3, src_0 as u32, dst_0 as u32))
            .wrapping_add(product(4, (src_0 >> 32) as u32, (dst_0 >> 32) as u32));
    }
    // The sum grows evenly along addresses or ports in a row, and so would the buckets: with some secrets they would crowd in
    // few of them. Its upper half in the lower one breaks that, then every bit reaches the upper half.
    sum ^= sum >> 32;
    sum.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[inline(always)]
fn product(pair: usize, first: u32, second: u32) -> u64 {
    let first = first.wrapping_add(secret(2 * pair));
    let second = second.wrapping_add(secret(2 * pair + 1));
    u64::from(first).wrapping_mul(u64::from(second))
}

#[inline(always)]
fn secret(at: usize) -> u32 {
    constant(&HASH_KEY[at])
}
