//! A tuple that a new connection takes.

use crate::flow::{EndReason, Evidence, Observation, Tuple};
use crate::table::tests::support::*;

fn client(record: &Seen) -> bool {
    record.flow().source.1 == Some(40_000)
}

fn from_client() -> Observation {
    seen(tcp(1))
}

fn from_server() -> Observation {
    seen(tcp(1)).back().hook(1)
}

/// A whole connection in one reading, and its last packets' answer.
fn whole(moment: u64) -> [Observation; 2] {
    let client = from_client().at(moment).until(moment + 50).packets(5).flags(SYN);
    let server = from_server().at(moment + 1).until(moment + 50).packets(4).flags(SYN | ACK);
    [client, server]
        .map(|side| Observation { tcp_flags: crate::flow::TcpFlags(side.tcp_flags.0 | FIN | ACK), ..side })
}

fn opened(moment: u64) -> [Observation; 2] {
    [
        from_client().at(moment).until(moment + 40).packets(2).flags(SYN),
        from_server().at(moment + 1).until(moment + 40).packets(2).flags(SYN | ACK),
    ]
}

/// Two flows, both the client's: the first closed, and the second alive for many readings more, until its own end.
fn assert_two_flows(mut bench: Bench, moment: u64, first: (u64, u64), second: (u64, u64)) {
    for moment in (moment..moment + 60_000).step_by(1_000) {
        bench.drain(moment + 100, &[from_client().at(moment + 50), from_server().at(moment + 50)]);
    }
    assert_eq!(bench.table.len(), 1);
    bench.finish(moment + 60_000);
    let old = bench.records[0].id;
    let (old, new): (Vec<_>, Vec<_>) = bench.records.iter().partition(|record| record.id == old);
    assert!(new.iter().all(|record| record.id == new[0].id), "more than two flows");
    assert!(bench.records.iter().all(|record| client(record) && record.flow().evidence == Evidence::Syn));
    assert_eq!(old.last().unwrap().end_reason, EndReason::EndOfFlow);
    let sum = |records: &[&Seen]| {
        records.iter().fold((0, 0), |sum, record| (sum.0 + record.packets.0, sum.1 + record.packets.1))
    };
    assert_eq!(sum(&old), first);
    assert_eq!(sum(&new), (second.0 + 60, second.1 + 60));
}

#[test]
fn a_syn_after_the_close_begins_a_new_flow_in_either_order_at_any_hook() {
    let [syn, syn_ack] = opened(1_500);
    let at_others = [syn.hook(2), syn_ack.hook(3)];
    let orders = [
        [syn, at_others[0], syn_ack, at_others[1]],
        [at_others[1], syn_ack, at_others[0], syn],
        [syn_ack, syn, at_others[1], at_others[0]],
    ];
    for order in orders {
        let mut bench = Bench::new();
        bench.drain(1_000, &whole(900));
        bench.drain(2_000, &order);
        assert_eq!(bench.records.len(), 1);
        assert_two_flows(bench, 2_000, (5, 4), (2, 2));
    }
}

#[test]
fn late_packets_of_the_old_connection_stay_its_own() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let [syn, syn_ack] = opened(1_500);
        let drain = [from_server().at(1_100).packets(3), syn, syn_ack];
        let mut bench = Bench::new();
        bench.drain(1_000, &whole(900));
        bench.drain(2_000, &order.map(|index: usize| drain[index]));
        assert_two_flows(bench, 2_000, (5, 7), (2, 2));
    }
}

#[test]
fn packets_of_the_new_connection_on_another_cpu_are_the_new_flows() {
    let [syn, syn_ack] = opened(1_500);
    let mut bench = Bench::new();
    bench.drain(1_000, &whole(900));
    bench.drain(2_000, &[from_client().at(1_520).packets(7), syn_ack, syn]);
    assert_two_flows(bench, 2_000, (5, 4), (9, 2));
}

#[test]
fn a_connection_that_opens_when_the_old_one_closes_is_a_new_flow() {
    let [syn, syn_ack] = opened(1_500);
    let fin = from_client().at(1_200).flags(FIN | ACK);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let drain = [fin, from_server().at(1_201).flags(FIN | ACK), syn, syn_ack];
        let mut bench = Bench::new();
        bench.drain(1_000, &opened(900));
        bench.drain(1_100, &[from_client().at(1_050), from_server().at(1_050)]);
        bench.drain(2_000, &order.map(|index: usize| drain[index]));
        assert_two_flows(bench, 2_000, (4, 4), (2, 2));
    }
}

