//! Reads a packet's headers: where they lie if it is a plain packet, else copied out of it.

use core::mem::MaybeUninit;

use abi::Direction;
use aya_ebpf::programs::TcContext;
use packet::{Link, Metadata, Packet, Reject};

use crate::frame::{CopiedFrame, DirectFrame};
use crate::hook;
use crate::maps::PACKET;

/// Gives a plain packet of an IP version, in the caller's place.
#[inline(always)]
pub(crate) fn plain<'packet, const VERSION: u8>(
    context: &TcContext,
    link: Link,
    metadata: Metadata,
    place: &'packet mut MaybeUninit<Packet>,
) -> Option<&'packet mut Packet> {
    packet::parse_plain::<_, VERSION>(&DirectFrame::of(context), link, metadata, place)
}

/// Gives a plain packet of whatever IP version.
#[inline(always)]
pub(crate) fn again<'packet>(
    context: &TcContext,
    link: Link,
    direction: Direction,
) -> Option<&'packet mut Packet> {
    let metadata = hook::metadata(context, direction);
    if plain::<4>(context, link, metadata, memory()?).is_none() {
        plain::<6>(context, link, metadata, memory()?)?;
    }
    parsed()
}

/// Reads any packet, for [`parsed`]. The headers are copied, because they may lie outside the linear part, and pulling them into it
/// would change the packet. Not inlined: seldom, and large.
#[inline(never)]
pub(crate) fn any(context: &TcContext, link: Link, direction: Direction) -> Result<(), Reject> {
    let frame = CopiedFrame::of(context).ok_or(Reject::OutOfReach)?;
    let packet = memory().ok_or(Reject::OutOfReach)?;
    packet::parse(&frame, link, hook::metadata(context, direction), packet)
}

/// The packet that [`any`] has read.
#[inline(always)]
pub(crate) fn parsed<'packet>() -> Option<&'packet mut Packet> {
    // SAFETY: parsing succeeded, so the packet is written.
    Some(unsafe { memory()?.assume_init_mut() })
}

/// What this CPU has for a packet: beside what the parser needs, the stack has no room.
#[inline(always)]
fn memory<'packet>() -> Option<&'packet mut MaybeUninit<Packet>> {
    let packet = PACKET.get_ptr_mut(0)?;
    // SAFETY: this CPU's value, and programs of a hook do not interrupt each other on a CPU: until this one ends, nobody else
    // has it. Any bytes are a `MaybeUninit`.
    Some(unsafe { &mut *packet })
}
