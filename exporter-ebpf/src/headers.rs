//! Reads a packet's headers, directly where they lie in reach.

use core::mem::MaybeUninit;

use abi::Direction;
use aya_ebpf::programs::TcContext;
use packet::{Link, Packet, Reject};

use crate::frame::{CopiedFrame, DirectFrame};
use crate::hook;
use crate::maps::PACKET;

/// Gives the packet in the memory that this CPU has for one.
#[inline(always)]
pub(crate) fn parse<'packet>(
    context: &TcContext,
    link: Link,
    direction: Direction,
) -> Result<&'packet mut Packet, Reject> {
    let packet = PACKET.get_ptr_mut(0).ok_or(Reject::OutOfReach)?; // Cannot be: the map has this index.
    // SAFETY: this CPU's value, and programs of a hook do not interrupt each other on a CPU: until this one ends, nobody else
    // has it. Any bytes are a `MaybeUninit`.
    let packet = unsafe { &mut *packet };
    match packet::parse(&DirectFrame::of(context), link, hook::metadata(context, direction), packet) {
        Err(Reject::OutOfReach) => copied(context, link, direction, packet)?,
        parsed => parsed?,
    }
    // SAFETY: parsing succeeded, so the packet is written.
    Ok(unsafe { packet.assume_init_mut() })
}

/// A header lies outside the linear part, or there are extension headers. Pulling the headers into the linear part would
/// change the packet. Not inlined: seldom, and large.
#[inline(never)]
fn copied(
    context: &TcContext,
    link: Link,
    direction: Direction,
    packet: &mut MaybeUninit<Packet>,
) -> Result<(), Reject> {
    let frame = CopiedFrame::of(context).ok_or(Reject::OutOfReach)?;
    packet::parse(&frame, link, hook::metadata(context, direction), packet)
}
