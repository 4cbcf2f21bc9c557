//! A full table, and what a flow costs.

use crate::flow::EndReason;
use crate::table::accounting::Tally;
use crate::table::flow::Flow;
use crate::table::tests::support::*;

#[test]
fn a_full_table_ends_a_flow_for_a_new_one_and_loses_nothing() {
    let mut bench = Bench::full_at(3);
    let observations: Vec<_> = (0..10).map(|n| seen(udp(n)).at(99).packets(2)).collect();
    let records = bench.drain(100, &observations);
    assert_eq!((records.len(), bench.table.len()), (7, 3));
    assert!(records.iter().all(|record| record.end_reason == EndReason::LackOfResources));
    bench.finish(200);
    assert_eq!(bench.records.iter().map(|record| record.packets.0).sum::<u64>(), 20);
}

#[test]
fn a_full_table_ends_the_flow_that_is_due_next() {
    let mut bench = Bench::full_at(2);
    bench.drain(100, &[seen(tcp(1)).at(10)]);
    // Its record is given: what is due next for it is its time-out in ten minutes.
    bench.quiet(1_000, 11_000);
    bench.drain(12_000, &[seen(tcp(2)).at(11_900)]);
    let records = bench.drain(12_100, &[seen(tcp(3)).at(12_050)]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key(), (("10.0.1.2".parse().unwrap(), Some(40_000)), 6));
}

#[test]
fn a_full_table_ends_a_closed_connection_first() {
    let mut bench = Bench::full_at(2);
    bench.drain(100, &[seen(tcp(1)).at(10), seen(tcp(2)).at(20).flags(RST)]);
    let records = bench.drain(200, &[seen(tcp(3)).at(150)]);
    assert_eq!((records.len(), records[0].end_reason), (1, EndReason::EndOfFlow));
}

#[test]
fn a_flow_is_small() {
    assert!(size_of::<Flow>() <= 336, "{} bytes", size_of::<Flow>());
    assert!(size_of::<Tally>() <= 48, "{} bytes", size_of::<Tally>());
}
