//! What is told of a sender by the sequence numbers of its segments.

use abi::TcpQuality;
use abi::tcp_flags::{ACK, FIN, RST, SYN};
use packet::{Segment, SentAt};
use proptest::prelude::*;

const LEN: u32 = 1000;
const PLAIN: Segment = Segment { sequence: 0, payload_len: LEN, flags: ACK, window: 500, segments: 1 };

/// Sequence numbers of a sender whose first byte has this number: `at(2)` is the third segment.
fn at(first: u32, segment: u32) -> Segment {
    Segment { sequence: first.wrapping_add(LEN * segment), ..PLAIN }
}

/// Notes segments with their times, and gives the counts: sent again, their bytes, out of order, zero windows.
fn noted(segments: &[(Segment, SentAt)]) -> (u32, u32, u16, u16) {
    let mut quality = TcpQuality::default();
    for (segment, sent_at) in segments {
        segment.note(&mut quality, || *sent_at);
    }
    (quality.retransmits, quality.retransmitted_bytes, quality.out_of_order, quality.zero_windows)
}

fn stamped(segments: &[(Segment, u32)]) -> (u32, u32, u16, u16) {
    let segments: Vec<_> = segments.iter().map(|(one, time)| (*one, SentAt::timestamp(*time))).collect();
    noted(&segments)
}

/// Everywhere, and where sequence numbers or their ends start again from 0.
const FIRSTS: [u32; 6] = [5, u32::MAX - 500, u32::MAX - 999, u32::MAX - 1999, 0, 1 << 31];

#[test]
fn what_is_in_order_is_nothing() {
    for first in FIRSTS {
        let all: Vec<_> = (0..5).map(|n| (at(first, n), n)).collect();
        assert_eq!(stamped(&all), (0, 0, 0, 0), "{first}");
    }
}

#[test]
fn an_old_segment_was_sent_again() {
    for first in FIRSTS {
        // Times of the sender start again from 0, too.
        let time = |n: u32| (u32::MAX - 2).wrapping_add(n);
        let all = [
            (at(first, 0), time(0)),
            (at(first, 1), time(1)),
            (at(first, 2), time(1)),
            (at(first, 1), time(9)),
        ];
        // Where a segment ends at 0, its place is forgotten, and the next one is the first.
        let expected = if first.wrapping_add(3 * LEN) == 0 { (0, 0) } else { (1, LEN) };
        assert_eq!(stamped(&all), (expected.0, expected.1, 0, 0), "{first}");
    }
}

#[test]
fn a_segment_that_fills_a_gap_is_late_or_sent_again_by_its_time() {
    for first in FIRSTS {
        for (time, expected) in
            [(1, (0, 0, 1, 0)), (2, (0, 0, 1, 0)), (3, (1, LEN, 0, 0)), (50, (1, LEN, 0, 0))]
        {
            let all = [(at(first, 0), 1), (at(first, 2), 2), (at(first, 3), 3), (at(first, 1), time)];
            if first.wrapping_add(4 * LEN) != 0 {
                assert_eq!(stamped(&all), expected, "{first} {time}");
            }
        }
    }
}

#[test]
fn without_timestamps_the_kernel_s_ticks_tell() {
    let first = 7;
    for (tick, expected) in [(10, (0, 0, 1, 0)), (11, (0, 0, 1, 0)), (12, (1, LEN, 0, 0))] {
        let all = [(at(first, 0), 9), (at(first, 2), 10), (at(first, 1), tick)];
        let all: Vec<_> = all.iter().map(|(one, tick)| (*one, SentAt::tick(*tick))).collect();
        assert_eq!(noted(&all), expected, "{tick}");
    }
}

#[test]
fn what_comes_before_the_first_segment_that_is_seen_may_be_late() {
    assert_eq!(stamped(&[(at(7, 1), 5), (at(7, 0), 5)]), (0, 0, 1, 0));
    assert_eq!(stamped(&[(at(7, 1), 5), (at(7, 0), 6)]), (1, LEN, 0, 0));
}

