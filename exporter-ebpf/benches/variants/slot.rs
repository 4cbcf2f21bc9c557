//! The per-CPU cache in front of the hash map of [`counts`](crate::counts).

use abi::PackedKey;

/// Slots of one generation and CPU. A power of two.
pub(crate) const SLOTS_PER_GENERATION: u32 = 64;

/// Counts of a flow that is not yet added to its observation.
#[repr(C)]
pub(crate) struct Slot {
    /// The flow that owns the slot; meaningless while `ip_version` is 0.
    pub(crate) key: PackedKey,
    /// Packets not yet in the entry.
    pub(crate) packets: u64,
    /// The last packet. (It stands between the counts because clearing neighbours would become a call that clears byte by byte.)
    pub(crate) last_tick: u16,
    /// Explicit padding.
    pub(crate) pad_counts: [u16; 3],
    /// Frame bytes not yet in the entry.
    pub(crate) bytes: u64,
    /// What the entry has seen: a packet that brings something new takes the long way.
    pub(crate) seen: u16,
    /// Explicit padding.
    pub(crate) pad: u16,
    /// Ports of the last packet that found the slot owned by another flow, one xor the other: the second such packet of a flow
    /// in a row takes the slot over. So flows that come one packet at a time leave it alone.
    pub(crate) contender: u16,
    /// Explicit padding.
    pub(crate) pad_owner: u16,
}

const _: () = assert!(size_of::<Slot>() == 88);

impl Slot {
    /// Number of the slot, within a generation's, that a flow may own: the flows of one hook spread by their ports.
    #[inline(always)]
    pub(crate) fn index(key: &PackedKey) -> u32 {
        let key = key.unpack();
        let ports = u32::from(key.src_port ^ key.dst_port);
        let hook = key.ifindex.wrapping_mul(2).wrapping_add(key.direction.into());
        hook.wrapping_add(ports ^ ports >> 6) & (SLOTS_PER_GENERATION - 1)
    }
}
