//! Counts packets that the kernel dropped, by their headers and its reason.
//!
//! The tracepoint is the machine's, not a hook's: a packet is dropped in whatever network namespace and context it is in. So this
//! program may run while one of a hook does, and, where the kernel lets it (before Linux 6.2), while it runs itself: additions are atomic, and
//! what it needs beside the stack is its own.

use core::arch::asm;
use core::mem::MaybeUninit;

use abi::{Direction, DropKey, DropTally, NO_DROPS as MOST_NO_DROPS, Untold, control, skb};
use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::{HashMap, PerCpuArray};
use aya_ebpf::programs::BtfTracePointContext;
use packet::{Link, Metadata, Packet, Size, Wire};

use crate::account;
use crate::clock;
use crate::filter;
use crate::frame::{CopiedFrame, Headers};
use crate::globals::constant;

/// What was dropped, of each generation. User space sets the size, and empties the one that no program writes.
#[map(name = "DROPS_0_V3")]
static DROPS_0: HashMap<DropKey, DropTally> = HashMap::with_max_entries(1, 0);
/// See [`DROPS_0`].
#[map(name = "DROPS_1_V3")]
static DROPS_1: HashMap<DropKey, DropTally> = HashMap::with_max_entries(1, 0);

/// Dropped packets that are in none of them, since the start.
#[map(name = "DROPS_UNTOLD_V1")]
static DROPS_UNTOLD: PerCpuArray<u64> = PerCpuArray::with_max_entries(Untold::ALL.len() as u32, 0);

/// What a run of the program has for itself.
#[map(name = "DROP_SCRATCH_V1")]
static DROP_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// Set by user space before the program is loaded.
#[unsafe(no_mangle)]
static DROP_LAYOUT: [u32; skb::MEMBERS] = [0; skb::MEMBERS];

/// Set by user space before the program is loaded. If it is 0, the verifier removes what depends on it.
#[unsafe(no_mangle)]
static DROP_NAMESPACES: u32 = 0;

/// Set by user space before the program is loaded.
#[unsafe(no_mangle)]
static NO_DROPS: [u32; MOST_NO_DROPS] = [0; MOST_NO_DROPS];

/// Which argument of the tracepoint is the packet, and which the reason.
const PACKET: usize = 0;
const REASON: usize = 2;

/// Bytes from the IP header on. Behind the end of a packet's buffer there are as many that can be read: its `skb_shared_info`.
const COPIED: u32 = 192;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

#[repr(C)]
struct Scratch {
    /// Not 0 while a run has it.
    taken: u64,
    /// As [`HEADERS`](crate::maps::HEADERS).
    headers: Headers,
    packet: MaybeUninit<Packet>,
}

/// A packet that the kernel dropped.
#[btf_tracepoint(function = "kfree_skb")]
pub fn dropped(context: BtfTracePointContext) -> i32 {
    let reason: u32 = context.arg(REASON);
    if is_drop(reason) {
        note(context.arg(PACKET), reason);
    }
    0
}

#[inline(always)]
fn is_drop(reason: u32) -> bool {
    let mut is_none = false;
    for no_drop in &NO_DROPS {
        is_none |= constant(no_drop) == reason;
    }
    !is_none
}

#[inline(always)]
fn note(packet: *const u8, reason: u32) {
    let protocol = u16::from_be(member(packet, skb::PROTOCOL));
    if protocol == 0 {
        return; // Between sockets of this machine (AF_UNIX, AF_NETLINK): on no network.
    }
    let Some(scratch) = DROP_SCRATCH.get_ptr_mut(0) else { return };
    // SAFETY: this CPU's value. Who interrupts finds the mark, and leaves everything as it was.
    let taken = unsafe { &raw mut (*scratch).taken };
    // SAFETY: as above.
    if unsafe { taken.read_volatile() } != 0 {
        return untold(Untold::Nested);
    }
    // SAFETY: as above.
    unsafe { taken.write_volatile(1) };
    if protocol != IPV4 && protocol != IPV6 {
        untold(Untold::Unread);
    } else if let Some(why) = read(packet, scratch, reason) {
        untold(why);
    }
    // SAFETY: as above.
    unsafe { taken.write_volatile(0) };
}

