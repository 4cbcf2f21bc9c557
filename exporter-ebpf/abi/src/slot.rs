//! The per-CPU cache in front of an observations map.

use crate::ObservationKey;
use crate::maps::SLOTS_PER_GENERATION;

/// Counts of a flow that is not yet added to its [`Observation`](crate::Observation). 88 bytes.
///
/// A slot is taken over only after its flow has an entry in the same generation's map. So `packets` counted here always find
/// their entry, either when another flow takes the slot over or when user space reads the generation.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The flow that owns the slot; meaningless while `ip_version` is 0.
    pub key: ObservationKey,
    /// Packets not yet in the entry.
    pub packets: u64,
    /// Last packet, coarse clock. (It stands between the counts because clearing neighbours would become a call that clears
    /// byte by byte.)
    pub last_ns: u64,
    /// Frame bytes not yet in the entry.
    pub bytes: u64,
    /// TCP flags that the entry already has: a packet that brings a new one takes the long way.
    pub tcp_flags: u16,
    /// ECN codepoints that the entry already has.
    pub ecn: u8,
    /// Explicit padding.
    pub pad: u8,
    /// Ports of the last packet that found the slot owned by another flow, one xor the other: the second such packet of a flow
    /// in a row takes the slot over. So flows that come one packet at a time leave it alone.
    pub contender: u16,
    /// Number of the timer tick in which `last_ns` was read, its low bits: within a tick there is nothing new to read. A slot
    /// does not live until they repeat.
    pub tick: u16,
}

const _: () = assert!(size_of::<Slot>() == 88);

impl Slot {
    /// Number of the slot, within a generation's, that a flow may own: the flows of one hook spread by their ports.
    #[inline(always)]
    #[must_use]
    #[expect(
        clippy::inline_always,
        reason = "a call in the middle of a packet's way costs the kernel more than its body"
    )]
    pub fn index(key: &ObservationKey) -> u32 {
        let ports = u32::from(key.src_port ^ key.dst_port);
        let hook = key.ifindex.wrapping_mul(2).wrapping_add(key.direction.into());
        hook.wrapping_add(ports ^ ports >> 6) & (SLOTS_PER_GENERATION - 1)
    }

    /// A slot that no flow owns, as the kernel makes them.
    pub const EMPTY: Self = Self {
        key: ObservationKey::EMPTY,
        packets: 0,
        last_ns: 0,
        bytes: 0,
        tcp_flags: 0,
        ecn: 0,
        pad: 0,
        contender: 0,
        tick: 0,
    };
}
