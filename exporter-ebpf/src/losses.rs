//! Counts what is in no observation. Every packet of a hook is either in an observation or here.

use abi::{LossKey, Reason, Tally};
use packet::Wire;

use crate::hook::Hook;
use crate::maps::{LOSSES, UNATTRIBUTED};

#[inline(always)]
pub(crate) fn add(hook: &Hook, reason: Reason, wire: Wire) {
    let key = LossKey {
        ifindex: hook.ifindex,
        scope: hook.scope,
        direction: hook.direction as u8,
        reason: reason as u8,
        pad: 0,
    };
    add_keyed(&key, u64::from(wire.packets), u64::from(wire.bytes));
}

/// Not inlined: the way of a packet that cannot be counted is not worth instructions in the other's.
#[inline(never)]
pub(crate) fn add_keyed(key: &LossKey, packets: u64, bytes: u64) {
    if let Some(tally) = LOSSES.get_ptr_mut(key) {
        grow(tally, packets, bytes);
    } else if LOSSES.insert(key, Tally { packets, bytes }, 0).is_err()
        && let Some(tally) = UNATTRIBUTED.get_ptr_mut(u32::from(key.reason))
    {
        grow(tally, packets, bytes);
    }
}

#[inline(always)]
fn grow(tally: *mut Tally, packets: u64, bytes: u64) {
    // SAFETY: the map gave out this CPU's value, and programs of a hook do not interrupt each other on a CPU.
    unsafe {
        (*tally).packets += packets;
        (*tally).bytes += bytes;
    }
}
