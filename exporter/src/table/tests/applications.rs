//! What payloads say reaches the flow that they belong to.

use crate::flow::{Application, DnsMessage, Protocol, Question, QuicHeader, QuicVersion, Sighting, Start};
use crate::table::tests::support::*;
use crate::table::{Config, Losses};

fn of(protocol: Protocol) -> Start {
    Start::Plain { protocol, version: None }
}

fn at(moment: u64) -> Sighting {
    Sighting { time: milliseconds(moment), scope: 0, ifindex: 1 }
}

fn known(protocol: Protocol) -> Application {
    let mut application = Application::default();
    application.learn(of(protocol), at(0));
    application
}

fn application(record: &Seen) -> Option<Application> {
    record.flow().application.clone()
}

#[test]
fn every_record_says_it_whichever_side_spoke() {
    for tuple in [tcp(1), tcp(1).reverse().unwrap()] {
        let mut bench = Bench::with(&short_interval());
        bench.table.learn(&tuple, at(12), of(Protocol::Http));
        bench.drain(100, &[seen(tcp(1)).at(10).flags(SYN)]);
        let mut records = bench.quiet(1_000, 3_000);
        bench.drain(3_500, &[seen(tcp(1)).at(3_400)]);
        records.extend(bench.quiet(4_000, 6_000));
        assert!(records.len() > 1);
        assert!(
            records.iter().all(|record| application(record) == Some(known(Protocol::Http))),
            "{records:?}"
        );
    }
}

#[test]
fn it_waits_for_the_observation_of_the_next_reading() {
    let mut bench = Bench::new();
    bench.table.learn(&tcp(1), at(12), of(Protocol::Http));
    bench.drain(100, &[]);
    bench.drain(200, &[seen(tcp(1)).at(10).flags(SYN)]);
    assert_eq!(application(&bench.finish(300)[0]), Some(known(Protocol::Http)));
    assert_eq!(bench.table.lost_payloads(), Losses::default());
}

#[test]
fn it_is_counted_where_no_flow_comes() {
    let mut bench = Bench::new();
    bench.table.learn(&tcp(1), at(12), of(Protocol::Http));
    bench.drain(100, &[]);
    bench.drain(200, &[]);
    bench.drain(300, &[seen(tcp(1)).at(250).flags(SYN)]);
    assert_eq!(application(&bench.finish(400)[0]), None);
    assert_eq!(bench.table.lost_payloads(), Losses { unplaced: 1, refused: 0 });
}

#[test]
fn a_new_connection_of_a_tuple_has_its_own() {
    let mut bench = Bench::new();
    bench.table.learn(&tcp(1), at(12), of(Protocol::Http));
    bench.drain(100, &[seen(tcp(1)).at(10).flags(SYN), seen(tcp(1)).at(20).until(50)]);
    bench.table.learn(&tcp(1), at(152), of(Protocol::Ssh));
    let mut records = bench.drain(200, &[seen(tcp(1)).at(150).flags(SYN)]);
    records.extend(bench.finish(300));
    let all: Vec<_> = records.iter().map(application).collect();
    assert_eq!(all, [Some(known(Protocol::Http)), Some(known(Protocol::Ssh))]);
}

#[test]
fn memory_is_bounded_and_given_back() {
    let one = known(Protocol::Http).bytes();
    // Room for one that waits beside one that a flow has.
    let mut bench = Bench::with(&Config { application_bytes: 2 * one, ..Config::default() });
    for (client, moment) in [(1, 100), (2, 200), (3, 300)] {
        bench.table.learn(&tcp(client), at(moment + 12), of(Protocol::Http));
        bench.drain(moment + 100, &[seen(tcp(client)).at(moment + 10).flags(SYN)]);
    }
    let refused = bench.table.lost_payloads().refused;
    assert!((1..3).contains(&refused), "{refused}");
    let records = bench.finish(1_000);
    let with = records.iter().filter(|record| application(record).is_some()).count();
    assert_eq!(with as u64, 3 - refused);
    // All flows are over, so there is room again.
    bench.table.learn(&tcp(4), at(1_012), of(Protocol::Http));
    bench.drain(1_100, &[seen(tcp(4)).at(1_010).flags(SYN)]);
    assert_eq!(application(&bench.finish(1_200)[0]), Some(known(Protocol::Http)));
}

#[test]
fn a_question_is_in_the_record_of_its_interval_and_again_with_a_late_answer() {
    let message = |id, code| Start::Dns(DnsMessage { id, name: "a.example".into(), kind: 1, code });
    let mut bench = Bench::with(&short_interval());
    let mut told = Vec::new();
    let mut moment = 10;
    for messages in [vec![message(7, None), message(7, Some(0)), message(8, None)], vec![message(8, Some(3))]]
    {
        for message in messages {
            bench.table.learn(&udp(1), at(moment + 2), message);
        }
        bench.drain(moment + 90, &[seen(udp(1)).at(moment)]);
        told.extend(bench.quiet(moment + 1_000, moment + 3_000));
        moment += 3_500;
    }
    let codes = |record: &Seen| {
        let application = application(record).expect("it is known");
        application.dns().expect("it is DNS").questions().map(Question::code).collect::<Vec<_>>()
    };
    let all: Vec<_> = told.iter().map(codes).collect();
    assert_eq!(all, [vec![Some(0), None], vec![Some(3)]]);
}

#[test]
fn a_quic_packet_without_its_fixed_bit_is_that_of_a_known_connection_or_nothing() {
    let asks = QuicHeader {
        version: QuicVersion::V1,
        destination: b"any"[..].into(),
        source: b"client"[..].into(),
        is_fixed: true,
    };
    let answers = QuicHeader { destination: asks.source.clone(), is_fixed: false, ..asks.clone() };
    let version = |headers: &[&QuicHeader]| {
        let mut bench = Bench::new();
        for (header, moment) in headers.iter().zip(12..) {
            bench.table.learn(&udp(1), at(moment), Start::Quic((*header).clone()));
        }
        bench.drain(100, &[seen(udp(1)).at(10)]);
        let said = application(&bench.finish(200)[0]);
        said.map(|said| (said.protocol(), said.version().map(ToOwned::to_owned)))
    };
    assert_eq!(version(&[&answers]), None);
    assert_eq!(version(&[&answers, &asks]), Some((Some(Protocol::Quic), None)));
    assert_eq!(version(&[&asks, &answers]), Some((Some(Protocol::Quic), Some("1".to_owned()))));
}
