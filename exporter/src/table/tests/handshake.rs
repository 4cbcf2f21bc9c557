//! How long the opening of a connection took, as a record says it.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::clock::MonotonicTime;
use crate::flow::{
    Connection, ConnectionState, Counts, Handshake, HandshakeTimes, Observation, Opening, TcpFlags,
};
use crate::table::tests::support::*;

/// A segment that crosses an interface: when (microseconds), whether nearer to the client or to the server.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Segment {
    flags: u16,
    moment: u64,
    far: bool,
}

fn segment(flags: u16, moment: u64) -> Segment {
    Segment { flags, moment, far: false }
}

impl Segment {
    fn far(self) -> Self {
        Self { far: true, ..self }
    }

    fn is_servers(self) -> bool {
        self.flags == SYN | ACK
    }

    /// The client's interface is `veth0`, the server's `eth0`: what one sends comes in at the first and goes out at the other.
    fn hook(self) -> u32 {
        match (self.far, self.is_servers()) {
            (false, false) => 2,
            (false, true) => 3,
            (true, false) => 1,
            (true, true) => 0,
        }
    }
}

fn microseconds(moment: u64) -> MonotonicTime {
    MonotonicTime(moment * 1_000)
}

/// What the kernel has of a hook's segments on one CPU in one generation.
fn entry(segments: &[Segment]) -> Observation {
    let mut segments = segments.to_vec();
    segments.sort_by_key(|segment| segment.moment);
    let nth = |flags, n| {
        let mut of_kind = segments.iter().filter(|segment| segment.flags == flags);
        of_kind.nth(n).map(|segment| microseconds(segment.moment))
    };
    let (first, last) = (segments[0], segments[segments.len() - 1]);
    let built = seen(tcp(1)).hook(first.hook());
    Observation {
        counts: Counts { packets: segments.len() as u64, bytes: 60 * segments.len() as u64 },
        first: microseconds(first.moment),
        last: microseconds(last.moment),
        tcp_flags: TcpFlags(segments.iter().fold(0, |flags, segment| flags | segment.flags)),
        handshake: Handshake {
            syn: nth(SYN, 0),
            syn_ack: nth(SYN | ACK, 0),
            ack: nth(ACK, 0),
            again: nth(SYN, 1).or(nth(SYN | ACK, 1)),
        },
        ..if first.is_servers() { built.back() } else { built }
    }
}

/// One observation for each hook.
fn whole(segments: &[Segment]) -> Vec<Observation> {
    let mut by_hook: BTreeMap<_, Vec<Segment>> = BTreeMap::new();
    for segment in segments {
        by_hook.entry(segment.hook()).or_default().push(*segment);
    }
    by_hook.values().map(|segments| entry(segments)).collect()
}

/// What is known in the end of a connection with these segments.
fn known(segments: &[Segment]) -> Connection {
    let mut bench = Bench::new();
    bench.drain(10_000, &whole(segments));
    bench.finish(10_001);
    bench.records[0].connection()
}

fn times(server: Option<u64>, client: Option<u64>, connect: u64) -> HandshakeTimes {
    let [server, client] = [server, client].map(|time| time.map(Duration::from_micros));
    HandshakeTimes { server, client, connect: Some(Duration::from_micros(connect)) }
}

#[test]
fn a_handshake_has_a_part_towards_each_end() {
    let connection = known(&[segment(SYN, 1_000), segment(SYN | ACK, 41_803), segment(ACK, 41_855)]);
    assert_eq!(connection.times, times(Some(40_803), Some(52), 40_855));
    assert_eq!(connection.times.round_trip(), Some(Duration::from_micros(40_855)));
    assert_eq!(connection.state, Some(ConnectionState::Established));
    assert_eq!((connection.opening, connection.error), (Some(Opening::Established), None));
}

#[test]
fn times_are_those_of_the_interface_that_saw_the_syn_first_and_never_of_two() {
    let near = [segment(SYN, 1_000), segment(SYN | ACK, 5_000), segment(ACK, 5_500)];
    let far = [segment(SYN, 1_700).far(), segment(SYN | ACK, 4_000).far(), segment(ACK, 6_000).far()];
    assert_eq!(known(&[near, far].concat()).times, times(Some(4_000), Some(500), 4_500));
    assert_eq!(known(&far).times, times(Some(2_300), Some(2_000), 4_300));
    for missing in 1..3 {
        let mut near = near.to_vec();
        near.remove(missing);
        let connection = known(&[near, far.to_vec()].concat());
        assert_eq!(connection.times, HandshakeTimes::default(), "{missing}");
        assert_eq!(connection.opening, Some(Opening::Established));
    }
}

