//! Who is the source.

use crate::flow::Evidence;
use crate::table::tests::support::*;

fn client(record: &Seen) -> bool {
    record.flow().source.1 == Some(40_000)
}

#[test]
fn the_sender_of_the_syn_is_the_source() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).back().at(5).flags(ACK), seen(tcp(1)).at(10).flags(SYN)]);
    let records = bench.finish(200);
    assert!(client(&records[0]));
    assert_eq!(records[0].flow().evidence, Evidence::Syn);
}

#[test]
fn the_receiver_of_the_syn_ack_is_the_source() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).back().at(5).hook(3).flags(SYN | ACK)]);
    let records = bench.finish(200);
    assert!(client(&records[0]));
    let flow = records[0].flow();
    assert_eq!(flow.evidence, Evidence::Syn);
    assert_eq!((flow.hook.as_str(), flow.hook_is_reverse), ("veth0 egress", true));
    assert_eq!(records[0].packets, (0, 1));
}

#[test]
fn else_the_sender_of_the_first_packet_is_the_source() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).at(10), seen(tcp(1)).back().at(9)]);
    bench.drain(200, &[seen(udp(2)).back().at(110), seen(udp(2)).at(109)]);
    let records = bench.finish(200);
    for record in &records {
        assert_eq!(record.flow().evidence, Evidence::FirstPacket);
        assert_eq!(client(record), record.flow().protocol == 17);
    }
}

#[test]
fn a_syn_of_a_later_drain_decides_before_the_first_record() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).back().at(5)]);
    assert!(bench.records.is_empty());
    bench.drain(120, &[seen(tcp(1)).at(110).flags(SYN)]);
    assert!(client(&bench.finish(200)[0]));
}

#[test]
fn the_first_record_fixes_the_source() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(tcp(1)).back().at(5)]);
    bench.drain(1_200, &[]);
    bench.drain(1_500, &[seen(tcp(1)).at(1_400).flags(SYN)]);
    bench.finish(3_000);
    assert!(bench.records.len() >= 2);
    for record in &bench.records {
        assert!(!client(record));
        assert_eq!(record.flow().evidence, Evidence::FirstPacket);
    }
}

#[test]
fn of_two_syns_the_first_decides() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).back().at(6).flags(SYN), seen(tcp(1)).at(5).flags(SYN)]);
    assert!(client(&bench.finish(200)[0]));
}
