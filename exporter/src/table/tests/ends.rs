//! When a flow ends, and what it says then.

use crate::flow::{Counts, EndReason, HookId, OtherReason, Unattributed};
use crate::ledger::Account;
use crate::table::tests::support::*;

fn closed(bench: &mut Bench) {
    let fin = seen(tcp(1)).flags(FIN | ACK);
    bench.drain(1_000, &[fin.at(900), fin.back().at(950)]);
}

#[test]
fn a_connection_closed_by_both_ends_with_the_first_drain_without_packets() {
    let mut bench = Bench::new();
    closed(&mut bench);
    assert!(bench.records.is_empty());
    bench.drain(2_000, &[seen(tcp(1)).at(1_100).packets(4)]);
    assert!(bench.records.is_empty());
    let records = bench.drain(3_000, &[]);
    assert_eq!((records[0].end_reason, records[0].packets), (EndReason::EndOfFlow, (5, 1)));
    assert!(bench.table.is_empty());
}

#[test]
fn a_closed_connection_ends_after_five_seconds_at_the_latest() {
    let mut bench = Bench::new();
    closed(&mut bench);
    let mut records = Vec::new();
    for moment in (2_000..8_000).step_by(1_000) {
        records.extend(
            bench.drain(moment, &[seen(tcp(1)).at(moment - 10)]).into_iter().map(|record| (moment, record)),
        );
    }
    let (moment, record) = &records[0];
    assert_eq!((*moment, record.end_reason), (6_000, EndReason::EndOfFlow));
}

#[test]
fn one_fin_does_not_end_a_connection() {
    let mut bench = Bench::new();
    bench.drain(1_000, &[seen(tcp(1)).at(900).flags(FIN | ACK)]);
    bench.quiet(2_000, 60_000);
    assert_eq!(bench.table.len(), 1);
}

#[test]
fn the_second_fin_may_come_many_drains_later() {
    let mut bench = Bench::new();
    bench.drain(1_000, &[seen(tcp(1)).at(900).flags(FIN | ACK)]);
    bench.quiet(2_000, 60_000);
    bench.drain(61_000, &[seen(tcp(1)).back().at(60_500).flags(FIN | ACK)]);
    assert_eq!(bench.drain(62_000, &[])[0].end_reason, EndReason::EndOfFlow);
}

#[test]
fn a_reset_ends_a_connection() {
    let mut bench = Bench::new();
    bench.drain(1_000, &[seen(tcp(1)).at(900).flags(SYN), seen(tcp(1)).back().at(901).flags(RST | ACK)]);
    assert_eq!(bench.drain(2_000, &[])[0].end_reason, EndReason::EndOfFlow);
}

#[test]
fn a_silent_connection_ends_with_a_record_of_zeros() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).at(50)]);
    let records = bench.quiet(1_000, 601_000);
    assert_eq!(records.len(), 2);
    let last = &records[1];
    assert_eq!((last.end_reason, last.packets), (EndReason::IdleTimeout, (0, 0)));
    assert_eq!((last.interval_start, last.timestamp), (wall(50), wall(50)));
    assert!(bench.table.is_empty());
}

#[test]
fn a_silent_flow_that_is_not_tcp_ends_without_a_record() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1)).at(50)]);
    bench.quiet(1_000, 15_000);
    assert_eq!((bench.table.len(), bench.records.len()), (1, 1));
    assert_eq!(bench.quiet(16_000, 16_000), []);
    assert!(bench.table.is_empty());
}

#[test]
fn a_record_says_idle_timeout_only_if_the_flow_is_idle() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1)).at(50)]);
    assert_eq!(bench.drain(30_000, &[])[0].end_reason, EndReason::IdleTimeout);
    assert!(bench.table.is_empty());

    bench.drain(40_000, &[seen(udp(1)).at(39_000)]);
    assert_eq!(bench.drain(50_000, &[])[0].end_reason, EndReason::ActiveTimeout);
}

#[test]
fn packets_on_the_path_keep_a_flow_alive() {
    let mut bench = Bench::new();
    for moment in (0..60_000).step_by(10_000) {
        bench.drain(moment + 100, &[seen(udp(1)).hook(u32::from(moment > 0)).at(moment)]);
    }
    bench.quiet(60_000, 64_000);
    assert_eq!(bench.table.len(), 1);
}

#[test]
fn finish_ends_all_that_is_left() {
    let mut bench = Bench::new();
    let fin = seen(tcp(1)).at(990).flags(FIN | ACK);
    bench.drain(1_000, &[fin, fin.back(), seen(tcp(2)).at(990), seen(udp(3)).at(990)]);
    let mut reasons: Vec<_> = bench.finish(1_100).iter().map(|record| record.end_reason.name()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["end_of_flow", "forced_end", "forced_end"]);
    assert!(bench.table.is_empty());
}

