//! What the layout of the kernel maps is measured against: an empty program, the yardstick, and the alternatives of
//! `docs/adr/0001-kernel-map-layout.md`. `exporter/benches/kernel` loads them; the exporter never does.
//!
//! They read packets with the exporter's own code and keep the same facts; only where these are kept differs. The programs of
//! the exporter itself, two generations behind a cache of counts, are measured as they are.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(
    unstable_features,
    reason = "inline assembly on the BPF target is experimental; the toolchain is pinned"
)]
#![expect(
    clippy::needless_borrows_for_generic_args,
    reason = "without the borrow, keys and values are copied once more on a stack of 512 bytes"
)]

#[path = "../../src/clock.rs"]
#[expect(dead_code, reason = "the variants have no slots of their own that note the tick")]
mod clock;
#[path = "../../src/entry.rs"]
mod entry;
#[path = "../../src/frame.rs"]
mod frame;
#[path = "../../src/headers.rs"]
mod headers;
#[path = "../../src/hook.rs"]
mod hook;

mod generations;
mod halves;
mod hooks;
mod locations;
mod maps;
mod per_cpu;
mod shared;
mod yardstick;

use abi::Direction;
use aya_ebpf::macros::classifier;
use aya_ebpf::programs::TcContext;
use packet::{Link, Wire};

/// `TC_ACT_UNSPEC` (include/uapi/linux/pkt_cls.h).
const NEXT: i32 = -1;

/// What the measurement itself costs.
#[classifier]
pub fn empty(_context: TcContext) -> i32 {
    NEXT
}

/// A program for each direction of a hook.
macro_rules! variants {
    ($($module:ident: $ingress:ident $egress:ident,)*) => {$(
        variants! { $module $ingress Ingress }
        variants! { $module $egress Egress }
    )*};
    ($module:ident $name:ident $direction:ident) => {
        #[classifier]
        pub fn $name(context: TcContext) -> i32 {
            if let Ok(packet) = headers::parse(&context, Link::Ethernet, Direction::$direction) {
                let wire = Wire::of(packet, hook::size(&context));
                $module::account(&context, packet, wire);
            }
            NEXT
        }
    };
}

variants! {
    yardstick: yardstick_in yardstick_out,
    shared: shared_in shared_out,
    per_cpu: per_cpu_in per_cpu_out,
    generations: generations_in generations_out,
    locations: locations_in locations_out,
    halves: halves_in halves_out,
    hooks: hooks_in hooks_out,
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// As of the exporter's programs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
