//! When there is a record, and what its times and counts are.

use crate::flow::{EndReason, Tuple};
use crate::table::tests::support::*;

/// One of many.
fn from_port(port: u16) -> Tuple {
    Tuple { source_port: Some(port), ..udp(1) }
}

#[test]
fn both_directions_are_one_flow() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1)).at(10).packets(3), seen(udp(1)).back().hook(1).at(20).packets(2)]);
    let records = bench.drain(INTERVAL, &[]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].packets, (3, 2));
    assert_eq!(records[0].bytes, (300, 200));
}

#[test]
fn the_first_record_comes_within_one_interval_after_the_first_packet() {
    let mut bench = Bench::new();
    let observations: Vec<_> = (0..200).map(|n| seen(udp(n)).at(10)).collect();
    bench.drain(100, &observations);
    bench.drain(10 + INTERVAL, &[]);
    assert_eq!(bench.records.len(), 200);
}

#[test]
fn records_of_many_flows_spread_over_the_interval() {
    let mut bench = Bench::new();
    let observations: Vec<_> = (0..2_000).map(|n| seen(from_port(n)).at(10)).collect();
    bench.drain(100, &observations);
    for second in 1..=10 {
        let count = bench.drain(second * 1_000, &[]).len();
        assert!((130..=270).contains(&count), "{count} records in second {second}");
    }
}

#[test]
fn a_flow_that_goes_on_gives_one_record_per_interval() {
    let mut bench = Bench::new();
    for moment in (0..100_000).step_by(500) {
        bench.drain(moment + 30, &[seen(udp(1)).at(moment)]);
    }
    assert!((9..=11).contains(&bench.records.len()), "{} records", bench.records.len());
    assert!(bench.records.iter().all(|record| record.end_reason == EndReason::ActiveTimeout));
}

#[test]
fn an_interval_begins_where_the_one_before_ended() {
    let mut bench = Bench::new();
    for moment in (5..60_000).step_by(700) {
        bench.drain(moment + 50, &[seen(udp(1)).at(moment).until(moment + 30)]);
    }
    assert_eq!(bench.records[0].interval_start, bench.records[0].start);
    assert_eq!(bench.records[0].start, wall(5));
    for pair in bench.records.windows(2) {
        assert_eq!(pair[1].interval_start, pair[0].timestamp);
        assert_eq!(pair[1].sequence, pair[0].sequence + 1);
        assert_eq!(pair[1].timestamp.0 - pair[1].start.0, pair[1].duration);
    }
}

#[test]
fn a_flow_that_did_not_change_gives_no_record() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).at(10)]);
    assert_eq!(bench.quiet(1_000, 100_000).len(), 1);
}

#[test]
fn a_last_packet_before_the_first_is_the_first() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1)).at(14).until(10)]);
    let records = bench.drain(INTERVAL, &[]);
    assert_eq!((records[0].timestamp, records[0].duration), (wall(14), 0));
}

#[test]
fn a_step_of_the_wall_clock_does_not_change_the_start() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(tcp(1)).at(100)]);
    bench.offset -= 3_600_000_000_000;
    bench.drain(2_000, &[seen(tcp(1)).at(2_000)]);
    bench.drain(4_000, &[seen(tcp(1)).at(4_000)]);
    bench.drain(6_000, &[]);
    assert!(bench.records.len() >= 2);
    for record in &bench.records {
        assert_eq!(record.start, wall(100));
        assert!(record.interval_start <= record.timestamp);
    }
    let last = bench.records.last().unwrap();
    assert_eq!(
        last.timestamp.0,
        wall(4_000).0 - 3_600_000_000_000,
        "the new time, not the old one for an hour"
    );
}

#[test]
fn tcp_flags_are_those_of_the_interval_in_both_directions() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(tcp(1)).flags(SYN), seen(tcp(1)).back().flags(SYN | ACK)]);
    bench.drain(1_200, &[]);
    bench.drain(1_500, &[seen(tcp(1)).at(1_400).flags(ACK)]);
    bench.drain(3_000, &[]);
    let flags: Vec<_> = bench.records.iter().map(|record| record.flow().flags.unwrap().0).collect();
    assert_eq!(flags, [SYN | ACK, ACK]);
}

