//! Equal addresses and ports in several networks.

use std::sync::Arc;

use abi::Direction;

use crate::connections::OwnConnections;
use crate::flow::{
    Counts, DropReason, Dropped, EndReason, Exits, Hook, Icmp, IcmpError, NetworkId, Protocol, Role,
    Sighting, Start,
};
use crate::table::Losses;
use crate::table::tests::support::*;

/// Hooks of namespaces that are joined with nothing: 4 and 5 of `a0` of namespace 1, 6 and 7 of `b0` of namespace 2. Those from 0 to
/// 3 are the node's.
fn isolated(mut bench: Bench) -> Bench {
    for (scope, interface) in [(1, "a0"), (2, "b0")] {
        bench.hooks.set_exits(scope, Exits::default());
        for direction in [Direction::Ingress, Direction::Egress] {
            bench.hooks.register(Hook::named(scope, 7, direction, interface));
        }
    }
    bench.hooks.regroup();
    bench
}

const A: u32 = 4;
const B: u32 = 6;

/// Way out of a namespace.
fn open() -> Exits {
    Exits { is_open: true, ..Exits::default() }
}

/// Packets of each record by interface, and the number of flows.
fn told(records: &[Seen]) -> (Vec<(String, u64)>, usize) {
    let mut told: Vec<_> =
        records.iter().map(|record| (record.flow().hook.clone(), record.packets.0)).collect();
    told.sort();
    let mut ids: Vec<_> = records.iter().map(|record| record.id).collect();
    ids.sort();
    ids.dedup();
    (told, ids.len())
}

fn on_path(bench: &Bench) -> u64 {
    bench.ledger.snapshot().iter().map(|(_, row)| row.path).sum::<Counts>().packets
}

#[test]
fn each_network_has_its_flow_and_nothing_of_it_is_on_the_path_of_another() {
    for tuple in [udp(1), tcp(1), icmp(1, 8)] {
        let mut bench = isolated(Bench::new());
        bench.drain(
            100,
            &[
                seen(tuple).hook(A).at(10).packets(3),
                seen(tuple).hook(0).at(11).packets(4),
                seen(tuple).hook(B).at(12).packets(5),
            ],
        );
        bench.drain(200, &[seen(tuple).hook(B).at(110)]);
        let (told, flows) = told(&bench.finish(300));
        let expected = [("a0 ingress", 3), ("b0 ingress", 6), ("eth0 ingress", 4)];
        assert_eq!((told, flows), (expected.map(|(hook, packets)| (hook.to_owned(), packets)).to_vec(), 3));
        assert_eq!(on_path(&bench), 0);
    }
}

#[test]
fn each_namespaces_loopback_is_a_network() {
    let mut bench = isolated(Bench::new());
    for scope in 0..3 {
        let loopback = Hook::named(scope, 1, Direction::Egress, &format!("lo{scope}"));
        let loopback = bench.hooks.register(Hook { role: Role::Loopback, ..loopback });
        bench.hooks.set_exits(scope, open());
        bench.regroup(50);
        bench.drain(100, &[seen(udp(1)).hook(loopback.0).at(60).packets(1 + u64::from(scope))]);
    }
    let (told, flows) = told(&bench.finish(300));
    let expected = [("lo0 egress", 1), ("lo1 egress", 2), ("lo2 egress", 3)];
    assert_eq!((told, flows), (expected.map(|(hook, packets)| (hook.to_owned(), packets)).to_vec(), 3));
}

#[test]
fn a_new_connection_ends_no_other_networks_flow() {
    let mut bench = isolated(Bench::new());
    let open = |hook| [seen(tcp(1)).hook(hook).at(10).flags(SYN), seen(tcp(1)).hook(hook).at(11)];
    bench.drain(100, &[open(A), open(B)].concat());
    // Again in one of them, with the others' packets before and after.
    let again = seen(tcp(1)).hook(B).at(150).flags(SYN);
    let records = bench.drain(200, &[seen(tcp(1)).hook(A).at(140), again, seen(tcp(1)).hook(A).at(160)]);
    let [record] = &records[..] else { panic!("{records:?}") };
    assert_eq!((&*record.flow().hook, record.end_reason), ("b0 ingress", EndReason::EndOfFlow));
    let (told, flows) = told(&bench.finish(300));
    assert_eq!((told, flows), (vec![("a0 ingress".to_owned(), 4), ("b0 ingress".to_owned(), 1)], 2));
}

