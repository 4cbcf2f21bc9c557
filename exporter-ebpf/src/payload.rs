//! Ships the first data that each side of a TCP connection sends, DNS messages, the first packets of QUIC, and what ICMP errors quote.
//!
//! A side's SYN says the sequence number of its first data, which [`AWAITED`] keeps. Until that is seen, an entry of this side keeps
//! [`tcp_flags::ACK`] out of what it has seen, so each of its segments shows something new and leaves the fast way: others pay nothing.
//! The data is shipped by the program that sees it first, and only if it is the connection's first byte; so nothing from the middle
//! of a stream is ever taken for its start.
//!
//! An entry of UDP at the port of DNS keeps the ECN codepoint out instead, which every packet has: so each message is shipped, at every
//! hook, where it tells how long its answer takes. So is each ICMP error.
//!
//! Of other UDP, the first packet of an entry is looked at, and shipped if it has QUIC's long header. One that negotiates versions
//! has another one follow, which is looked at by the same means as messages of DNS.

use core::mem::MaybeUninit;

use abi::{Awaited, Direction, Entry, Payload, protocol, seen, start, tcp_flags};
use aya_ebpf::bindings::BPF_RB_NO_WAKEUP;
use aya_ebpf::helpers::generated::bpf_skb_load_bytes;
use aya_ebpf::programs::TcContext;
use packet::{Fragment, Link, Packet};

use crate::account::Counted;
use crate::bounds::length;
use crate::globals::constant;
use crate::maps::{AWAITED, AWAITED_KEY, PAYLOADS, UNSHIPPED};
use crate::{clock, headers, replay};

/// Set by user space before the program is loaded.
#[unsafe(no_mangle)]
static SHIP_PAYLOADS: u32 = 0;

/// Port of DNS (RFC 1035).
const DNS: u16 = 53;
/// Bytes of the length that is in front of a DNS message in a TCP connection (RFC 1035 section 4.2.2).
const LENGTH_LEN: u32 = 2;
/// Bytes of a UDP header.
const UDP_LEN: u32 = 8;
/// Bytes of an ICMP error before what it quotes, and how many of them the parser takes for the header.
const ICMP_LEN: u32 = 8;
const ICMP_PARSED: u32 = 4;

/// The bits of a QUIC packet's first byte that say what the others mean. The second one may be cleared once both ends know that
/// (RFC 9287).
const LONG_AND_FIXED: u32 = 3;
const LONG: u32 = 2;
/// Instead of a version: the server names those that it speaks.
const NEGOTIATION: u32 = 0;

/// After so many segments without data since its connection opened, an entry looks no further: its side may only ever acknowledge. Of
/// QUIC, after so many packets. A capture's can wait.
const MOST_WITHOUT_DATA: u8 = 16;

/// Whether anything is shipped. If not, the verifier removes what depends on it.
#[inline(always)]
pub(crate) fn are_shipped() -> bool {
    constant(&SHIP_PAYLOADS) != 0
}

/// Reads a plain packet again and looks at it. Not inlined: seldom.
#[inline(never)]
pub(crate) fn look_again(context: &TcContext, counted: Counted, link: Link, direction: Direction) {
    if counted.entry().is_some_and(|entry| is_looked_at(entry))
        && read_again(context, link, direction)
        && let Some(packet) = headers::parsed()
    {
        look(context, counted, packet);
    }
}

/// Not inlined: its stack is free again when the packet is looked at.
#[inline(never)]
fn read_again(context: &TcContext, link: Link, direction: Direction) -> bool {
    headers::again(context, link, direction).is_some()
}

