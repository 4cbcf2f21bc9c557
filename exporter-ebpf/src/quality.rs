//! How well a TCP connection does: what its sender's socket says, and what the segments tell where there is none.
//!
//! The socket of a local sender goes with its packets to the hooks that they leave by, also from a network namespace through a
//! veth pair. It knows round-trip times and what it has sent again. It is looked at once in a timer tick, and when something is
//! sent again. What the segments tell is in [`packet::Segment`], and their timestamps in [`timestamps`].

use abi::{PackedKey, TcpQuality, protocol, tcp_flags};
use aya_ebpf::bindings::{__sk_buff, bpf_sock};
use aya_ebpf::helpers::generated::{bpf_sk_fullsock, bpf_tcp_sock};
use aya_ebpf::programs::TcContext;
use packet::{Fragment, Frame, Header, MAX_OFFSET, Packet, Segment, SentAt, Wire};

use crate::account::Counted;
use crate::clock;
use crate::entry::Shown;
use crate::frame::DirectFrame;
use crate::globals::constant;
use crate::maps::TCP_QUALITY;
use crate::{replay, timestamps};

/// Set by user space before the program is loaded: whether [`TCP_QUALITY`] is kept. Where it is 0, the verifier removes the rest.
#[unsafe(no_mangle)]
static KEEPS_TCP_QUALITY: u32 = 0;

/// `SOCK_STREAM` (include/linux/net.h). The sockets that the kernel itself answers with, for connections that have none, are raw.
const SOCK_STREAM: u32 = 1;

/// The option's bytes where they mostly are, right behind the fixed header: two of padding, its kind, its length (RFC 7323
/// appendix A).
const TIMESTAMP: u32 = 0x0101_080a;
/// In words of 4 bytes: the shortest header with this option.
const WITH_TIMESTAMP: u16 = 8;

/// Notes what a plain packet tells of its connection, if it is a TCP segment. Most segments cost few instructions and no call.
#[inline(always)]
pub(crate) fn note_plain(context: &TcContext, packet: &Packet, wire: Wire, number: u32, shown: Shown) {
    if is_noted(packet) && (shown.is_new_tick || shown.is_notable || !is_plain(context, packet, number)) {
        let counted = Counted::later(number, shown);
        note_segment(context.skb.skb, counted.word(), packet.transport_at, packet.payload_len, wire.packets);
    }
}

/// Notes what any packet tells of its connection, if it is a TCP segment.
#[inline(always)]
pub(crate) fn note(context: &TcContext, packet: &Packet, wire: Wire, counted: Counted) {
    if is_noted(packet) && matches!(packet.fragment, Fragment::None) {
        note_segment(context.skb.skb, counted.word(), packet.transport_at, packet.payload_len, wire.packets);
    }
}

/// A segment without any flag is none that TCP sends.
#[inline(always)]
fn is_noted(packet: &Packet) -> bool {
    packet.tcp_flags != 0 && constant(&KEEPS_TCP_QUALITY) != 0
}

/// Begins what is beside a new entry: empty, or with what is beside the one of this number. Not with its first segment, which may be a
/// fragment and not noted.
#[inline(always)]
pub(crate) fn begin(key: &PackedKey, counted: Counted, before: Option<u32>) {
    if constant(&KEEPS_TCP_QUALITY) == 0 || key.unpack().protocol != protocol::TCP {
        return;
    }
    let before = before.and_then(|number| TCP_QUALITY.get(number)).copied().unwrap_or_default();
    if let Some(quality) = quality_of(counted.number()) {
        *quality = before;
    }
}

/// Notes a segment that is one of the commonest. The others are left to [`note_segment`].
#[inline(always)]
fn is_plain(context: &TcContext, packet: &Packet, number: u32) -> bool {
    let Some(header) = DirectFrame::of(context).header::<20>(packet.transport_at as usize) else {
        return true;
    };
    let segment = Segment {
        sequence: header.be32::<4>(),
        payload_len: packet.payload_len,
        flags: packet.tcp_flags,
        window: header.be16::<14>(),
        segments: 1,
    };
    segment.note_plain(|| quality_of(number))
}