#[test]
fn a_packet_that_leaves_by_the_interface_that_it_came_in_by_is_not_sent_again() {
    let back = |hook, moment, flags| {
        Observation { tuple: seen(tcp(1)).back().tuple, ..entry(&[segment(flags, moment)]) }.hook(hook)
    };
    let there = |hook, moment, flags| entry(&[segment(flags, moment)]).hook(hook);
    let mut bench = Bench::new();
    let [syn, again] = [there(0, 1_000, SYN), there(1, 1_010, SYN)];
    let [answer, answer_again] = [back(0, 3_000, SYN | ACK), back(1, 3_010, SYN | ACK)];
    bench.drain(100, &[syn, again, answer, answer_again, there(0, 3_400, ACK), there(1, 3_410, ACK)]);
    assert_eq!(bench.finish(101)[0].connection().times, times(Some(2_010), Some(390), 2_400));
}

#[test]
fn an_answer_to_either_of_two_syns_tells_no_time_to_the_server() {
    let opened = [segment(SYN, 1_000), segment(SYN | ACK, 1_050_000), segment(ACK, 1_050_060)];
    let again = |moment| known(&[&opened[..], &[segment(SYN, moment)]].concat());
    assert_eq!(again(1_001_000).times, times(None, Some(60), 1_049_060));
    assert_eq!(again(1_001_000).times.round_trip(), None);
    // Too late to be what was answered.
    assert_eq!(again(1_050_030).times, times(Some(1_049_000), Some(60), 1_049_060));
}

#[test]
fn an_ack_of_either_of_two_syn_acks_tells_no_time_to_the_client() {
    let opened = [segment(SYN, 1_000), segment(SYN | ACK, 2_000), segment(ACK, 1_003_000)];
    let again = |moment| known(&[&opened[..], &[segment(SYN | ACK, moment)]].concat());
    assert_eq!(again(1_002_000).times, times(Some(1_000), None, 1_002_000));
    assert_eq!(again(1_003_001).times, times(Some(1_000), Some(1_001_000), 1_002_000));
}

#[test]
fn two_ends_that_open_a_connection_at_once_tell_no_times() {
    let mut bench = Bench::new();
    let there = |moment, flags| seen(tcp(1)).hook(2).at(moment).flags(flags);
    let back = |moment, flags| seen(tcp(1)).back().hook(3).at(moment).flags(flags);
    bench.drain(100, &[there(10, SYN), back(11, SYN)]);
    bench.drain(200, &[there(110, SYN | ACK), back(111, SYN | ACK), there(112, ACK)]);
    let connection = bench.finish(300)[0].connection();
    assert_eq!(connection.times, HandshakeTimes::default());
    assert_eq!(connection.opening, Some(Opening::Established));
}

#[test]
fn what_an_old_connection_s_ack_hides_is_not_told() {
    let mut bench = Bench::new();
    let mixed = Observation {
        first: microseconds(500),
        handshake: Handshake { ack: Some(microseconds(500)), ..entry(&[segment(SYN, 1_000)]).handshake },
        tcp_flags: TcpFlags(SYN | ACK),
        ..entry(&[segment(SYN, 1_000)])
    };
    bench.drain(100, &[mixed, entry(&[segment(SYN | ACK, 2_000)])]);
    assert_eq!(bench.finish(150)[0].connection().opening, None);

    bench.drain(200, &[mixed, entry(&[segment(SYN | ACK, 2_000)])]);
    bench.drain(300, &[entry(&[segment(ACK, 250_000)])]);
    let connection = bench.finish(400)[0].connection();
    assert_eq!(
        (connection.opening, connection.times),
        (Some(Opening::Established), HandshakeTimes::default())
    );
}

#[test]
fn every_record_from_the_first_that_knows_them_has_the_times() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(1_100, &[entry(&[segment(SYN, 1_000)])]);
    bench.drain(2_200, &[]);
    bench.drain(2_300, &whole(&[segment(SYN | ACK, 2_250_000), segment(ACK, 2_250_040)]));
    for second in 3..7 {
        bench.drain(second * 1_100, &[seen(tcp(1)).hook(2).at(second * 1_100 - 50)]);
    }
    bench.finish(8_000);
    let all: Vec<_> = bench.records.iter().map(Seen::connection).collect();
    assert_eq!((all[0].state, all[0].times), (Some(ConnectionState::SynSent), HandshakeTimes::default()));
    let expected = times(Some(2_249_000), Some(40), 2_249_040);
    assert!(all.len() > 3 && all[1..].iter().all(|one| one.times == expected), "{all:?}");
    assert_eq!(all.iter().filter(|one| one.opening.is_some()).count(), 1);
}