#[test]
fn a_syn_ack_follows_its_syn_though_the_server_was_not_heard_without_syn() {
    let mut bench = Bench::new();
    bench.drain(1_000, &opened(900));
    // The kernel notes no bare ACK behind a SYN-ACK.
    bench.drain(1_100, &[from_client().at(1_050)]);
    let [syn, syn_ack] = opened(1_500);
    bench.drain(2_000, &[syn_ack, syn]);
    assert_two_flows(bench, 2_000, (3, 2), (2, 2));
}

#[test]
fn one_observation_of_both_connections_is_the_new_flows_and_does_not_close_it() {
    let mut bench = Bench::new();
    bench.drain(1_000, &opened(900));
    bench.drain(1_100, &[from_client().at(1_050), from_server().at(1_050)]);
    let both = |last: Observation, flags| last.until(1_600).packets(9).flags(flags).opens_at(1_500);
    let syn_ack = both(from_server().at(1_201), SYN | ACK | FIN);
    bench.drain(2_000, &[both(from_client().at(1_200), FIN | ACK), syn_ack]);
    assert_two_flows(bench, 2_000, (3, 3), (9, 9));
}

#[test]
fn a_connection_that_is_reset_and_tried_again_is_a_new_flow() {
    let mut bench = Bench::new();
    for moment in [1_000, 2_000, 3_000] {
        let refused = from_server().at(moment - 99).flags(RST | ACK);
        bench.drain(moment, &[refused, from_client().at(moment - 100).flags(SYN)]);
    }
    bench.finish(4_000);
    assert_eq!(bench.records.len(), 3);
    assert!(bench.records.iter().all(|record| client(record) && record.packets == (1, 1)));
    assert!(bench.records.iter().all(|record| record.end_reason == EndReason::EndOfFlow));
}

#[test]
fn what_is_sent_again_to_open_a_connection_stays_in_its_flow() {
    let mut bench = Bench::new();
    for moment in [1_000, 2_000, 4_000, 8_000] {
        bench.drain(moment, &[from_client().at(moment - 100).flags(SYN)]);
    }
    bench.drain(8_500, &[from_server().at(8_400).flags(SYN | ACK), from_client().at(8_401)]);
    bench.drain(9_500, &[from_server().at(9_400).flags(SYN | ACK), from_client().at(9_401)]);
    bench.finish(10_000);
    assert!(bench.records.iter().all(|record| record.id == bench.records[0].id && client(record)));
}

#[test]
fn a_flow_goes_on_if_both_ends_talk_when_a_closed_connection_must_end() {
    let mut bench = Bench::new();
    bench.drain(1_000, &whole(900));
    for moment in (2_000..30_000).step_by(1_000) {
        bench.drain(moment, &[from_client().at(moment - 10), from_server().at(moment - 10)]);
    }
    bench.finish(30_000);
    assert!(bench.records.iter().all(|record| record.id == bench.records[0].id && client(record)));
}

#[test]
fn more_new_connections_than_are_held_are_all_counted() {
    let mut bench = Bench::new();
    bench.drain(1_000, &whole(900));
    let many = vec![opened(1_500)[0]; 3 * crate::table::reuse::MOST_HELD / 2];
    bench.drain(2_000, &many);
    bench.finish(3_000);
    assert_eq!(bench.records.len(), 2);
    assert_eq!(bench.records[1].packets.0, 2 * many.len() as u64);
}

#[test]
fn a_full_table_of_connections_that_are_tried_again_ends_each_once() {
    const FLOWS: u32 = 60_000;
    let mut bench = Bench::full_at(FLOWS as usize);
    let refused = |number: u32, moment| {
        let [high, low] = [number / 50_000, number % 50_000];
        let port = |tuple: Tuple| Tuple { source_port: Some(u16::try_from(low + 1).unwrap()), ..tuple };
        let syn = seen(port(tcp(u8::try_from(high + 1).unwrap()))).at(moment).flags(SYN);
        [syn, syn.back().at(moment + 1).flags(RST | ACK)]
    };
    for reading in 1..4 {
        let drain: Vec<_> = (0..FLOWS).flat_map(|number| refused(number, reading * 1_000 - 100)).collect();
        bench.drain(reading * 1_000, &drain);
    }
    bench.finish(4_000);
    assert_eq!(bench.records.len(), 3 * FLOWS as usize);
    assert!(bench.records.iter().all(|record| record.packets == (1, 1)));
}

