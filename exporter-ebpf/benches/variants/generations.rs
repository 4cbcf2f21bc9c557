//! Two generations and the CPU in the key, as the exporter's programs, without a cache in front.

use abi::PackedKey;
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::maps::{GENERATION_0, GENERATION_1, Observation, generation};

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    if generation() == 0 {
        through_0(context, packet, wire);
    } else {
        through_1(context, packet, wire);
    }
}

#[inline(never)]
fn through_0(context: &TcContext, packet: &Packet, wire: Wire) {
    through(&GENERATION_0, context, packet, wire);
}

#[inline(never)]
fn through_1(context: &TcContext, packet: &Packet, wire: Wire) {
    through(&GENERATION_1, context, packet, wire);
}

#[inline(always)]
fn through(observations: &HashMap<PackedKey, Observation>, context: &TcContext, packet: &Packet, wire: Wire) {
    if let Some(observation) = observations.get_ptr_mut(&packet.key) {
        // SAFETY: this CPU's entry: its number is in the key.
        unsafe { &mut *observation }.update(packet, wire);
    } else {
        let observation = Observation::first(context, packet, wire);
        let _ = observations.insert(&packet.key, &observation, u64::from(BPF_NOEXIST));
    }
}
