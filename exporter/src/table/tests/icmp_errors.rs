//! ICMP errors reach the flow whose packet they quote.

use crate::flow::{ConnectionError, EndReason, FlowError, Icmp, IcmpError, Opening, Sighting};
use crate::table::Losses;
use crate::table::tests::support::*;

fn error(code: u8) -> IcmpError {
    IcmpError { ip_version: 4, icmp: Icmp { kind: 3, code }, sender: "::ffff:10.0.9.9".parse().unwrap() }
}

fn at(moment: u64) -> Sighting {
    Sighting { time: milliseconds(moment), scope: 0, ifindex: 1 }
}

const HOST: u8 = 1;
const PORT: u8 = 3;

#[test]
fn a_record_tells_each_error_of_its_interval_once_and_by_side() {
    let mut bench = Bench::with(&short_interval());
    let answers = udp(1).reverse().unwrap();
    for (quoted, code) in [(answers, PORT), (udp(1), PORT), (udp(1), HOST), (udp(1), PORT)] {
        bench.table.note_icmp_error(&quoted, at(12), error(code));
    }
    bench.drain(100, &[seen(udp(1)).at(10), seen(answers).at(11)]);
    let records = bench.quiet(1_000, 2_000);
    let expected = [(false, HOST), (false, PORT), (true, PORT)]
        .map(|(is_reverse, code)| FlowError { is_reverse, error: error(code) });
    assert_eq!(records[0].flow().icmp_errors, expected);
    bench.drain(2_500, &[seen(udp(1)).at(2_400)]);
    assert_eq!(bench.finish(2_600)[0].flow().icmp_errors, []);
}

#[test]
fn an_error_is_reason_for_a_record() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(udp(1)).at(10)]);
    assert_eq!(bench.quiet(1_000, 3_000).len(), 1);
    bench.table.note_icmp_error(&udp(1), at(3_500), error(PORT));
    let records = [bench.drain(4_000, &[]), bench.quiet(5_000, 6_000)].concat();
    assert_eq!((records.len(), records[0].packets, records[0].flow().icmp_errors.len()), (1, (0, 0), 1));
}

#[test]
fn an_error_makes_no_flow_and_is_counted() {
    let mut bench = Bench::new();
    bench.table.note_icmp_error(&udp(1), at(12), error(PORT));
    bench.drain(100, &[]);
    bench.drain(200, &[]);
    assert!(bench.table.is_empty());
    assert_eq!(bench.table.lost_icmp_errors(), Losses { unplaced: 1, refused: 0 });
}

#[test]
fn an_error_from_before_a_flow_is_not_its_own() {
    let mut bench = Bench::new();
    bench.table.note_icmp_error(&udp(1), at(5), error(PORT));
    bench.drain(100, &[seen(udp(1)).at(10)]);
    bench.drain(200, &[]);
    assert_eq!(bench.finish(300)[0].flow().icmp_errors, []);
    assert_eq!(bench.table.lost_icmp_errors(), Losses { unplaced: 1, refused: 0 });
}

#[test]
fn errors_beyond_what_a_record_tells_are_counted() {
    let mut bench = Bench::new();
    for code in 0..10 {
        bench.table.note_icmp_error(&udp(1), at(12), error(code));
    }
    bench.drain(100, &[seen(udp(1)).at(10)]);
    assert_eq!(bench.finish(200)[0].flow().icmp_errors.len(), 8);
    assert_eq!(bench.table.lost_icmp_errors(), Losses { unplaced: 0, refused: 2 });
}

#[test]
fn a_connection_that_nothing_but_a_router_answers_is_unreachable() {
    for (code, expected) in [(HOST, Some(ConnectionError::HostUnreachable)), (PORT, None)] {
        let mut bench = Bench::new();
        bench.table.note_icmp_error(&tcp(1), at(12), error(code));
        bench.drain(100, &[seen(tcp(1)).at(10).flags(SYN)]);
        let record = &bench.finish(200)[0];
        assert_eq!((record.end_reason, record.connection().error), (EndReason::ForcedEnd, expected));
        assert_eq!(record.connection().opening, expected.map(Opening::Failed));
    }
}

#[test]
fn what_answers_goes_before_what_a_router_says() {
    let mut bench = Bench::new();
    bench.table.note_icmp_error(&tcp(1), at(12), error(HOST));
    let answer = seen(tcp(1)).back().hook(1).at(20).flags(RST | ACK);
    bench.drain(100, &[seen(tcp(1)).at(10).flags(SYN), answer]);
    assert_eq!(bench.finish(200)[0].connection().error, Some(ConnectionError::Refused));
    let mut bench = Bench::new();
    bench.table.note_icmp_error(&tcp(1), at(12), error(HOST));
    let answer = seen(tcp(1)).back().hook(1).at(20).flags(SYN | ACK);
    bench.drain(100, &[seen(tcp(1)).at(10).flags(SYN), answer]);
    assert_eq!(bench.finish(200)[0].connection().error, None);
}