/// Ships what a packet carries if it is the first data, or a DNS message. Not inlined: seldom, and large.
#[inline(never)]
pub(crate) fn look(context: &TcContext, counted: Counted, packet: &Packet) {
    let Some(entry) = counted.entry() else { return };
    if entry.kind as u8 == protocol::UDP {
        return if has_dns_port(entry) {
            each(context, entry, packet, (UDP_LEN, packet.payload_len))
        } else {
            quic(context, entry, packet)
        };
    }
    if is_icmp_error(entry) {
        let len = packet.payload_len.saturating_sub(ICMP_LEN - ICMP_PARSED);
        return each(context, entry, packet, (ICMP_LEN, len));
    }
    let opens = packet.tcp_flags & tcp_flags::SYN != 0;
    let is_of_interest = entry.kind as u8 == protocol::TCP
        && entry.facts.start != start::OVER
        && packet.tcp_flags & tcp_flags::RST == 0
        // None: its header is not whole.
        && packet.tcp_flags != 0
        && matches!(packet.fragment, Fragment::None);
    if !is_of_interest {
        return;
    }
    let mut words = MaybeUninit::uninit();
    if !read(context, packet, &mut words) {
        return;
    }
    // SAFETY: they were read.
    let segment = Segment::of(packet, unsafe { words.assume_init() });
    let Some(key) = key(entry) else { return };
    let first = if opens {
        if segment.len == 0 {
            return wait_for(entry, key, segment.sequence.wrapping_add(1));
        }
        // TCP Fast Open (RFC 7413): the segment carries the first data itself.
        segment.sequence
    } else {
        match AWAITED.get_ptr(key) {
            // SAFETY: the map gave out the value.
            Some(first) => unsafe { first.read_volatile() },
            None => {
                entry.facts.start = start::OVER;
                return;
            }
        }
    };
    if segment.len == LENGTH_LEN && segment.sequence == first && has_dns_port(entry) {
        // The message itself comes next.
        wait_for(entry, key, first.wrapping_add(LENGTH_LEN));
    } else if segment.len != 0 && segment.sequence == first {
        entry.facts.start = start::OVER;
        let _ = AWAITED.remove(key);
        ship(context, entry, segment.at, segment.len);
    } else if entry.facts.start >= MOST_WITHOUT_DATA && !replay::is_on() {
        entry.facts.start = start::OVER;
    } else {
        entry.facts.start = MOST_WITHOUT_DATA.min(entry.facts.start + 1);
        withhold(entry);
    }
}

/// Waits for data that has this sequence number.
#[inline(always)]
fn wait_for(entry: &mut Entry, key: &Awaited, sequence: u32) {
    // A full map makes room, so it fails for want of memory alone.
    let _ = AWAITED.insert(key, sequence, 0);
    withhold(entry);
}

/// Has the next segment with an ACK looked at as well.
#[inline(always)]
pub(crate) fn withhold(entry: &mut Entry) {
    entry.facts.withheld |= entry.counts.seen & tcp_flags::ACK;
    entry.counts.seen &= !tcp_flags::ACK;
}

/// Has the next packet looked at as well.
#[inline(always)]
fn withhold_ecn(entry: &mut Entry) {
    entry.facts.withheld |= entry.counts.seen & seen::ECN;
    entry.counts.seen &= !seen::ECN;
}

/// Whether packets of an entry may be shipped.
#[inline(always)]
fn is_looked_at(entry: &Entry) -> bool {
    match entry.kind as u8 {
        // What is watched for its timestamps is notable, too.
        protocol::TCP => entry.facts.start != start::OVER,
        protocol::UDP => entry.facts.start == start::OPEN || has_dns_port(entry),
        _ => is_icmp_error(entry),
    }
}

/// Whether an entry is of packets from or to the port of DNS.
#[inline(always)]
fn has_dns_port(entry: &Entry) -> bool {
    let [_, _, _, _, ports, _] = entry.words;
    ports as u16 == DNS || (ports >> 16) as u16 == DNS
}

/// Whether an entry is of ICMP or ICMPv6 errors that quote a packet (RFC 792, RFC 4443).
#[inline(always)]
fn is_icmp_error(entry: &Entry) -> bool {
    const V4: u32 = 4 << 8 | protocol::ICMP as u32;
    const V6: u32 = 6 << 8 | protocol::ICMPV6 as u32;
    /// Destination unreachable, time exceeded, parameter problem.
    const V4_TYPES: u32 = 1 << 3 | 1 << 11 | 1 << 12;
    /// Destination unreachable, packet too big, time exceeded, parameter problem.
    const V6_TYPES: u32 = 0b1_1110;
    let types = match entry.kind & 0xffff {
        V4 => V4_TYPES,
        V6 => V6_TYPES,
        _ => return false,
    };
    let kind = (entry.words[4] >> 16) as u16;
    kind < 32 && types >> kind & 1 != 0
}

/// Ships a message behind its header, and has the next one looked at as well.
#[inline(always)]
fn each(context: &TcContext, entry: &mut Entry, packet: &Packet, (header, len): (u32, u32)) {
    withhold_ecn(entry);
    // A later fragment has no header.
    if !matches!(packet.fragment, Fragment::Later(_)) {
        ship(context, entry, packet.transport_at + header, len);
    }
}

