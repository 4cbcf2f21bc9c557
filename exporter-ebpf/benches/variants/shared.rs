//! One hash map for all CPUs: atomic additions, coarse clock.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::maps::SHARED;
use crate::yardstick::add;
use crate::{clock, entry};

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    packet.key.cpu = 0;
    if !grow(packet, wire) {
        let observation = entry::first(context, packet, wire);
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
        add(&raw mut (*observation).packets, wire.packets.into());
        add(&raw mut (*observation).bytes, wire.bytes.into());
        (*observation).last_ns = clock::coarse();
        entry::note(&mut *observation, packet);
    }
    true
}
