//! Which hook runs the program, and what the kernel says of the packet.

use abi::{Direction, vlan};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::programs::TcContext;
use packet::{Metadata, Size};

use crate::globals::constant;

/// Set by user space before the program is loaded: one program instance per network namespace.
#[unsafe(no_mangle)]
static SCOPE: u32 = 0;

/// Set by user space before the program is loaded: the length on the wire is the packet's mark, where it has one, and not that of
/// the bytes. The kernel takes no `wire_len` above 65 536, and a frame of the longest IP packet is longer.
#[unsafe(no_mangle)]
static REPLAY: u32 = 0;

#[inline(always)]
pub(crate) fn metadata(context: &TcContext, direction: Direction) -> Metadata {
    let skb = context.skb.skb;
    // SAFETY: the kernel hands the program a valid context.
    let (ifindex, len, tagged, tci, segment_size) =
        unsafe { ((*skb).ifindex, (*skb).len, (*skb).vlan_present, (*skb).vlan_tci, (*skb).gso_size) };
    Metadata {
        ifindex,
        scope: constant(&SCOPE),
        // SAFETY: the helper has no preconditions.
        cpu: unsafe { bpf_get_smp_processor_id() },
        direction,
        // Where it is 0, the verifier removes the other branch.
        len: if constant(&REPLAY) == 0 {
            len
        } else {
            // SAFETY: the kernel hands the program a valid context.
            match unsafe { (*skb).mark } {
                0 => len,
                mark => mark,
            }
        },
        vlan: if tagged == 0 { 0 } else { tci as u16 & vlan::ID | vlan::PRESENT },
        offloaded: segment_size != 0,
    }
}

#[inline(always)]
pub(crate) fn size(context: &TcContext, metadata: &Metadata) -> Size {
    let skb = context.skb.skb;
    // SAFETY: the kernel hands the program a valid context.
    let (segments, segment_size) = unsafe { ((*skb).gso_segs, (*skb).gso_size) };
    Size { len: metadata.len, tag_in_metadata: metadata.vlan != 0, segments, segment_size }
}