/// Ships a packet with QUIC's long header (RFC 8999 section 5.1), and has the next one looked at if it negotiates versions.
#[inline(always)]
fn quic(context: &TcContext, entry: &mut Entry, packet: &Packet) {
    if entry.facts.start != start::OPEN {
        return;
    }
    entry.facts.start = start::OVER;
    let mut words = MaybeUninit::uninit();
    if !matches!(packet.fragment, Fragment::None) || !read(context, packet, &mut words) {
        return;
    }
    // SAFETY: they were read: length and checksum of UDP, and what is behind them.
    let [_, first, second] = unsafe { words.assume_init() }.map(u32::from_be);
    let version = first << 8 | second >> 24;
    let bits = first >> 30;
    let has_bits = bits == LONG_AND_FIXED || (bits == LONG && version != NEGOTIATION);
    if !has_bits || !is_known(version) {
        return;
    }
    if version == NEGOTIATION && entry.counts.packets <= MOST_WITHOUT_DATA.into() {
        entry.facts.start = start::OPEN;
        withhold_ecn(entry);
    }
    ship(context, entry, packet.transport_at + UDP_LEN, packet.payload_len);
}

/// Whether a version of QUIC is one that user space knows: of RFC 9000 or its drafts, of RFC 9369, one that is to be refused, or none.
#[inline(always)]
fn is_known(version: u32) -> bool {
    matches!(version, NEGOTIATION | 1 | 0x6b33_43cf | 0xff00_0000..=0xff00_00ff)
        || version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

/// What a TCP header says of its data.
struct Segment {
    sequence: u32,
    /// Offset of the data in the packet.
    at: u32,
    /// Bytes of data.
    len: u32,
}

impl Segment {
    /// From what [`read`] reads.
    #[inline(always)]
    fn of(packet: &Packet, words: [u32; 3]) -> Self {
        let [sequence, _, offset_and_flags] = words.map(u32::from_be);
        let at = packet.transport_at + (offset_and_flags >> 28) * 4;
        Self { sequence, at, len: packet.payload_len }
    }
}

/// Sequence number, acknowledgement number, and data offset with flags and window. Says whether the packet has them.
#[inline(always)]
fn read(context: &TcContext, packet: &Packet, words: &mut MaybeUninit<[u32; 3]>) -> bool {
    const AT: u32 = 4;
    // SAFETY: the array has 12 bytes.
    let failed = unsafe {
        bpf_skb_load_bytes(
            context.skb.skb.cast(),
            packet.transport_at + AT,
            words.as_mut_ptr().cast(),
            size_of::<[u32; 3]>() as u32,
        )
    };
    failed == 0
}

/// The key of an entry's side, in memory of this CPU.
#[inline(always)]
fn key<'a>(entry: &Entry) -> Option<&'a Awaited> {
    let key = AWAITED_KEY.get_ptr_mut(0)?;
    let [source_0, source_1, destination_0, destination_1, ports, scope] = entry.words;
    let ports_and_scope = u64::from(ports as u32) | scope << 32;
    // SAFETY: this CPU's value, and programs of a hook do not interrupt each other on a CPU.
    unsafe {
        *key = [source_0, source_1, destination_0, destination_1, ports_and_scope];
        Some(&*key)
    }
}

/// Not inlined: the verifier is to look at it once.
#[inline(never)]
fn ship(context: &TcContext, entry: &Entry, at: u32, len: u32) {
    let shipped = len.min(context.len().saturating_sub(at)).min(Payload::BYTES);
    // Of a capture, the bytes may end before.
    if shipped == 0 {
        return;
    }
    let shipped = length::<{ Payload::BYTES }>(shipped);
    let Some(mut room) = PAYLOADS.reserve::<Payload>(0) else {
        if let Some(unshipped) = UNSHIPPED.get_ptr_mut(0) {
            // SAFETY: this CPU's value, and programs of a hook do not interrupt each other on a CPU.
            unsafe { *unshipped += 1 };
        }
        return;
    };
    let payload = room.as_mut_ptr();
    // SAFETY: the ring gave out room for one, which nobody else has; and `shipped` is at most the array's length.
    let failed = unsafe {
        (*payload).words = entry.words;
        (*payload).kind = entry.kind;
        (*payload).shipped = shipped;
        (*payload).time_ns = clock::precise();
        (*payload).len = len;
        (*payload).pad = 0;
        bpf_skb_load_bytes(context.skb.skb.cast(), at, (&raw mut (*payload).bytes).cast(), shipped)
    };
    if failed == 0 {
        room.submit(BPF_RB_NO_WAKEUP.into());
    } else {
        room.discard(BPF_RB_NO_WAKEUP.into());
    }
}