#[test]
fn a_flow_goes_with_its_hook_into_the_network_that_it_joins() {
    let mut bench = isolated(Bench::with(&short_interval()));
    bench.drain(100, &[seen(udp(1)).hook(A).at(10).packets(3)]);
    let mut records = bench.quiet(1_000, 2_000);
    bench.hooks.set_exits(1, open());
    assert!(bench.regroup(2_100).is_empty());
    // The packets pass the hook of the node, too.
    bench.drain(
        2_200,
        &[seen(udp(1)).hook(0).at(2_150).packets(2), seen(udp(1)).hook(A).at(2_149).packets(2)],
    );
    records.extend(bench.finish(2_300));
    assert_eq!(told(&records), (vec![("a0 ingress".to_owned(), 2), ("a0 ingress".to_owned(), 3)], 1));
    assert_eq!(on_path(&bench), 2);
}

#[test]
fn where_joined_networks_have_a_conversation_twice_one_ends() {
    for tuple in [udp(1), tcp(1)] {
        let mut bench = isolated(Bench::new());
        let of = |hook, packets| seen(tuple).hook(hook).at(10).packets(packets);
        bench.drain(100, &[of(A, 3), of(0, 4), of(B, 5)]);
        // Both join the node's at once; only one may stay, and the node's does.
        bench.hooks.set_exits(1, open());
        bench.hooks.set_exits(2, open());
        let records = bench.regroup(200);
        assert!(records.iter().all(|record| record.end_reason == EndReason::ForcedEnd));
        let expected = [("a0 ingress", 3), ("b0 ingress", 5)];
        assert_eq!(told(&records), (expected.map(|(hook, packets)| (hook.to_owned(), packets)).to_vec(), 2));
        bench.drain(300, &[seen(tuple).hook(0).at(250)]);
        assert_eq!(told(&bench.finish(400)), (vec![("eth0 ingress".to_owned(), 5)], 1));
        assert_eq!(on_path(&bench), 0);
    }
}

#[test]
fn a_closed_connection_that_joins_ends_as_such() {
    let mut bench = isolated(Bench::new());
    bench.drain(100, &[seen(tcp(1)).hook(A).at(10).flags(RST), seen(tcp(1)).hook(0).at(11)]);
    bench.hooks.set_exits(1, open());
    let records = bench.regroup(200);
    assert_eq!(records.iter().map(|record| record.end_reason).collect::<Vec<_>>(), [EndReason::EndOfFlow]);
    bench.quiet(1_000, 3_000);
    assert_eq!((bench.table.len(), bench.finish(4_000).len()), (1, 1));
}

#[test]
fn flows_of_a_network_that_parts_go_with_their_hooks() {
    let mut bench = isolated(Bench::with(&short_interval()));
    bench.hooks.set_exits(1, open());
    bench.regroup(10);
    bench.drain(100, &[seen(udp(1)).hook(A).at(10), seen(udp(2)).hook(0).at(10)]);
    bench.hooks.set_exits(1, Exits::default());
    for moment in [200, 300] {
        assert!(bench.regroup(moment).is_empty());
        bench.drain(moment, &[seen(udp(1)).hook(A).at(moment - 10), seen(udp(1)).hook(0).at(moment - 10)]);
        bench.hooks.read_through();
    }
    bench.regroup(400);
    let apart = [seen(udp(1)).hook(A).at(390).packets(10), seen(udp(1)).hook(0).at(390).packets(100)];
    bench.drain(400, &[&apart[..], &[seen(udp(2)).hook(0).at(390)]].concat());
    let records = [bench.quiet(1_000, 3_000), bench.finish(4_000)].concat();
    let mut packets: Vec<_> =
        records.iter().map(|record| (record.flow().source.0, record.packets.0)).collect();
    packets.sort_unstable();
    // The flow that both had is that of the hook that accounts for it, the first one of its kind that saw it.
    let of = |n: u8| std::net::IpAddr::from([10, 0, 1, n]);
    assert_eq!(packets, [(of(1), 13), (of(1), 100), (of(2), 2)]);
    assert_eq!(on_path(&bench), 2);
}

fn at(scope: u32, ifindex: u32) -> Sighting {
    Sighting { time: milliseconds(12), scope, ifindex }
}