#[test]
fn keeping_alive_and_asking_about_a_window_is_not_sending_again() {
    let last = |payload_len| Segment { sequence: 5 + LEN - payload_len, payload_len, ..PLAIN };
    assert_eq!(stamped(&[(at(5, 0), 0), (last(1), 900), (last(1), 1800)]), (0, 0, 0, 0));
    // As Linux does: a byte below, and no payload.
    let empty = Segment { sequence: 4 + LEN, payload_len: 0, ..PLAIN };
    assert_eq!(stamped(&[(at(5, 0), 0), (empty, 900)]), (0, 0, 0, 0));
    assert_eq!(stamped(&[(at(5, 0), 0), (last(2), 900)]), (1, 2, 0, 0));
    let last = Segment { flags: ACK | FIN, payload_len: 0, ..at(5, 1) };
    assert_eq!(stamped(&[(at(5, 0), 0), (last, 1), (last, 900)]), (1, 0, 0, 0), "a FIN has a number");
}

#[test]
fn a_syn_can_be_sent_again_or_begin_a_new_connection() {
    let syn = |sequence| Segment { sequence, payload_len: 0, flags: SYN, ..PLAIN };
    let data = |sequence| Segment { sequence, ..PLAIN };
    assert_eq!(stamped(&[(syn(9), 0), (syn(9), 1000), (data(10), 1001)]), (1, 0, 0, 0));
    let new = [(syn(9_000_000), 0), (data(9_000_001), 1), (syn(9), 2), (data(10), 3), (data(1010), 4)];
    assert_eq!(stamped(&new), (0, 0, 0, 0));
}

#[test]
fn numbers_that_no_window_holds_belong_to_another_connection() {
    let far = Segment { sequence: 3 << 30, ..PLAIN };
    let near = Segment { sequence: 10, ..PLAIN };
    for all in [[(far, 0), (near, 1)], [(near, 0), (far, 1)]] {
        assert_eq!(stamped(&all), (0, 0, 0, 0), "{all:?}");
    }
}

#[test]
fn a_part_that_was_there_before_was_sent_again() {
    let whole = Segment { payload_len: 3 * LEN, ..at(5, 0) };
    assert_eq!(stamped(&[(at(5, 0), 0), (at(5, 1), 0), (whole, 900)]), (1, 2 * LEN, 0, 0));
    // The segments of a GSO packet each count.
    let two = Segment { payload_len: 2 * LEN, segments: 2, ..at(5, 0) };
    assert_eq!(stamped(&[(whole, 0), (two, 900)]), (2, 2 * LEN, 0, 0));
}

#[test]
fn a_reset_says_nothing_and_a_window_of_0_does() {
    let closed = Segment { window: 0, ..PLAIN };
    let all = [
        (Segment { payload_len: 0, sequence: 5, ..closed }, 0),
        (Segment { flags: RST | ACK, ..closed }, 0),
        (Segment { flags: SYN, ..closed }, 0),
    ];
    assert_eq!(stamped(&all), (0, 0, 0, 1));
    assert_eq!(stamped(&[(at(5, 3), 0), (Segment { flags: RST, ..at(5, 0) }, 900)]), (0, 0, 0, 0));
}

/// Segments of a sender in their order, with times that never go back, and the CPU that each comes to.
fn sent() -> impl Strategy<Value = Vec<(Segment, u32, usize)>> {
    let first = prop_oneof![any::<u32>(), Just(u32::MAX - 3_000)];
    let segments = prop::collection::vec((1..3_000_u32, 0..3_u32, 0..3_usize, 1..4_u32), 1..60);
    (first, any::<u32>(), segments).prop_map(|(first, time, segments)| {
        let (mut sequence, mut time) = (first, time);
        let segment = |(payload_len, pause, cpu, segments)| {
            let segment = Segment { sequence, payload_len, segments, ..PLAIN };
            sequence = sequence.wrapping_add(payload_len);
            time = time.wrapping_add(pause);
            (segment, time, cpu)
        };
        segments.into_iter().map(segment).collect()
    })
}

