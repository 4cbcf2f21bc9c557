//! The kernel programs: one for each direction of a hook and kind of device, another such set for where the user filters or samples, and
//! two for captures ([`replay`]).
//!
//! The way of a packet: read its headers ([`headers`]), give a later fragment its ports ([`fragments`]), count it ([`account`]), note how well its connection does
//! ([`quality`]); what cannot be counted as a flow is counted by reason ([`losses`]). The packet of a hook is never changed, and
//! the verdict is always "go on with the next program".
//!
//! The verifier goes through a function again for each call, and for each state that a call may come with. What is large is therefore
//! a *global* function (`extern "C"` with a name of its own): the verifier goes through that once, for whatever words it is given.
//! It takes the context and words alone, and gives a word (Linux: `btf_prepare_func_args`); what it needs besides, it
//! takes from maps again.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(
    unstable_features,
    reason = "inline assembly on the BPF target is experimental; the toolchain is pinned"
)]

mod account;
mod bounds;
mod clock;
mod drops;
mod entry;
mod filter;
mod fragments;
mod frame;
mod globals;
mod hash;
mod headers;
mod hook;
mod losses;
mod maps;
mod payload;
mod quality;
mod replay;
mod timestamps;

use core::mem::MaybeUninit;

use abi::{Direction, Reason};
use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;
use packet::{Link, Packet, Wire};

use crate::account::Counted;

/// `TC_ACT_UNSPEC` (include/uapi/linux/pkt_cls.h), which is also `TCX_NEXT` (include/uapi/linux/bpf.h).
const NEXT: i32 = -1;

/// Frames that an Ethernet device received.
#[classifier]
pub fn ethernet_ingress(context: TcContext) -> i32 {
    observe::<false>(&context, Link::Ethernet, Direction::Ingress)
}

/// Frames that an Ethernet device sends.
#[classifier]
pub fn ethernet_egress(context: TcContext) -> i32 {
    observe::<false>(&context, Link::Ethernet, Direction::Egress)
}

/// Packets that a device without a link-layer header received.
#[classifier]
pub fn ip_ingress(context: TcContext) -> i32 {
    observe::<false>(&context, Link::Ip, Direction::Ingress)
}

/// Packets that a device without a link-layer header sends.
#[classifier]
pub fn ip_egress(context: TcContext) -> i32 {
    observe::<false>(&context, Link::Ip, Direction::Egress)
}

/// As [`ethernet_ingress`], with a filter or a sample.
#[classifier]
pub fn ethernet_ingress_filtered(context: TcContext) -> i32 {
    filter::observe(&context, Link::Ethernet, Direction::Ingress)
}

/// As [`ethernet_egress`], with a filter or a sample.
#[classifier]
pub fn ethernet_egress_filtered(context: TcContext) -> i32 {
    filter::observe(&context, Link::Ethernet, Direction::Egress)
}

/// As [`ip_ingress`], with a filter or a sample.
#[classifier]
pub fn ip_ingress_filtered(context: TcContext) -> i32 {
    filter::observe(&context, Link::Ip, Direction::Ingress)
}

/// As [`ip_egress`], with a filter or a sample.
#[classifier]
pub fn ip_egress_filtered(context: TcContext) -> i32 {
    filter::observe(&context, Link::Ip, Direction::Egress)
}

/// Frames of a capture, with an Ethernet header.
#[classifier]
pub fn ethernet_captured(context: TcContext) -> i32 {
    replay::observe(&context, Link::Ethernet)
}

/// Packets of a capture, without a link-layer header.
#[classifier]
pub fn ip_captured(context: TcContext) -> i32 {
    replay::observe(&context, Link::Ip)
}

