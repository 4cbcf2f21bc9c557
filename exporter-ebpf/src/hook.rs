//! Which hook runs the program, and what the kernel says of the packet.

use abi::{Captured, Direction, vlan};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::programs::TcContext;
use packet::{Metadata, Size};

use crate::replay;

/// Set by user space before the program is attached: one program instance per network namespace. It is written where the other globals are
/// read-only, so that an instance can be loaded before it is known for whom; to read it is the same one load from memory. Alone in
/// its section: user space writes the whole of it.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".data")]
static mut SCOPE: u32 = 0;

#[inline(always)]
fn scope() -> u32 {
    // SAFETY: user space writes before the program runs; the volatile read keeps the compiler from folding the value.
    unsafe { (&raw const SCOPE).read_volatile() }
}

/// Of a packet of a hook, or of a frame of a capture.
#[inline(always)]
pub(crate) fn metadata(context: &TcContext, direction: Direction) -> Metadata {
    let of_packet = of_packet(context, direction);
    if !replay::is_on() {
        return of_packet;
    }
    let Captured { scope, ifindex, len, .. } = replay::captured();
    // One thread hands the frames over, whichever CPU it is on. Which of them were captured before the network card split them, no
    // capture says.
    Metadata { scope, ifindex, len, cpu: 0, offloaded: true, ..of_packet }
}

/// Of a packet of a hook.
#[inline(always)]
pub(crate) fn of_packet(context: &TcContext, direction: Direction) -> Metadata {
    let skb = context.skb.skb;
    // SAFETY: the kernel hands the program a valid context.
    let (ifindex, len, tagged, tci, segment_size) =
        unsafe { ((*skb).ifindex, (*skb).len, (*skb).vlan_present, (*skb).vlan_tci, (*skb).gso_size) };
    Metadata {
        ifindex,
        scope: scope(),
        // SAFETY: the helper has no preconditions.
        cpu: unsafe { bpf_get_smp_processor_id() },
        direction,
        len,
        vlan: if tagged == 0 { 0 } else { tci as u16 & vlan::ID | vlan::PRESENT },
        offloaded: segment_size != 0,
    }
}

#[inline(always)]
pub(crate) fn size(context: &TcContext, metadata: &Metadata) -> Size {
    let skb = context.skb.skb;
    // SAFETY: the kernel hands the program a valid context.
    let (tagged, segments, segment_size) = unsafe { ((*skb).vlan_present, (*skb).gso_segs, (*skb).gso_size) };
    // One bit, which is arithmetic, where a comparison is a jump.
    Size { len: metadata.len, tag_in_metadata: tagged & 1 != 0, segments, segment_size }
}
