//! One hash map whose values are one per CPU: plain additions, coarse clock.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::maps::{Observation, PER_CPU};

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    packet.key.cpu = 0;
    if !grow(packet, wire) {
        let observation = Observation::first(context, packet, wire);
        if PER_CPU.insert(&packet.key, &observation, u64::from(BPF_NOEXIST)).is_err() {
            grow(packet, wire); // Another CPU made the entry.
        }
    }
}

#[inline(always)]
fn grow(packet: &Packet, wire: Wire) -> bool {
    let Some(observation) = PER_CPU.get_ptr_mut(&packet.key) else { return false };
    // SAFETY: the map gave out this CPU's value, and programs of a hook do not interrupt each other on a CPU.
    unsafe { &mut *observation }.update(packet, wire);
    true
}
