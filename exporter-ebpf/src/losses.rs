//! Counts what is in no observation. Every packet of a hook is either in an observation or here.

use abi::{Direction, LossKey, PackedKey, Reason, Tally};
use aya_ebpf::programs::TcContext;
use packet::{Reject, Wire};

use crate::hook;
use crate::maps::{LOSSES, UNATTRIBUTED};

/// Not inlined: the way of a packet that cannot be counted is not worth instructions in the other's.
#[inline(never)]
pub(crate) fn add(context: &TcContext, direction: Direction, reject: Reject) {
    let metadata = hook::metadata(context, direction);
    let wire = Wire::opaque(hook::size(context, &metadata));
    let reason = match reject {
        Reject::NotIp => Reason::NotIp,
        // Beyond what was copied, there is no header that a sender has use for.
        Reject::Malformed | Reject::OutOfReach => Reason::Malformed,
    };
    let key = LossKey {
        ifindex: metadata.ifindex,
        scope: metadata.scope,
        direction: metadata.direction as u8,
        reason: reason as u8,
        pad: 0,
    };
    grow(key, u64::from(wire.packets), u64::from(wire.bytes));
}

/// For a packet of which there is no room for an entry.
#[inline(always)]
pub(crate) fn overflow(flow: &PackedKey, wire: Wire) {
    grow(key(flow, Reason::Overflow), u64::from(wire.packets), u64::from(wire.bytes));
}

/// Of the hook that saw a packet of this key.
#[inline(always)]
pub(crate) fn key(flow: &PackedKey, reason: Reason) -> LossKey {
    let flow = flow.unpack();
    LossKey {
        ifindex: flow.ifindex,
        scope: flow.scope,
        direction: flow.direction,
        reason: reason as u8,
        pad: 0,
    }
}

#[inline(always)]
pub(crate) fn grow(key: LossKey, packets: u64, bytes: u64) {
    let tally = if let Some(tally) = LOSSES.get_ptr_mut(key) {
        tally
    } else if LOSSES.insert(key, Tally { packets, bytes }, 0).is_ok() {
        return;
    } else if let Some(tally) = UNATTRIBUTED.get_ptr_mut(u32::from(key.reason)) {
        tally
    } else {
        return; // Cannot be: a reason is an index of the map.
    };
    // SAFETY: the map gave out this CPU's value, and programs of a hook do not interrupt each other on a CPU.
    unsafe {
        (*tally).packets += packets;
        (*tally).bytes += bytes;
    }
}
