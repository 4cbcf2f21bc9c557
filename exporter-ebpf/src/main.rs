//! The kernel programs: one for each direction of a hook and kind of device.
//!
//! The way of a packet: read its headers ([`frame`]), give a later fragment its ports ([`fragments`]), count it
//! ([`account`]); what cannot be counted as a flow is counted by reason ([`losses`]). The packet itself is never changed, and
//! the verdict is always "go on with the next program".
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(
    unstable_features,
    reason = "inline assembly on the BPF target is experimental; the toolchain is pinned"
)]

mod account;
mod clock;
mod fragments;
mod frame;
mod hook;
mod losses;
mod maps;

use abi::{Direction, Reason};
use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;
use packet::{Link, Packet, Reject, Wire};

use crate::frame::{CopiedFrame, DirectFrame};
use crate::hook::Hook;

/// `TC_ACT_UNSPEC` (include/uapi/linux/pkt_cls.h), which is also `TCX_NEXT` (include/uapi/linux/bpf.h).
const NEXT: i32 = -1;

/// Frames that an Ethernet device received.
#[classifier]
pub fn ethernet_ingress(context: TcContext) -> i32 {
    observe(&context, Link::Ethernet, Direction::Ingress)
}

/// Frames that an Ethernet device sends.
#[classifier]
pub fn ethernet_egress(context: TcContext) -> i32 {
    observe(&context, Link::Ethernet, Direction::Egress)
}

/// Packets that a device without a link-layer header received.
#[classifier]
pub fn ip_ingress(context: TcContext) -> i32 {
    observe(&context, Link::Ip, Direction::Ingress)
}

/// Packets that a device without a link-layer header sends.
#[classifier]
pub fn ip_egress(context: TcContext) -> i32 {
    observe(&context, Link::Ip, Direction::Egress)
}

#[inline(always)]
fn observe(context: &TcContext, link: Link, direction: Direction) -> i32 {
    let hook = Hook::of(context, direction);
    let parsed = match packet::parse(&DirectFrame::of(context), link, hook::metadata(context)) {
        Err(Reject::OutOfReach) => parse_copied(context, link),
        parsed => parsed,
    };
    match parsed {
        Ok(packet) => count(context, &hook, packet, link),
        Err(Reject::NotIp) => reject(context, &hook, Reason::NotIp),
        Err(Reject::Malformed | Reject::OutOfReach) => reject(context, &hook, Reason::Malformed),
    }
    NEXT
}

/// A header lies outside the linear part: parse a copy. Pulling it into the linear part would change the packet.
#[inline(never)]
fn parse_copied(context: &TcContext, link: Link) -> Result<Packet, Reject> {
    let frame = CopiedFrame::of(context).ok_or(Reject::OutOfReach)?;
    packet::parse(&frame, link, hook::metadata(context))
}

#[inline(always)]
fn count(context: &TcContext, hook: &Hook, mut packet: Packet, link: Link) {
    hook.complete(&mut packet.key);
    fragments::follow(hook, &mut packet);
    let wire = Wire::of(&packet, hook::metadata(context), hook::offload(context));
    account::account(context, hook, &packet, wire, link);
}

#[inline(always)]
fn reject(context: &TcContext, hook: &Hook, reason: Reason) {
    losses::add(hook, reason, Wire::opaque(hook::metadata(context), hook::offload(context)));
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Some helpers are for GPL-compatible programs only; the sources are under Apache-2.0 or GPL-2.0.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
