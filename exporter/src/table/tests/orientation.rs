//! Who is the source.

use crate::flow::{Evidence, Hook, NetworkId, Observation, Tuple};
use crate::table::tests::support::*;

fn client(record: &Seen) -> bool {
    record.flow().source.1 == Some(40_000)
}

/// The same conversation between two ports of which nothing is known.
pub(super) fn unknown(tuple: Tuple) -> Tuple {
    Tuple { source_port: Some(40_001), destination_port: Some(7001), ..tuple }
}

impl Bench {
    /// Sockets wait at these ends.
    pub(super) fn listening(self, servers: &[Server]) -> Self {
        Self { servers: servers.to_vec(), ..self }
    }
}

/// A socket that waits where the packets of this tuple go.
pub(super) fn server(tuple: Tuple) -> Server {
    (tuple.protocol, tuple.destination, tuple.destination_port.unwrap())
}

/// Who is the source of a flow whose first packet came from the server, and how that is known.
fn told(tuple: Tuple, servers: &[Server]) -> (Option<u16>, Evidence) {
    let mut bench = Bench::new().listening(servers);
    bench.drain(100, &[seen(tuple).at(10), seen(tuple).back().at(5)]);
    let records = bench.finish(200);
    let flow = records[0].flow();
    (flow.source.1, flow.evidence)
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
    let (one, other) = (unknown(tcp(1)), unknown(udp(2)));
    bench.drain(100, &[seen(one).at(10), seen(one).back().at(9)]);
    bench.drain(200, &[seen(other).back().at(110), seen(other).at(109)]);
    let records = bench.finish(200);
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record.flow().evidence, Evidence::FirstPacket);
        assert_eq!(record.flow().source.1 == Some(40_001), record.flow().protocol == 17);
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
    let tuple = unknown(tcp(1));
    bench.drain(100, &[seen(tuple).back().at(5)]);
    bench.drain(1_200, &[]);
    let mut bench = bench.listening(&[server(tuple)]);
    bench.drain(1_500, &[seen(tuple).at(1_400).flags(SYN)]);
    bench.finish(3_000);
    assert!(bench.records.len() >= 2);
    for record in &bench.records {
        assert_eq!(record.flow().source.1, Some(7001));
        assert_eq!(record.flow().evidence, Evidence::FirstPacket);
    }
}

#[test]
fn of_two_syns_the_first_decides() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).back().at(6).flags(SYN), seen(tcp(1)).at(5).flags(SYN)]);
    assert!(client(&bench.finish(200)[0]));
}

#[test]
fn who_talks_to_a_well_known_port_is_the_source() {
    assert_eq!(told(tcp(1), &[]), (Some(40_000), Evidence::WellKnownPort));
    assert_eq!(told(udp(1), &[]), (Some(40_000), Evidence::WellKnownPort));
}

#[test]
fn who_talks_to_a_listening_socket_is_the_source() {
    for tuple in [unknown(tcp(1)), unknown(udp(1)), tcp(1), udp(1)] {
        assert_eq!(told(tuple, &[server(tuple)]), (tuple.source_port, Evidence::ListeningSocket));
    }
}

#[test]
fn a_listening_socket_is_better_evidence_than_a_port() {
    let tuple = Tuple { source_port: Some(443), destination_port: Some(50_000), ..tcp(1) };
    assert_eq!(told(tuple, &[server(tuple)]), (Some(443), Evidence::ListeningSocket));
}

#[test]
fn a_syn_is_better_evidence_than_a_listening_socket() {
    let tuple = unknown(tcp(1));
    let mut bench = Bench::new().listening(&[server(tuple)]);
    bench.drain(100, &[seen(tuple).back().at(5).flags(SYN), seen(tuple).at(6).flags(SYN | ACK)]);
    let records = bench.finish(200);
    assert_eq!((records[0].flow().source.1, records[0].flow().evidence), (Some(7001), Evidence::Syn));
}

#[test]
fn sockets_that_listen_at_both_ends_say_nothing() {
    let tuple = unknown(tcp(1));
    let both = [server(tuple), server(tuple.reverse().unwrap())];
    assert_eq!(told(tuple, &both), (Some(7001), Evidence::FirstPacket));
}

#[test]
fn a_udp_socket_that_may_wait_for_answers_does_not_listen() {
    let asking = Tuple { source_port: Some(5300), destination_port: Some(53), ..udp(1) };
    let socket = server(asking.reverse().unwrap());
    assert_eq!(told(asking, &[socket]), (Some(5300), Evidence::WellKnownPort));
    let equal = Tuple { source_port: Some(123), destination_port: Some(123), ..udp(1) };
    assert_eq!(told(equal, &[server(equal)]).1, Evidence::FirstPacket);
}