/// Counts an IP packet, or says why not.
#[inline(always)]
fn read(packet: *const u8, scratch: *mut Scratch, reason: u32) -> Option<Untold> {
    let head: u64 = member(packet, skb::HEAD);
    let data: u64 = member(packet, skb::DATA);
    let network = head + u64::from(member::<u16>(packet, skb::NETWORK_HEADER));
    let end = head + u64::from(member::<u32>(packet, skb::END));
    let linear = (head + u64::from(member::<u32>(packet, skb::TAIL))).wrapping_sub(network) as u32;
    // The length counts from `data`, which may be before the IP header or behind it.
    let len = member::<u32>(packet, skb::LEN).wrapping_add(data.wrapping_sub(network) as u32);
    let segment_size = shared(end, skb::GSO_SIZE);
    // SAFETY: this CPU's buffers, which this run has taken.
    let (headers, parsed) = unsafe { ((&raw mut (*scratch).headers).cast::<u8>(), &mut (*scratch).packet) };
    // SAFETY: the buffer is longer.
    if unsafe { bpf_probe_read_kernel(headers.cast(), COPIED, network as *const _) } != 0 {
        return Some(Untold::Unread);
    }
    let frame = CopiedFrame { start: headers as usize, len: linear.min(COPIED) as usize };
    let metadata = Metadata {
        ifindex: 0,
        scope: 0,
        cpu: 0,
        direction: Direction::Ingress,
        len,
        vlan: 0,
        offloaded: segment_size != 0,
    };
    if packet::parse(&frame, Link::Ip, metadata, parsed).is_err() {
        return Some(Untold::Unread);
    }
    // SAFETY: parsing succeeded, so the packet is written.
    let parsed = unsafe { parsed.assume_init_ref() };
    if filter::is_sampled_out(&parsed.key) {
        return None;
    }
    let size = Size { len, tag_in_metadata: false, segments: shared(end, skb::GSO_SEGS), segment_size };
    let [source_0, source_1, destination_0, destination_1, ports, _] = parsed.key.words;
    let key = DropKey {
        addresses: [source_0, source_1, destination_0, destination_1],
        ports: ports as u32,
        kind: parsed.key.kind,
        reason,
        namespace: namespace(packet),
    };
    let wire = Wire::of(parsed, size);
    let is_counted = if control::generation(account::control()) == 0 {
        count(&DROPS_0, &key, wire)
    } else {
        count(&DROPS_1, &key, wire)
    };
    (!is_counted).then_some(Untold::Overflow)
}

/// The network namespace that a packet is in: its device's, or else its socket's.
#[inline(always)]
fn namespace(packet: *const u8) -> u32 {
    if constant(&DROP_NAMESPACES) == 0 {
        return 0;
    }
    match namespace_by(packet, skb::DEVICE, skb::NET_OF_DEVICE) {
        0 => namespace_by(packet, skb::SOCKET, skb::NET_OF_SOCKET),
        number => number,
    }
}

/// 0 if it has none. What is no address cannot be read, or is no namespace that user space knows.
#[inline(always)]
fn namespace_by(packet: *const u8, holder: usize, net: usize) -> u32 {
    let holder: u64 = probe(packet.wrapping_add(offset(holder)) as u64);
    if holder == 0 {
        return 0;
    }
    let net: u64 = probe(holder + offset(net) as u64);
    if net == 0 { 0 } else { probe(net + (offset(skb::NAMESPACE) + offset(skb::NUMBER)) as u64) }
}

/// Whether there is room.
#[inline(always)]
fn count(drops: &HashMap<DropKey, DropTally>, key: &DropKey, wire: Wire) -> bool {
    let (packets, bytes) = (u64::from(wire.packets), u64::from(wire.bytes));
    let now = clock::precise();
    if let Some(tally) = drops.get_ptr_mut(key) {
        grow(tally, packets, bytes, now);
        return true;
    }
    let first = DropTally { packets, bytes, first_ns: now, last_ns: now };
    if drops.insert(key, first, BPF_NOEXIST.into()).is_ok() {
        return true;
    }
    // Another CPU may have been faster.
    match drops.get_ptr_mut(key) {
        Some(tally) => {
            grow(tally, packets, bytes, now);
            true
        }
        None => false,
    }
}

#[inline(always)]
fn grow(tally: *mut DropTally, packets: u64, bytes: u64, now: u64) {
    // SAFETY: the map gave out the value, which other CPUs may write too: what counts is added atomically.
    unsafe {
        add(&raw mut (*tally).packets, packets);
        add(&raw mut (*tally).bytes, bytes);
        (&raw mut (*tally).last_ns).write_volatile(now);
    }
}

#[inline(always)]
fn untold(why: Untold) {
    if let Some(packets) = DROPS_UNTOLD.get_ptr_mut(why as u32) {
        // SAFETY: the map gave out the value.
        unsafe { add(packets, 1) };
    }
}

/// The target has no `AtomicU64::fetch_add`.
///
/// # Safety
/// `counter` has to lie in a map value.
#[inline(always)]
unsafe fn add(counter: *mut u64, value: u64) {
    // SAFETY: see above.
    unsafe {
        asm!(
            "lock *(u64 *)({counter} + 0) += {value}",
            counter = in(reg) counter,
            value = in(reg) value,
        );
    }
}

/// A member of the packet. The verifier follows the pointer and checks the member's place and width.
#[inline(always)]
fn member<T>(packet: *const u8, member: usize) -> T {
    // SAFETY: the kernel's type information says that the member is there.
    unsafe { packet.add(offset(member)).cast::<T>().read_volatile() }
}

/// A member of the `skb_shared_info` behind a packet's buffer; 0 if it cannot be read.
#[inline(always)]
fn shared(end: u64, member: usize) -> u32 {
    probe::<u16>(end + offset(member) as u64).into()
}

/// What is at an address, an integer; 0 if it cannot be read.
#[inline(always)]
fn probe<T: Default>(address: u64) -> T {
    let mut value = T::default();
    // SAFETY: as many bytes of the stack as are written. The kernel checks the address, and writes zeros where it cannot be read.
    unsafe {
        bpf_probe_read_kernel((&raw mut value).cast(), size_of::<T>() as u32, address as *const _);
    }
    value
}

#[inline(always)]
fn offset(member: usize) -> usize {
    constant(&DROP_LAYOUT[member]) as usize
}