#[test]
fn a_reading_that_ends_early_tells_two_connections_apart_and_ends_none() {
    let mut bench = Bench::new();
    bench.end_reading(1_000, &whole(900));
    bench.end_reading(1_000, &[]);
    assert_eq!((bench.table.len(), bench.records.len()), (1, 0));
    bench.drain(1_100, &opened(1_050));
    assert_eq!((bench.table.len(), bench.records.len()), (1, 1));
    assert_two_flows(bench, 2_000, (5, 4), (2, 2));
}

/// A connection within one reading, broken off by the client, at the interfaces of both ends.
fn reset(number: u32, moment: u64) -> [Observation; 4] {
    let client = from_client().at(moment).until(moment + 8).packets(5).flags(SYN).numbered(number);
    let client = Observation { tcp_flags: crate::flow::TcpFlags(SYN | ACK | RST), ..client };
    let server = from_server().at(moment + 1).until(moment + 8).packets(4).flags(SYN | ACK).numbered(number);
    [client, server, Observation { first: client.first, ..client.hook(2) }, server.hook(3)]
}

#[test]
fn connections_one_after_the_other_within_a_reading_are_flows_of_their_own() {
    let seen: Vec<Observation> = (1..6).flat_map(|number| reset(number, 100 * u64::from(number))).collect();
    for step in [1, 7, 11, 19] {
        let mut bench = Bench::new();
        // In whatever order the namespaces are read: the first connection of each first.
        let order: Vec<_> = (0..seen.len()).map(|at| seen[at * step % seen.len()]).collect();
        bench.drain(1_000, &order);
        bench.finish(2_000);
        let ends: Vec<_> = bench.records.iter().map(|record| (record.packets, record.end_reason)).collect();
        assert_eq!(ends, [((5, 4), EndReason::EndOfFlow); 5], "step {step}");
        assert!(bench.records.iter().all(client), "step {step}");
        let mut ids: Vec<_> = bench.records.iter().map(|record| record.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 5, "step {step}");
    }
}

#[test]
fn what_is_refused_again_and_again_within_a_reading_is_a_flow_each_time() {
    let mut bench = Bench::new();
    let tries: Vec<_> = (1..4)
        .flat_map(|number| {
            let moment = 100 * u64::from(number);
            let syn = from_client().at(moment).flags(SYN);
            [syn, from_server().at(moment + 1).flags(RST | ACK)].map(|segment| segment.numbered(number))
        })
        .collect();
    bench.drain(1_000, &tries);
    bench.finish(2_000);
    assert_eq!(bench.records.len(), 3);
    assert!(bench.records.iter().all(|record| client(record) && record.packets == (1, 1)));
}

#[test]
fn a_syn_of_the_same_number_is_sent_again_until_its_side_has_said_more() {
    let mut bench = Bench::new();
    let syn = from_client().flags(SYN).numbered(7);
    bench.drain(1_000, &[syn.at(900)]);
    bench.drain(2_000, &[syn.at(1_900)]);
    bench.drain(2_500, &[from_client().at(2_400)]);
    assert!(bench.records.iter().all(|record| record.id == bench.records[0].id));
    bench.drain(3_000, &[syn.at(2_900)]);
    assert_eq!(bench.records.last().unwrap().end_reason, EndReason::EndOfFlow);
    bench.finish(3_500);
    assert_ne!(bench.records.last().unwrap().id, bench.records[0].id);
}

#[test]
fn both_ends_may_open_a_connection_at_once() {
    let mut bench = Bench::new();
    let [a, b] = [from_client().at(100), from_server().at(101)].map(|side| side.packets(3).flags(SYN));
    bench.drain(1_000, &[a.numbered(7), b.numbered(50)]);
    bench.finish(2_000);
    assert_eq!(bench.records.len(), 1);
    assert_eq!(bench.records[0].packets, (3, 3));
}

#[test]
fn what_another_interface_saw_of_a_connection_before_does_not_end_the_flow() {
    let mut bench = Bench::new();
    let old = from_client().hook(2).at(100).until(150).flags(SYN).numbered(1);
    bench.drain(1_000, &[from_client().at(500).flags(SYN).numbered(2), old, from_client().at(600)]);
    bench.finish(2_000);
    assert_eq!(bench.records.len(), 1);
}
