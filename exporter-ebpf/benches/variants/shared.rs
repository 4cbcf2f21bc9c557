//! One hash map for all CPUs: atomic additions, coarse clock.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::maps::{Observation, SHARED};
use crate::yardstick::add_32;

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    packet.key.cpu = 0;
    if !grow(packet, wire) {
        let observation = Observation::first(context, packet, wire);
        if SHARED.insert(&packet.key, &observation, u64::from(BPF_NOEXIST)).is_err() {
            grow(packet, wire); // Another CPU was first.
        }
    }
}

#[inline(always)]
fn grow(packet: &Packet, wire: Wire) -> bool {
    let Some(observation) = SHARED.get_ptr_mut(&packet.key) else { return false };
    // SAFETY: the map gave out the entry. The counts are exact; of what two CPUs note at once, one may be lost.
    unsafe {
        add_32(&raw mut (*observation).counts.packets, wire.packets);
        add_32(&raw mut (*observation).counts.bytes, wire.bytes);
        (*observation).update(packet, Wire { packets: 0, bytes: 0 });
    }
    true
}