/// What is beside the entry of this number.
#[inline(always)]
fn quality_of<'a>(number: u32) -> Option<&'a mut TcpQuality> {
    // SAFETY: the entry is this CPU's, and so is what is beside it.
    TCP_QUALITY.get_ptr_mut(number).map(|quality| unsafe { &mut *quality })
}

/// Not inlined: what a packet needs up to here stays in registers. Global: see [`crate`].
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn note_segment(
    skb: *mut __sk_buff,
    counted: u32,
    at: u32,
    payload_len: u32,
    segments: u32,
) -> u32 {
    let counted = Counted::of(counted);
    let Some(quality) = quality_of(counted.number()) else { return 0 };
    if at > MAX_OFFSET {
        return 0; // For the verifier: no header is that far away.
    }
    let frame = DirectFrame::of(&TcContext::new(skb));
    let Some(header) = frame.header::<20>(at as usize) else { return 0 };
    let offset_and_flags = header.be16::<12>();
    let segment = Segment {
        sequence: header.be32::<4>(),
        payload_len,
        flags: offset_and_flags & tcp_flags::ALL,
        window: header.be16::<14>(),
        segments,
    };
    let is_known = segment.note(quality, || sent_at(&frame, at, offset_and_flags));
    if (is_known || counted.is_new_tick()) && !replay::is_on() {
        look_at_socket(skb, quality);
    }
    if counted.is_new_tick_or_notable() && quality.smoothed_rtt == 0 && segment.flags & tcp_flags::RST == 0 {
        time(&frame, at, offset_and_flags, payload_len, counted, quality);
    }
    0
}

/// Times a segment by its timestamps, if it has them.
#[inline(always)]
fn time(
    frame: &DirectFrame,
    at: u32,
    offset_and_flags: u16,
    payload_len: u32,
    counted: Counted,
    quality: &mut TcpQuality,
) {
    if offset_and_flags >> 12 >= WITH_TIMESTAMP
        && let Some(header) = frame.header::<32>(at as usize)
        && header.be32::<20>() == TIMESTAMP
    {
        let round_trip =
            timestamps::time_segment(counted.word(), header.be32::<24>(), header.be32::<28>(), payload_len);
        if round_trip != 0 {
            quality.add_round_trip(round_trip);
        }
    }
}

#[inline(always)]
fn sent_at(frame: &DirectFrame, at: u32, offset_and_flags: u16) -> SentAt {
    if offset_and_flags >> 12 >= WITH_TIMESTAMP
        && let Some(header) = frame.header::<28>(at as usize)
        && header.be32::<20>() == TIMESTAMP
    {
        return SentAt::timestamp(header.be32::<24>());
    }
    SentAt::tick(clock::ticks())
}

/// Takes what the sender's socket says, if there is one that has measured a round trip. The socket that answers a SYN is the
/// listening one, which never has.
#[inline(always)]
fn look_at_socket(skb: *mut __sk_buff, quality: &mut TcpQuality) {
    // SAFETY: the kernel hands the program a valid context; its pointer to a socket may be null.
    let Some(socket) = full_socket(unsafe { (*skb).__bindgen_anon_2.sk }) else { return };
    // SAFETY: a full socket.
    if unsafe { (*socket).type_ } != SOCK_STREAM {
        return;
    }
    // SAFETY: a full socket.
    let tcp = unsafe { bpf_tcp_sock(socket) };
    if tcp.is_null() {
        return;
    }
    // SAFETY: the helper gave out a TCP socket.
    let (smoothed_rtt, min_rtt, total) = unsafe { ((*tcp).srtt_us, (*tcp).rtt_min, (*tcp).total_retrans) };
    if smoothed_rtt != 0 {
        quality.smoothed_rtt = smoothed_rtt;
        quality.min_rtt = min_rtt;
        quality.total_retransmits = total;
    }
}

/// Not one that only stands for a connection that is being opened, or was closed.
#[inline(always)]
fn full_socket(socket: *mut bpf_sock) -> Option<*mut bpf_sock> {
    if socket.is_null() {
        return None;
    }
    // SAFETY: the packet's socket, not null.
    let socket = unsafe { bpf_sk_fullsock(socket) };
    (!socket.is_null()).then_some(socket)
}
