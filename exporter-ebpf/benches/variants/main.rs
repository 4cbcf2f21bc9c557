//! What the layout of the kernel maps is measured against: an empty program, the yardstick, and the alternatives of
//! `docs/adr/0001-kernel-map-layout.md`. `exporter/benches/kernel` loads them; the exporter never does.
//!
//! They read packets with the exporter's own code and keep the same facts; only where these are kept differs. The programs of
//! the exporter itself are measured as they are.
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

#[path = "../../src/bounds.rs"]
mod bounds;
#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/entry.rs"]
#[expect(dead_code, reason = "nothing but counts is kept of a later packet")]
mod entry;
#[path = "../../src/frame.rs"]
mod frame;
#[path = "../../src/headers.rs"]
#[expect(dead_code, reason = "the loads have plain packets only")]
mod headers;
#[path = "../../src/hook.rs"]
mod hook;

mod counts;
mod generations;
mod maps;
mod per_cpu;
mod replay;
mod shared;
mod slot;
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
            let Some(place) = maps::SCRATCH.get_ptr_mut(0) else { return NEXT };
            // SAFETY: this CPU's value, and programs of a hook do not interrupt each other on a CPU. Any bytes are a `MaybeUninit`.
            let place = unsafe { &mut *place };
            let metadata = hook::metadata(&context, Direction::$direction);
            // The loads have no other packets.
            if let Some(packet) = headers::plain::<4>(&context, Link::Ethernet, metadata, place) {
                let wire = Wire::of(packet, hook::size(&context, &metadata));
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
    counts: counts_in counts_out,
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// As of the exporter's programs.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
