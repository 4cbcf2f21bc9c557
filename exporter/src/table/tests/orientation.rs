//! Who is the source.

use crate::flow::{Evidence, Hook, HookId, Listener, Listeners, Tuple};
use crate::table::tests::support::*;

fn client(record: &Seen) -> bool {
    record.flow().source.1 == Some(40_000)
}

/// The same conversation between two ports of which nothing is known.
pub(super) fn unknown(tuple: Tuple) -> Tuple {
    Tuple { source_port: Some(40_001), destination_port: Some(7001), ..tuple }
}

impl Bench {
    /// Sockets listen in the hooks' namespace, each at its address.
    pub(super) fn listening(mut self, sockets: &[Listener]) -> Self {
        let mut listeners = Listeners::of(0, usize::MAX);
        for socket in sockets {
            listeners.add(*socket);
        }
        self.table.set_listeners(listeners);
        self
    }
}

/// A socket that listens where the packets of this tuple go.
pub(super) fn server(tuple: Tuple) -> Listener {
    Listener { protocol: tuple.protocol, address: tuple.destination, port: tuple.destination_port.unwrap() }
}

/// Who is the source of a flow whose first packet came from the server, and how that is known.
fn told(tuple: Tuple, listeners: &[Listener]) -> (Option<u16>, Evidence) {
    let mut bench = Bench::new().listening(listeners);
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
fn a_socket_of_another_namespace_says_nothing() {
    let tuple = unknown(tcp(1));
    let mut bench = Bench::new().listening(&[server(tuple)]);
    let elsewhere = Hook::named(1, 1, abi::Direction::Ingress, "eth0");
    let hook: HookId = bench.hooks.register(elsewhere);
    bench.drain(100, &[seen(tuple).at(10).hook(hook.0), seen(tuple).back().at(5).hook(hook.0)]);
    let records = bench.finish(200);
    assert_eq!(records[0].flow().evidence, Evidence::FirstPacket);
}

#[test]
fn the_table_asks_who_listens_where_that_may_tell() {
    let wants = |observation| {
        let mut bench = Bench::new();
        bench.drain(100, &[observation]);
        bench.table.wants_listeners()
    };
    assert!(wants(seen(tcp(1))) && wants(seen(udp(1))));
    assert!(!wants(seen(tcp(1)).flags(SYN)) && !wants(seen(tcp(1)).back().flags(SYN | ACK)));
    assert!(!wants(seen(icmp(1, 8))));
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1))]);
    let mut bench = bench.listening(&[]);
    assert!(!bench.table.wants_listeners());
    bench.drain(200, &[seen(udp(1)).at(150)]);
    assert!(!bench.table.wants_listeners(), "only new flows ask");
    bench.drain(300, &[seen(udp(2)).at(250)]);
    assert!(bench.table.wants_listeners());
}

/// Who is the source of a connection whose first packet came from the server, if connection tracking has it that the client opened
/// it.
fn tracked(mut bench: Bench, flags: u16) -> (Option<u16>, Evidence) {
    let packets = unknown(tcp(1));
    bench.drain(100, &[seen(packets).back().at(5), seen(packets).at(10).flags(flags)]);
    bench.table.set_opener(&packets);
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
fn connections_whose_opening_was_not_seen_are_asked_for_once() {
    let mut bench = Bench::new();
    let opened = seen(tcp(2)).at(10).flags(SYN);
    bench.drain(100, &[seen(tcp(1)).at(10), seen(tcp(1)).back().at(11), opened, seen(udp(3)).at(10)]);
    let conversation = crate::table::conversation::of(&tcp(1)).0;
    assert_eq!(bench.table.take_unopened(), [conversation]);
    bench.drain(200, &[seen(tcp(1)).at(150)]);
    assert_eq!(bench.table.take_unopened(), []);
}

#[test]
fn connections_of_other_namespaces_are_not_asked_for() {
    let mut bench = Bench::new();
    let there = bench.hooks.register(Hook::named(1, 1, crate::flow::Direction::Ingress, "eth0"));
    bench.drain(100, &[seen(tcp(1)).hook(there.0).at(10)]);
    assert_eq!(bench.table.take_unopened(), []);
}

#[test]
fn what_a_record_said_is_not_changed_by_connection_tracking() {
    let mut bench = Bench::new();
    let packets = unknown(tcp(1));
    bench.drain(100, &[seen(packets).back().at(5)]);
    let first = bench.quiet(1_000, 2 * INTERVAL);
    bench.table.set_opener(&packets);
    let last = bench.finish(2 * INTERVAL + 1_000);
    for record in first.iter().chain(&last) {
        assert_eq!((record.flow().source.1, record.flow().evidence), (Some(7001), Evidence::FirstPacket));
    }
    assert!(!first.is_empty() && !last.is_empty());
}