#[test]
fn the_tuple_of_an_ended_connection_makes_a_new_flow() {
    let mut bench = Bench::new();
    closed(&mut bench);
    bench.drain(2_000, &[]);
    bench.drain(3_000, &[seen(tcp(1)).at(2_900).flags(SYN)]);
    bench.finish(4_000);
    assert_ne!(bench.records[0].id, bench.records[1].id);
    assert_eq!(bench.records[1].sequence, 0);
}

#[test]
fn a_flow_lives_through_many_drains() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).at(0).flags(SYN), seen(tcp(1)).back().hook(1).at(1).flags(SYN | ACK)]);
    for second in 1..600 {
        let moment = second * 1_000;
        bench.drain(
            moment + 100,
            &[seen(tcp(1)).at(moment).packets(3), seen(tcp(1)).back().hook(1).at(moment)],
        );
    }
    let fin = seen(tcp(1)).at(600_000).flags(FIN | ACK);
    bench.drain(600_100, &[fin, fin.back().hook(1)]);
    bench.drain(601_000, &[]);
    let sum =
        bench.records.iter().fold((0, 0), |sum, record| (sum.0 + record.packets.0, sum.1 + record.packets.1));
    assert_eq!(sum, (1 + 599 * 3 + 1, 1 + 599 + 1));
    assert!((60..=61).contains(&bench.records.len()), "{}", bench.records.len());
    let last = bench.records.last().unwrap();
    assert_eq!((last.end_reason, last.duration), (EndReason::EndOfFlow, 600_000_000_000));
    assert!(bench.records.iter().zip(0..).all(|(record, sequence)| record.sequence == sequence));
    assert!(bench.records.iter().all(|record| record.id == last.id));
}

#[test]
fn packets_without_a_flow_leave_as_other_records() {
    let mut bench = Bench::new();
    let packets = |reason, packets| Unattributed {
        hook: Some(HookId(1)),
        reason,
        counts: Counts { packets, bytes: 60 * packets },
    };
    bench.unattributed(100, &packets(OtherReason::Overflow, 5));
    bench.unattributed(200, &packets(OtherReason::Malformed, 1));
    bench.unattributed(300, &packets(OtherReason::Overflow, 2));
    let mut records = bench.quiet(1_000, 60_000);
    records.sort_by_key(|record| record.packets);
    assert_eq!(records.len(), 2);
    assert_eq!((records[0].other, records[0].packets.0), (Some(OtherReason::Malformed), 1));
    assert_eq!((records[1].other, records[1].bytes.0), (Some(OtherReason::Overflow), 7 * 60));
    assert_eq!((records[1].start, records[1].interval_start), (wall(100), wall(100)));
    assert!(records.iter().all(|record| record.accounted.is_empty()));
    assert_eq!(bench.ledger.snapshot()[1].1.all_lost().packets, 8);

    bench.unattributed(61_000, &packets(OtherReason::Overflow, 1));
    let again = bench.finish(62_000);
    assert_eq!((again[0].end_reason, again[0].sequence), (EndReason::ForcedEnd, 0));
}

#[test]
fn packets_of_which_no_hook_is_known_leave_as_other_records_too() {
    let mut bench = Bench::new();
    let lost =
        Unattributed { hook: None, reason: OtherReason::Overflow, counts: Counts { packets: 5, bytes: 300 } };
    bench.unattributed(100, &lost);
    bench.unattributed(200, &Unattributed { hook: Some(HookId(0)), ..lost });
    let mut records = bench.finish(300);
    records.sort_by_key(|record| record.hook.clone());
    assert_eq!((records.len(), records[0].packets.0, &records[0].hook), (2, 5, &None));
    assert_eq!(records[1].hook.as_deref(), Some("eth0 ingress"));
    let (account, row) = *bench.ledger.snapshot().last().unwrap();
    assert_eq!((account, row.seen, row.all_lost()), (Account::Unknown, lost.counts, lost.counts));
}

/// A capture may have any time stamps, in any order.
#[test]
fn times_at_the_ends_of_the_clock_are_borne() {
    const LAST: u64 = u64::MAX / 1_000_000;
    for moments in [[0; 3], [LAST; 3], [0, LAST, 0], [LAST, 0, LAST]] {
        let mut bench = Bench { offset: 0, ..Bench::with(&short_interval()) };
        let mut now = 0;
        for moment in moments {
            now = moment.max(now);
            let flags = [SYN, ACK, FIN | ACK].map(|flags| seen(tcp(1)).at(moment).flags(flags));
            let answer = seen(tcp(1)).back().hook(1).at(moment).flags(SYN | ACK);
            bench.drain(now, &[&flags[..], &[answer, seen(udp(2)).at(moment)]].concat());
            bench.between(now);
        }
        bench.finish(now);
        let sum: u64 = bench.records.iter().map(|record| record.packets.0 + record.packets.1).sum();
        assert_eq!(sum, 15, "{moments:?}: {:?}", bench.records);
        assert!(bench.records.iter().all(|record| record.start <= record.timestamp), "{moments:?}");
    }
}