/// Any segment that begins somewhere near the one before.
fn any_segment() -> impl Strategy<Value = Segment> {
    let flags = prop_oneof![6 => Just(ACK), 1 => Just(SYN), 1 => Just(ACK | FIN), 1 => Just(RST)];
    (0..4_u32, 0..3_u32, flags, prop_oneof![Just(0_u16), Just(500)]).prop_map(
        |(sequence, payload_len, flags, window)| Segment {
            sequence,
            payload_len,
            flags,
            window,
            segments: 1,
        },
    )
}

proptest! {
    /// The short way notes what the long one does, or nothing.
    #[test]
    fn the_short_way_notes_nothing_else(segments in prop::collection::vec(any_segment(), 1..30)) {
        let (mut short, mut long) = (TcpQuality::default(), TcpQuality::default());
        for segment in segments {
            let before = short;
            let is_plain = segment.note_plain(|| Some(&mut short));
            if !is_plain {
                prop_assert_eq!(short, before);
                segment.note(&mut short, || SentAt::timestamp(1));
            }
            segment.note(&mut long, || SentAt::timestamp(1));
            prop_assert_eq!(short, long);
        }
    }

    /// Whatever of the segments a CPU sees, in however many generations, and in whatever order: none was sent again.
    #[test]
    fn what_is_sent_once_is_never_sent_again(
        sent in sent(),
        swaps in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index)>(), 0..20),
        turns in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut came = sent;
        for (one, other) in swaps {
            let (one, other) = (one.index(came.len()), other.index(came.len()));
            came.swap(one, other);
        }
        let turns: Vec<_> = turns.iter().map(|turn| turn.index(came.len())).collect();
        let mut qualities = [TcpQuality::default(); 3];
        for (number, (segment, time, cpu)) in came.into_iter().enumerate() {
            if turns.contains(&number) {
                qualities = Default::default();
            }
            segment.note(&mut qualities[cpu], || SentAt::timestamp(time));
            prop_assert_eq!(qualities[cpu].retransmits, 0);
            prop_assert_eq!(qualities[cpu].retransmitted_bytes, 0);
        }
    }

    /// In order it is nothing at all, with timestamps or without.
    #[test]
    fn what_comes_in_order_is_never_late(sent in sent(), has_timestamps in any::<bool>()) {
        let mut qualities = [TcpQuality::default(); 3];
        for (tick, (segment, time, cpu)) in (0..).zip(sent) {
            let when = || if has_timestamps { SentAt::timestamp(time) } else { SentAt::tick(tick) };
            prop_assert!(!segment.note(&mut qualities[cpu], when));
            let TcpQuality { retransmits, out_of_order, .. } = qualities[cpu];
            prop_assert_eq!((retransmits, out_of_order), (0, 0));
        }
    }

    /// What one CPU has seen is known when it is sent again a round trip later.
    #[test]
    fn what_is_sent_again_is_counted(sent in sent(), again in any::<prop::sample::Index>()) {
        let mut quality = TcpQuality::default();
        for (segment, time, _) in &sent {
            segment.note(&mut quality, || SentAt::timestamp(*time));
        }
        let (segment, ..) = sent[again.index(sent.len())];
        let (last, time, _) = sent[sent.len() - 1];
        // One that ends at 0 hides what was before it; one byte that is the last may keep the connection alive.
        prop_assume!(last.sequence.wrapping_add(last.payload_len) != 0 && segment.payload_len > 1);
        prop_assert!(segment.note(&mut quality, || SentAt::timestamp(time.wrapping_add(5))));
        prop_assert_eq!((quality.retransmits, quality.retransmitted_bytes), (segment.segments, segment.payload_len));
    }
}