/// Counts a packet, of a sample if only some flows are counted.
#[inline(always)]
fn observe<const SAMPLED: bool>(context: &TcContext, link: Link, direction: Direction) -> i32 {
    let ipv4 = if SAMPLED {
        plain_ipv4_sampled(context, link, direction)
    } else {
        plain::<4, false>(context, link, direction)
    };
    let found = match ipv4 {
        Plain::No => plain_ipv6::<SAMPLED>(context, link, direction),
        found => found,
    };
    match found {
        Plain::Done => {}
        Plain::Unknown => search_plain(context, link, direction),
        Plain::No => match headers::any(context, link, direction) {
            Ok(()) => count_any::<SAMPLED>(context, direction),
            Err(reject) => losses::add(context, direction, reject),
        },
    }
    NEXT
}

/// What became of a packet where only plain ones are looked at.
#[repr(u32)]
enum Plain {
    /// It is not a plain one of this IP version.
    No,
    /// It is counted, or is not to be.
    Done,
    /// Its key was not found at first sight.
    Unknown,
}

/// Counts a plain packet whose entry is where it is looked for first. Nothing of the packet is in memory that a call could see, so
/// it stays in registers.
#[inline(always)]
fn plain<const VERSION: u8, const SAMPLED: bool>(
    context: &TcContext,
    link: Link,
    direction: Direction,
) -> Plain {
    let metadata = hook::of_packet(context, direction);
    let mut place = MaybeUninit::uninit();
    match headers::plain::<VERSION>(context, link, metadata, &mut place) {
        None => Plain::No,
        Some(packet) => {
            let wire = Wire::of(packet, hook::size(context, &metadata));
            if SAMPLED && filter::is_sampled_out(&packet.key) {
                filter::leave_out(&packet.key, wire, Reason::SampledOut);
                return Plain::Done;
            }
            let Some((number, shown)) = account::known::<VERSION>(packet, wire) else {
                return Plain::Unknown;
            };
            quality::note_plain(context, packet, wire, number, shown);
            if shown.is_notable && payload::are_shipped() {
                payload::look_again(context, Counted::later(number, shown), link, direction);
            }
            Plain::Done
        }
    }
}

/// Not inlined: what it has on the stack would lie below all other ways.
#[inline(never)]
fn plain_ipv4_sampled(context: &TcContext, link: Link, direction: Direction) -> Plain {
    plain::<4, true>(context, link, direction)
}

/// Not inlined: the compiler would make one of what both versions have in common, and keep in memory what differs.
#[inline(never)]
fn plain_ipv6<const SAMPLED: bool>(context: &TcContext, link: Link, direction: Direction) -> Plain {
    plain::<6, SAMPLED>(context, link, direction)
}

/// Reads a plain packet again, and finds or makes its entry. Not inlined: seldom, and large.
#[inline(never)]
fn search_plain(context: &TcContext, link: Link, direction: Direction) {
    if let Some(packet) = headers::again(context, link, direction) {
        let size = hook::size(context, &hook::metadata(context, direction));
        count(context, packet, Wire::of(packet, size));
    }
}

/// Counts a packet that is not plain. Not inlined: seldom.
#[inline(never)]
fn count_any<const SAMPLED: bool>(context: &TcContext, direction: Direction) {
    if let Some(packet) = headers::parsed() {
        fragments::follow(packet);
        let wire = Wire::of(packet, hook::size(context, &hook::metadata(context, direction)));
        if SAMPLED && filter::is_sampled_out(&packet.key) {
            filter::leave_out(&packet.key, wire, Reason::SampledOut);
        } else {
            count(context, packet, wire);
        }
    }
}

/// Counts a packet, notes what it tells of its connection, and has a second look at one that shows something new. Says where it was
/// counted, if it was.
#[inline(always)]
fn count(context: &TcContext, packet: &Packet, wire: Wire) -> Counted {
    let counted = match account::any(context, wire) {
        Ok(counted) => counted,
        Err(nowhere) => return nowhere,
    };
    quality::note(context, packet, wire, counted);
    if counted.is_notable() && payload::are_shipped() {
        payload::look(context, counted, packet);
    }
    counted
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Some helpers are for GPL-compatible programs only; the sources are under Apache-2.0 or GPL-2.0.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