#[test]
fn what_a_payload_says_is_about_the_flow_of_its_hooks_network() {
    for (seen_at, expected) in [(at(1, 7), "a0"), (at(2, 7), "b0"), (at(0, 1), "eth0"), (at(9, 9), "eth0")] {
        let mut bench = isolated(Bench::new());
        let ssh = Start::Plain { protocol: Protocol::Ssh, version: None };
        bench.table.learn(&tcp(1), seen_at, ssh);
        bench.drain(100, &[A, B, 0].map(|hook| seen(tcp(1)).hook(hook).at(10).flags(SYN)));
        for record in bench.finish(200) {
            let is_of = record.flow().hook.starts_with(expected);
            assert_eq!(record.flow().application.is_some(), is_of, "{expected}: {record:?}");
        }
    }
}

#[test]
fn an_error_is_about_the_flow_of_its_hooks_network() {
    let error = |code| IcmpError { ip_version: 4, icmp: Icmp { kind: 3, code }, sender: udp(9).destination };
    let mut bench = isolated(Bench::new());
    let loopback = Hook::named(1, 1, Direction::Ingress, "lo");
    bench.hooks.register(Hook { role: Role::Loopback, ..loopback });
    bench.regroup(5);
    bench.table.note_icmp_error(&udp(1), at(2, 7), error(1));
    // A host tells its own sockets by loopback.
    bench.table.note_icmp_error(&udp(1), at(1, 1), error(2));
    bench.drain(100, &[A, B, 0].map(|hook| seen(udp(1)).hook(hook).at(10)));
    for record in bench.finish(200) {
        let codes: Vec<_> = record.flow().icmp_errors.iter().map(|error| error.error.icmp.code).collect();
        let expected: &[u8] = match &*record.flow().hook {
            "a0 ingress" => &[2],
            "b0 ingress" => &[1],
            _ => &[],
        };
        assert_eq!(codes, expected, "{record:?}");
    }
    assert_eq!(bench.table.lost_icmp_errors(), Losses::default());
}

#[test]
fn a_dropped_packet_is_of_its_namespaces_flow_or_the_only_one_or_the_nodes() {
    let dropped = Dropped {
        tuple: udp(1),
        scope: None,
        reason: DropReason("A".into()),
        counts: Counts { packets: 1, bytes: 100 },
        first: milliseconds(12),
        last: milliseconds(12),
    };
    for (scope, hooks, expected) in [
        (None, &[A][..], Some("a0")),
        (None, &[A, 0, B], Some("eth0")),
        (None, &[A, B], None),
        (Some(1), &[A, 0, B], Some("a0")),
        (Some(2), &[A, 0, B], Some("b0")),
        (Some(0), &[A, 0, B], Some("eth0")),
        (Some(0), &[A, B], None),
    ] {
        let dropped = Dropped { scope, ..dropped.clone() };
        let mut bench = isolated(Bench::new());
        let observations: Vec<_> = hooks.iter().map(|hook| seen(udp(1)).hook(*hook).at(10)).collect();
        bench.table.note_dropped(&dropped);
        bench.drain(100, &observations);
        bench.drain(200, &[]);
        for record in bench.finish(300) {
            let is_of = expected.is_some_and(|expected| record.flow().hook.starts_with(expected));
            assert_eq!(!record.flow().drops.is_empty(), is_of, "{hooks:?}: {record:?}");
        }
        assert_eq!(bench.table.drop_fates().unplaced, u64::from(expected.is_none()));
    }
}

#[test]
fn only_the_agents_networks_have_its_own_connections() {
    let own = Arc::<OwnConnections>::default();
    let ends = || Ok(("10.0.1.1:40000".parse().unwrap(), "10.0.0.1:80".parse().unwrap()));
    let _connection = own.open(milliseconds(0), ends).unwrap();
    let mut bench = isolated(Bench::excluding(&own));
    let loopback = Hook::named(0, 9, Direction::Ingress, "lo");
    let loopback = bench.hooks.register(Hook { role: Role::Loopback, ..loopback });
    bench.regroup(5);
    bench.drain(100, &[A, 0, loopback.0].map(|hook| seen(tcp(1)).hook(hook).at(10).flags(SYN)));
    assert_eq!(told(&bench.finish(200)), (vec![("a0 ingress".to_owned(), 1)], 1));
    // What connection tracking says, too, is of the network that was asked.
    let mut bench = isolated(Bench::new());
    bench.drain(100, &[seen(tcp(1)).hook(A).at(10), seen(tcp(1)).hook(0).at(10)]);
    bench.table.set_opener(NetworkId::NODE, &tcp(1).reverse().unwrap());
    for record in bench.finish(200) {
        let is_told = record.flow().evidence == crate::flow::Evidence::Conntrack;
        assert_eq!(is_told, record.flow().hook.starts_with("eth0"), "{record:?}");
    }
}
