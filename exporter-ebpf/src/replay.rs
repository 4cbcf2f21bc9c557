//! Frames of a capture, which user space hands over in batches (`BPF_PROG_TEST_RUN`): what differs from packets of a hook.
//!
//! - Each run of the program puts the next frame of the [`BATCH`] into its packet, and notes what became of it ([`outcome`]).
//! - Clock, timer tick, interface and length are the capture's ([`Captured`]).
//! - An entry outlives the reading that empties it: its place in the index stays, and what sequence numbers told so far, so that
//!   a segment that is sent again is known as such however long after the first. A new entry takes it over from one that the other
//!   generation has of its key.
//! - Frames come in order, so an opening segment of another connection is held until its entry is read: two connections of the same
//!   addresses and ports are never one observation.
//!
//! They have programs of their own, so those that are attached have no instruction of it.

use abi::captured::{TICK, outcome};
use abi::{Batch, Captured, Direction, Entry, Frame, Opening};
use aya_ebpf::helpers::generated::{bpf_skb_change_tail, bpf_skb_store_bytes};
use aya_ebpf::programs::TcContext;
use packet::{Link, Packet, Wire};

use crate::account::Counted;
use crate::bounds::length;
use crate::globals::constant;
use crate::maps::{BATCH, BYTES};
use crate::{NEXT, clock, entry, filter};

/// Set by user space before the program is loaded. Where it is 0, the verifier removes what depends on it.
#[unsafe(no_mangle)]
static REPLAY: u32 = 0;

/// Whether packets are those of a capture.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    constant(&REPLAY) != 0
}

/// Counts the next frame of the batch, if there is one.
#[inline(always)]
pub(crate) fn observe(context: &TcContext, link: Link) -> i32 {
    if put_next(context) {
        settle(filter::outcome(context, link, Direction::Ingress));
    }
    NEXT
}

/// Whether the packet is now the next frame of the batch.
#[inline(always)]
fn put_next(context: &TcContext) -> bool {
    let Some(batch) = batch() else { return false };
    let number = batch.next;
    let Some(frame) = frame(batch, number) else { return false };
    let (captured, len) = (frame.captured, frame.bytes);
    let Some(bytes) = BYTES.get_ptr(number) else { return false };
    batch.current = captured;
    if put(context, bytes.cast(), len) {
        return true;
    }
    settle(outcome::REFUSED);
    false
}

/// Makes these bytes the packet.
#[inline(always)]
fn put(context: &TcContext, bytes: *const u8, len: u32) -> bool {
    if len == 0 {
        return false;
    }
    let len = length::<{ (Frame::MOST_BYTES as u32).next_power_of_two() }>(len);
    if len > Frame::MOST_BYTES as u32 {
        return false;
    }
    let skb = context.skb.skb;
    // SAFETY: the kernel hands the program a valid context, and there are as many bytes.
    unsafe {
        ((*skb).len == len || bpf_skb_change_tail(skb, len, 0) == 0)
            && bpf_skb_store_bytes(skb.cast(), 0, bytes.cast(), len, 0) == 0
    }
}

/// Notes what became of the frame, and ends the batch where user space has to look at that first.
#[inline(always)]
fn settle(outcome: u32) {
    let Some(batch) = batch() else { return };
    let number = batch.next;
    let Some(frame) = frame(batch, number) else { return };
    frame.outcome = outcome;
    batch.next = number + 1;
    if outcome > outcome::LEFT_OUT {
        batch.end = number + 1;
    }
}

#[inline(always)]
fn batch<'a>() -> Option<&'a mut Batch> {
    // SAFETY: the map gave out the value; user space does not touch it while programs run, and those take turns.
    BATCH.get_ptr_mut(0).map(|batch| unsafe { &mut *batch })
}

#[inline(always)]
fn frame(batch: &mut Batch, number: u32) -> Option<&mut Frame> {
    if number >= batch.end { None } else { batch.frames.get_mut(number as usize) }
}

/// What the capture says of the frame.
#[inline(always)]
pub(crate) fn captured() -> Captured {
    batch().map_or(Captured { time_ns: 1, ..Captured::default() }, |batch| batch.current)
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
