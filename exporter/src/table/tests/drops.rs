//! What the kernel dropped reaches the flow that it belongs to.

use std::sync::Arc;

use crate::connections::OwnConnections;
use crate::flow::{Counts, DropCount, DropReason, Dropped, EndReason, Evidence, Tuple};
use crate::table::tests::support::*;
use crate::table::{Config, DropFates};

fn reason(name: &str) -> DropReason {
    DropReason(Arc::from(name))
}

fn dropped(tuple: Tuple, moment: u64, packets: u64, name: &str) -> Dropped {
    let time = milliseconds(moment);
    Dropped {
        tuple,
        scope: None,
        reason: reason(name),
        counts: Counts { packets, bytes: packets * 40 },
        first: time,
        last: time,
    }
}

fn count(is_reverse: bool, packets: u64, name: &str) -> DropCount {
    DropCount { is_reverse, reason: reason(name), packets, bytes: packets * 40 }
}

fn drops(record: &Seen) -> &[DropCount] {
    &record.flow().drops
}

fn with_own_flows() -> Config {
    Config { flows_of_drops: true, ..Config::default() }
}

#[test]
fn a_record_has_what_was_dropped_in_its_interval_by_side_and_reason() {
    let mut bench = Bench::with(&short_interval());
    for (tuple, packets, name) in
        [(udp(1).reverse().unwrap(), 4, "A"), (udp(1), 3, "B"), (udp(1), 2, "A"), (udp(1), 1, "B")]
    {
        bench.table.note_dropped(&dropped(tuple, 12, packets, name));
    }
    bench.drain(100, &[seen(udp(1)).at(10), seen(udp(1).reverse().unwrap()).at(11)]);
    let records = bench.quiet(1_000, 2_000);
    let expected = [count(false, 2, "A"), count(false, 4, "B"), count(true, 4, "A")];
    assert_eq!(drops(&records[0]), expected);
    bench.drain(2_500, &[seen(udp(1)).at(2_400)]);
    assert_eq!(drops(&bench.finish(2_600)[0]), [], "of the next interval");
    assert_eq!(bench.table.drop_fates(), DropFates { placed: 10, ..DropFates::default() });
}

#[test]
fn what_was_dropped_is_reason_for_a_record() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(udp(1)).at(10)]);
    assert_eq!(bench.quiet(1_000, 3_000).len(), 1);
    bench.table.note_dropped(&dropped(udp(1), 3_500, 1, "A"));
    let records = [bench.drain(4_000, &[]), bench.quiet(5_000, 6_000)].concat();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!((records[0].packets, records[0].timestamp), ((0, 0), wall(3_500)));
    assert_eq!(drops(&records[0]), [count(false, 1, "A")]);
}

#[test]
fn it_waits_for_the_observation_of_the_next_reading_and_no_longer() {
    for (late, expected) in [
        (false, DropFates { placed: 1, ..DropFates::default() }),
        (true, DropFates { unplaced: 1, ..DropFates::default() }),
    ] {
        let mut bench = Bench::new();
        bench.table.note_dropped(&dropped(udp(1), 12, 1, "A"));
        bench.drain(100, &[]);
        if late {
            bench.drain(200, &[]);
        }
        bench.drain(300, &[seen(udp(1)).at(250)]);
        let record = &bench.finish(400)[0];
        assert_eq!(drops(record).len(), usize::from(!late));
        assert_eq!(bench.table.drop_fates(), expected);
    }
}

#[test]
fn a_flow_that_no_hook_saw_has_records_where_that_is_wanted() {
    let mut bench = Bench::with(&with_own_flows());
    bench.table.note_dropped(&dropped(icmp(1, 8), 12, 2, "A"));
    bench.table.note_dropped(&dropped(udp(2).reverse().unwrap(), 13, 1, "A"));
    bench.drain(100, &[]);
    let mut records = bench.quiet(1_000, 40_000);
    records.sort_by_key(|record| record.flow().protocol);
    let [ping, answer] = &records[..] else { panic!("{records:?}") };
    assert_eq!((ping.packets, ping.hook.as_ref(), ping.end_reason), ((0, 0), None, EndReason::ActiveTimeout));
    assert_eq!(
        (ping.flow().evidence, ping.flow().source.0),
        (Evidence::FirstPacket, icmp(1, 8).source_address())
    );
    assert_eq!((ping.start, drops(ping)), (wall(12), &[count(false, 2, "A")][..]));
    // The port tells who began, whoever sent what was dropped.
    assert_eq!(
        (answer.flow().evidence, drops(answer)),
        (Evidence::WellKnownPort, &[count(true, 1, "A")][..])
    );
    assert_eq!(bench.table.len(), 0, "they end by their silence");
}

#[test]
fn a_flow_that_a_hook_sees_later_goes_on() {
    let mut bench = Bench::with(&with_own_flows());
    bench.table.note_dropped(&dropped(tcp(1), 12, 1, "A"));
    bench.drain(100, &[]);
    bench.drain(1_200, &[seen(tcp(1)).at(1_100).flags(SYN)]);
    let records = bench.finish(1_300);
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].packets.0, records[0].start, drops(&records[0]).len()), (1, wall(12), 1));
}

#[test]
fn reasons_beyond_what_a_record_tells_apart_are_counted() {
    let mut bench = Bench::new();
    for name in 'a'..='z' {
        bench.table.note_dropped(&dropped(udp(1), 12, 1, &name.to_string()));
    }
    bench.drain(100, &[seen(udp(1)).at(10)]);
    assert_eq!(drops(&bench.finish(200)[0]).len(), 16);
    assert_eq!(bench.table.drop_fates(), DropFates { placed: 16, unplaced: 0, refused: 10 });
}

#[test]
fn flows_of_own_connections_have_none() {
    let own = Arc::new(OwnConnections::default());
    let ends = || Ok(("10.0.1.1:40000".parse().unwrap(), "10.0.0.1:80".parse().unwrap()));
    let _open = own.open(milliseconds(5), ends).unwrap();
    let mut bench = Bench::excluding(&own);
    bench.table.note_dropped(&dropped(tcp(1), 12, 1, "A"));
    bench.drain(100, &[seen(tcp(1)).at(10).flags(SYN)]);
    assert_eq!(bench.finish(200), []);
    assert_eq!(bench.table.drop_fates(), DropFates { unplaced: 1, ..DropFates::default() });
}