#[test]
fn dscp_is_of_the_first_packet_of_the_interval() {
    let mut bench = Bench::with(&short_interval());
    let marked = |moment, dscp| crate::flow::Observation { dscp, ..seen(udp(1)).at(moment) };
    bench.drain(100, &[marked(20, 2), marked(10, 1), marked(30, 3)]);
    bench.drain(1_200, &[]);
    bench.drain(1_500, &[marked(1_450, 9), marked(1_430, 7)]);
    bench.drain(3_000, &[]);
    let dscp: Vec<_> = bench.records.iter().map(|record| record.flow().dscp).collect();
    assert_eq!(dscp, [(Some(1), None), (Some(7), None)]);
}

#[test]
fn icmp_is_the_message_of_the_source() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(icmp(1, 0)).at(20), seen(icmp(1, 8)).at(10)]);
    bench.drain(200, &[seen(icmp(2, 3)).at(150)]);
    bench.finish(300);
    let mut kinds: Vec<_> = bench.records.iter().map(|record| record.flow().icmp.unwrap().kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [0, 3, 8], "an echo reply from the same end belongs to another conversation");
}

#[test]
fn next_due_is_when_something_happens() {
    let mut bench = Bench::new();
    assert_eq!(bench.table.next_due(), None);
    bench.drain(100, &[seen(udp(1)).at(10)]);
    let due = bench.table.next_due().unwrap();
    assert_eq!(bench.drain(due.0 / 1_000_000 - 1, &[]).len(), 0);
    assert_eq!(bench.drain(due.0 / 1_000_000 + 1, &[]).len(), 1);
}

#[test]
fn records_come_between_two_drains_when_they_are_due_and_no_flow_ends_there() {
    let mut bench = Bench::new();
    let observations: Vec<_> = (1..=2_000).map(|n| seen(from_port(n)).at(100)).collect();
    assert_eq!(bench.drain(100, &observations), []);
    let mut of_a_second = [0_u32; 11];
    for moment in (200..INTERVAL + 200).step_by(100) {
        let records = bench.between(moment);
        assert!(records.iter().all(|record| record.end_reason == EndReason::ActiveTimeout));
        of_a_second[usize::try_from(moment / 1_000).unwrap()] += u32::try_from(records.len()).unwrap();
    }
    assert_eq!(of_a_second.iter().sum::<u32>(), 2_000);
    assert!(of_a_second[..10].iter().all(|&records| (100..300).contains(&records)), "{of_a_second:?}");
    // Long after the idle timeout.
    assert_eq!((bench.between(40_000), bench.table.len()), (vec![], 2_000));
    bench.drain(40_100, &[seen(from_port(1)).at(14_000)]);
    assert_eq!(bench.table.len(), 0);
    let last = bench.finish(50_000);
    assert_eq!((bench.records.len(), last.len()), (2_001, 0));
    assert_eq!(bench.records.iter().map(|record| record.packets.0).sum::<u64>(), 2_001);
}

#[test]
fn without_room_records_wait_for_an_interval_and_carry_what_came_meanwhile() {
    let mut bench = Bench::with(&short_interval());
    bench.has_room = false;
    bench.drain(100, &[seen(udp(1)).at(10).packets(2)]);
    assert_eq!(bench.drain(1_050, &[seen(udp(1)).at(1_040).packets(3)]), []);
    bench.has_room = true;
    let records = bench.drain(1_200, &[]);
    assert_eq!((records.len(), records[0].packets.0), (1, 5));
    bench.has_room = false;
    bench.drain(2_000, &[seen(udp(1)).at(1_900).packets(7)]);
    assert_eq!(bench.drain(2_500, &[]), []);
    assert_eq!(bench.drain(4_100, &[])[0].packets.0, 7, "made all the same");
}

#[test]
fn without_room_a_closed_connection_is_told_when_it_stops_lingering() {
    let mut bench = Bench::new();
    bench.has_room = false;
    bench.drain(100, &[seen(tcp(1)).at(10).flags(RST)]);
    assert_eq!(bench.drain(1_000, &[]), []);
    assert_eq!(bench.drain(4_000, &[]), []);
    assert_eq!(bench.drain(5_200, &[]).len(), 1);
}