/// Segments of a handshake at two interfaces, some sent again and some lost on the way between. The client's ACK comes after its
/// last SYN: a later SYN may be a new connection's. No two interfaces see a SYN at the same time: which is first would be chance.
fn segments() -> impl Strategy<Value = Vec<Segment>> {
    let again = || vec(1..2_000_000_u64, 0..3);
    let at_far = (1..3_000_u64, vec(any::<bool>(), 12));
    (again(), 1..2_500_000_u64, again(), 1..3_000_000_u64, again(), at_far).prop_map(
        |(syns, answer, answers, ack, acks, (distance, kept))| {
            let last_syn = syns.iter().copied().max().unwrap_or_default();
            let mut all = vec![segment(SYN, 1)];
            all.extend(syns.into_iter().map(|moment| segment(SYN, 1 + moment)));
            all.push(segment(SYN | ACK, 4_000 + answer));
            all.extend(answers.into_iter().map(|moment| segment(SYN | ACK, 4_000 + answer + moment)));
            all.push(segment(ACK, 4_000 + last_syn + ack));
            all.extend(acks.into_iter().map(|moment| segment(ACK, 4_000 + last_syn + ack + moment)));
            let far = all.iter().enumerate().map(|(number, near)| {
                let shift =
                    |moment: u64| if near.is_servers() { moment - distance } else { moment + distance };
                (number == 0 || kept[number], Segment { moment: shift(near.moment), ..near.far() })
            });
            let far: Vec<_> = far.filter(|(is_kept, _)| *is_kept).map(|(_, segment)| segment).collect();
            [all, far].concat()
        },
    )
}

/// What an independent reading of the rules makes of the segments at the client's interface.
fn expected(segments: &[Segment]) -> HandshakeTimes {
    let of = |flags| {
        let near = segments.iter().filter(|segment| !segment.far && segment.flags == flags);
        let mut moments: Vec<_> = near.map(|segment| segment.moment).collect();
        moments.sort_unstable();
        moments
    };
    let (syns, answers, acks) = (of(SYN), of(SYN | ACK), of(ACK));
    let (syn, answer, ack) = (syns[0], answers[0], acks[0]);
    if ack < answer {
        return HandshakeTimes::default();
    }
    let is_one = |sent: &[u64], answered: u64| sent.iter().filter(|moment| **moment <= answered).count() == 1;
    times(
        is_one(&syns, answer).then_some(answer - syn),
        is_one(&answers, ack).then_some(ack - answer),
        ack - syn,
    )
}

proptest! {
    #[test]
    fn cpus_generations_and_order_do_not_matter(
        segments in segments(),
        cpus in vec(0..3_u8, 24),
        cuts in vec(0..9_000_000_u64, 0..4),
        order in any::<prop::sample::Index>(),
    ) {
        let mut readings: BTreeMap<usize, BTreeMap<(u32, u8), Vec<Segment>>> = BTreeMap::new();
        for (segment, cpu) in segments.iter().zip(&cpus) {
            let reading = cuts.iter().filter(|cut| **cut <= segment.moment).count();
            readings.entry(reading).or_default().entry((segment.hook(), *cpu)).or_default().push(*segment);
        }
        let mut bench = Bench::with(&short_interval());
        for (reading, entries) in readings {
            let mut drain: Vec<_> = entries.values().map(|segments| entry(segments)).collect();
            let middle = order.index(drain.len());
            drain.rotate_left(middle);
            drain[middle..].reverse();
            bench.drain(10_000 + reading as u64 * 1_100, &drain);
        }
        bench.finish(20_000);
        let last = bench.records.last().unwrap().connection();
        prop_assert_eq!(last.times, expected(&segments));
        prop_assert_eq!(last.times, known(&segments).times);
        let openings: Vec<_> = bench.records.iter().filter_map(|record| record.connection().opening).collect();
        prop_assert_eq!(openings, [Opening::Established]);
        let first_known = bench.records.iter().position(|record| record.connection().opening.is_some()).unwrap();
        prop_assert!(bench.records[first_known..].iter().all(|record| record.connection().times == last.times));
    }
}
