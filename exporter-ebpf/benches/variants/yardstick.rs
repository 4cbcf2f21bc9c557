//! THE YARDSTICK: how flow programs are usually built, and what the goals are ratios of. It stays as it is.
//!
//! One shared hash map, a key of 40 bytes, atomic additions, the precise clock.

use core::arch::asm;

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::programs::TcContext;
use packet::{Packet, Wire};

use crate::clock;
use crate::maps::YARDSTICK;

/// Addresses, ports, protocol.
#[repr(C)]
pub(crate) struct Key {
    src_addr: [u64; 2],
    dst_addr: [u64; 2],
    src_port: u16,
    dst_port: u16,
    protocol: u32,
}

/// Counts, times, TCP flags.
#[repr(C)]
pub(crate) struct Counts {
    bytes: u64,
    packets: u64,
    first_ns: u64,
    last_ns: u64,
    tcp_flags: u64,
}

#[inline(always)]
pub(crate) fn account(_context: &TcContext, packet: &mut Packet, wire: Wire) {
    let flow = packet.key.unpack();
    let key = Key {
        src_addr: flow.src_addr,
        dst_addr: flow.dst_addr,
        src_port: flow.src_port,
        dst_port: flow.dst_port,
        protocol: flow.protocol.into(),
    };
    let now = clock::precise();
    if grow(&key, packet, wire, now) {
        return;
    }
    let counts = Counts {
        bytes: wire.bytes.into(),
        packets: wire.packets.into(),
        first_ns: now,
        last_ns: now,
        tcp_flags: packet.tcp_flags.into(),
    };
    if YARDSTICK.insert(&key, &counts, u64::from(BPF_NOEXIST)).is_err() {
        grow(&key, packet, wire, now); // Another CPU was first.
    }
}

#[inline(always)]
fn grow(key: &Key, packet: &Packet, wire: Wire, now: u64) -> bool {
    let Some(counts) = YARDSTICK.get_ptr_mut(key) else { return false };
    // SAFETY: the map gave out the entry; other CPUs write it too, so it is only accessed through its address.
    unsafe {
        add(&raw mut (*counts).bytes, wire.bytes.into());
        add(&raw mut (*counts).packets, wire.packets.into());
        (&raw mut (*counts).last_ns).write_volatile(now);
        let flags = &raw mut (*counts).tcp_flags;
        let missing = u64::from(packet.tcp_flags) & !flags.read_volatile();
        if missing != 0 {
            asm!("lock *(u64 *)({flags} + 0) |= {missing}", flags = in(reg) flags, missing = in(reg) missing);
        }
    }
    true
}

/// An atomic addition. The target has no `AtomicU64::fetch_add`.
///
/// # Safety
/// `field` has to lie in a map value.
#[inline(always)]
pub(crate) unsafe fn add(field: *mut u64, value: u64) {
    // SAFETY: see above.
    unsafe { asm!("lock *(u64 *)({field} + 0) += {value}", field = in(reg) field, value = in(reg) value) }
}

/// The same for half a word.
///
/// # Safety
/// As [`add`].
#[inline(always)]
pub(crate) unsafe fn add_32(field: *mut u32, value: u32) {
    // SAFETY: see above.
    unsafe { asm!("lock *(u32 *)({field} + 0) += {value}", field = in(reg) field, value = in(wreg) value) }
}