#[test]
fn of_a_well_known_port_only_its_end_is_asked_for_datagrams() {
    let tuple = udp(1);
    let both = [server(tuple), server(tuple.reverse().unwrap())];
    assert_eq!(told(tuple, &both), (tuple.source_port, Evidence::ListeningSocket));
}

#[test]
fn others_are_asked_where_they_may_tell() {
    let asked = |observations: &[Observation]| {
        let mut bench = Bench::new();
        bench.drain(100, observations);
        bench.asked.len()
    };
    assert_eq!((asked(&[seen(tcp(1))]), asked(&[seen(udp(1))])), (1, 1));
    assert_eq!(asked(&[seen(tcp(1)).flags(SYN)]) + asked(&[seen(tcp(1)).back().flags(SYN | ACK)]), 0);
    assert_eq!(asked(&[seen(tcp(1)).back().at(11), seen(tcp(1)).at(10).flags(SYN)]), 0, "it is opened");
    assert_eq!(asked(&[seen(icmp(1, 8))]), 0);
    let equal = Tuple { source_port: Some(123), destination_port: Some(123), ..udp(1) };
    assert_eq!(asked(&[seen(equal)]), 0);
}

#[test]
fn it_is_told_where_a_flow_was_seen() {
    let mut bench = Bench::new();
    let there = bench.hooks.register(Hook::named(5, 9, abi::Direction::Ingress, "eth0"));
    bench.drain(100, &[seen(tcp(1)).at(10), seen(tcp(1)).back().at(11).hook(there.0)]);
    let mut seen_at = bench.asked[0].seen_at.clone();
    seen_at.sort_unstable();
    assert_eq!(*seen_at, [(0, 1), (5, 9)]);
}

#[test]
fn datagrams_do_not_take_the_room_of_connections() {
    let mut bench = Bench::new();
    let client = |port| Tuple { source_port: Some(port), ..udp(1) };
    let mut many: Vec<_> = (1_000..10_000).map(|port| seen(client(port)).at(10)).collect();
    many.push(seen(tcp(1)).at(11));
    bench.drain(100, &many);
    assert_eq!(bench.asked.iter().filter(|asked| asked.packets.is_tcp()).count(), 1);
    assert!(bench.asked.len() < many.len());
}

/// Who is the source of a connection whose first packet came from the server, if connection tracking has it that the client opened
/// it.
fn tracked(mut bench: Bench, flags: u16) -> (Option<u16>, Evidence) {
    let packets = unknown(tcp(1));
    bench.drain(100, &[seen(packets).back().at(5), seen(packets).at(10).flags(flags)]);
    bench.table.set_opener(NetworkId::NODE, &packets);
    let records = bench.finish(200);
    let flow = records[0].flow();
    (flow.source.1, flow.evidence)
}

#[test]
fn connection_tracking_tells_who_opened_a_connection() {
    assert_eq!(tracked(Bench::new(), ACK), (Some(40_001), Evidence::Conntrack));
    let to_client = server(unknown(tcp(1)).reverse().unwrap());
    assert_eq!(tracked(Bench::new().listening(&[to_client]), ACK), (Some(40_001), Evidence::Conntrack));
    assert_eq!(tracked(Bench::new(), SYN), (Some(40_001), Evidence::Syn), "a SYN is better");
}

#[test]
fn conversations_whose_opening_was_not_seen_are_asked_for_once() {
    let mut bench = Bench::new();
    let opened = seen(tcp(2)).at(10).flags(SYN);
    bench.drain(100, &[seen(tcp(1)).at(10), seen(tcp(1)).back().at(11), opened]);
    let asked: Vec<_> = bench.asked.iter().map(|asked| asked.packets).collect();
    assert_eq!(asked, [crate::table::conversation::of(&tcp(1)).0]);
    bench.drain(200, &[seen(tcp(1)).at(150)]);
    assert_eq!(bench.asked, []);
}

#[test]
fn what_a_record_said_is_not_changed_by_connection_tracking() {
    let mut bench = Bench::new();
    let packets = unknown(tcp(1));
    bench.drain(100, &[seen(packets).back().at(5)]);
    let first = bench.quiet(1_000, 2 * INTERVAL);
    bench.table.set_opener(NetworkId::NODE, &packets);
    let last = bench.finish(2 * INTERVAL + 1_000);
    for record in first.iter().chain(&last) {
        assert_eq!((record.flow().source.1, record.flow().evidence), (Some(7001), Evidence::FirstPacket));
    }
    assert!(!first.is_empty() && !last.is_empty());
}
