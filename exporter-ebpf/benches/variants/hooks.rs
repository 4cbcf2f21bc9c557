//! One entry for two hooks: a packet that is forwarded finds at its second hook what the first has just brought into the CPU's
//! cache. The hook is not in the key but in front of each half. Two generations, no cache in front.
//!
//! A third hook would need a further entry, with a number in the key; the loads have two.

use abi::{Observation, ObservationKey};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::entry;
use crate::maps::{HOOKS_0, HOOKS_1, NEW_HOOKS, generation};

/// What two hooks saw.
#[repr(C)]
pub(crate) struct Hooks([Half; 2]);

#[repr(C)]
struct Half {
    /// Interface and direction; 0 while no hook has the half.
    hook: u64,
    observation: Observation,
}

#[inline(always)]
pub(crate) fn account(context: &TcContext, packet: &mut Packet, wire: Wire) {
    let hook = u64::from(packet.key.ifindex) << 1 | u64::from(packet.key.direction);
    packet.key.ifindex = 0;
    packet.key.direction = 0;
    if generation() == 0 {
        through_0(context, packet, wire, hook);
    } else {
        through_1(context, packet, wire, hook);
    }
}

#[inline(never)]
fn through_0(context: &TcContext, packet: &Packet, wire: Wire, hook: u64) {
    through(&HOOKS_0, context, packet, wire, hook);
}

#[inline(never)]
fn through_1(context: &TcContext, packet: &Packet, wire: Wire, hook: u64) {
    through(&HOOKS_1, context, packet, wire, hook);
}

#[inline(always)]
fn through(
    entries: &HashMap<ObservationKey, Hooks>,
    context: &TcContext,
    packet: &Packet,
    wire: Wire,
    hook: u64,
) {
    if let Some(entry) = entries.get_ptr_mut(&packet.key) {
        // SAFETY: this CPU's entry: its number is in the key.
        let [first, second] = unsafe { &mut (*entry).0 };
        if first.hook == hook {
            entry::update(&mut first.observation, packet, wire);
        } else if second.hook == hook {
            entry::update(&mut second.observation, packet, wire);
        } else if second.hook == 0 {
            second.hook = hook;
            second.observation = entry::first(context, packet, wire);
        }
    } else if let Some(new) = NEW_HOOKS.get_ptr_mut(0) {
        // SAFETY: this CPU's scratch value. Its second half is never written, so it is zeros.
        let new = unsafe { &mut *new };
        new.0[0].hook = hook;
        new.0[0].observation = entry::first(context, packet, wire);
        let _ = entries.insert(&packet.key, &*new, u64::from(BPF_NOEXIST));
    }
}
