//! Frames of a capture, which user space hands over one by one (`BPF_PROG_TEST_RUN`): what differs from packets of a hook.
//!
//! - Clock, timer tick, interface and length are the capture's ([`CAPTURED`]).
//! - An entry outlives the reading that empties it: its place in the index stays, and what sequence numbers told so far, so that
//!   a segment that is sent again is known as such however long after the first. A new entry takes it over from one that the other
//!   generation has of its key.
//! - Frames come in order, so an opening segment of another connection is held until its entry is read: two connections of the same
//!   addresses and ports are never one observation.
//! - The verdict tells which entry counted the frame ([`outcome`]).
//!
//! Only the programs with a filter take frames, so those that are attached without one have no instruction of it.

use abi::captured::{TICK, outcome};
use abi::{Captured, Entry, Opening};
use aya_ebpf::programs::TcContext;
use packet::{Packet, Reject, Wire};

use crate::account::Counted;
use crate::globals::constant;
use crate::maps::CAPTURED;
use crate::{NEXT, clock, entry};

/// Set by user space before the program is loaded. Where it is 0, the verifier removes what depends on it.
#[unsafe(no_mangle)]
static REPLAY: u32 = 0;

/// Whether packets are those of a capture.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    constant(&REPLAY) != 0
}

/// What the capture says of the frame.
#[inline(always)]
pub(crate) fn captured() -> Captured {
    // SAFETY: the map gave out the value, and user space does not write it while the program runs.
    CAPTURED
        .get_ptr(0)
        .map_or(Captured { time_ns: 1, scope: 0, ifindex: 0, len: 0, is_again: 0 }, |frame| unsafe { *frame })
}

/// The number of the timer tick at a time of the capture.
#[inline(always)]
pub(crate) fn ticks() -> u32 {
    (captured().time_ns >> TICK) as u32
}

/// Adds a frame to the entry of its key.
#[inline(always)]
pub(crate) fn add(
    context: &TcContext,
    (entry, number): (&mut Entry, u32),
    packet: &Packet,
    wire: Wire,
    opening: Opening,
) -> Counted {
    if opening.is_of_another(entry) && captured().is_again == 0 {
        return Counted::HELD;
    }
    if entry.counts.packets == 0 {
        // It was read.
        entry::begin(entry, context, packet, wire, opening);
        return Counted::first(number);
    }
    Counted::later(number, entry::add(entry, packet, wire, clock::ticks() as u16, opening))
}

/// What a program says of a packet: to the kernel, or to user space of its frame.
#[inline(always)]
pub(crate) fn verdict(outcome: u32) -> i32 {
    if is_on() { outcome as i32 } else { NEXT }
}

/// Of a frame that is no flow's.
#[inline(always)]
pub(crate) fn rejected(reject: Reject) -> u32 {
    match reject {
        Reject::NotIp => outcome::LEFT_OUT,
        Reject::Malformed | Reject::OutOfReach => outcome::MALFORMED,
    }
}
