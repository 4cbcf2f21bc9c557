//! Which hook runs the program, and what the kernel says of the packet.

use abi::{Direction, ObservationKey, vlan};
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::programs::TcContext;
use packet::{Metadata, Offload};

/// Set by user space before the program is loaded: one program instance per network namespace.
#[unsafe(no_mangle)]
static SCOPE: u32 = 0;

pub(crate) struct Hook {
    pub(crate) ifindex: u32,
    pub(crate) scope: u32,
    pub(crate) direction: Direction,
}

impl Hook {
    #[inline(always)]
    pub(crate) fn of(context: &TcContext, direction: Direction) -> Self {
        // SAFETY: the kernel hands the program a valid context. SCOPE is a read-only global: the volatile read keeps the
        // compiler from folding the value that user space replaces.
        let (ifindex, scope) =
            unsafe { ((*context.skb.skb).ifindex, core::ptr::read_volatile(&raw const SCOPE)) };
        Self { ifindex, scope, direction }
    }

    /// Adds what the headers do not say.
    #[inline(always)]
    pub(crate) fn complete(&self, key: &mut ObservationKey) {
        key.ifindex = self.ifindex;
        key.scope = self.scope;
        key.direction = self.direction as u8;
        // SAFETY: the helper has no preconditions.
        key.cpu = unsafe { bpf_get_smp_processor_id() } as u16;
    }
}

#[inline(always)]
pub(crate) fn metadata(context: &TcContext) -> Metadata {
    let skb = context.skb.skb;
    // SAFETY: the kernel hands the program a valid context.
    let (len, tagged, tci, segment_size) =
        unsafe { ((*skb).len, (*skb).vlan_present, (*skb).vlan_tci, (*skb).gso_size) };
    Metadata {
        len,
        vlan: if tagged == 0 { 0 } else { tci as u16 & vlan::ID | vlan::PRESENT },
        offloaded: segment_size != 0,
    }
}

#[inline(always)]
pub(crate) fn offload(context: &TcContext) -> Offload {
    let skb = context.skb.skb;
    // SAFETY: the kernel hands the program a valid context.
    unsafe { Offload { segments: (*skb).gso_segs, segment_size: (*skb).gso_size } }
}
