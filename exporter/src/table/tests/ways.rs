//! Packets that take other ways: each counts once, wherever it was seen.

use std::collections::BTreeMap;

use abi::Direction;
use proptest::prelude::*;

use super::support::*;
use crate::flow::{Counts, Hook, HookId, Observation, Role};

/// A bench with so many hooks more, each an ingress of a namespace of its own, so that packets may cross any of them.
fn bench(hooks: u32) -> Bench {
    let mut bench = Bench::with(&short_interval());
    for scope in 1..=hooks {
        let hook = Hook { role: Role::PodPort, ..Hook::named(scope, 1, Direction::Ingress, "pod") };
        assert_eq!(bench.hooks.register(hook), HookId(3 + scope));
    }
    bench
}

/// Egress hooks of interfaces of one namespace that lead to pods.
fn ports(switches: &[Option<u32>]) -> Bench {
    let mut bench = Bench::with(&short_interval());
    for (ifindex, switch) in (10..).zip(switches) {
        let port = Hook::named(0, ifindex, Direction::Egress, &format!("p{ifindex}"));
        bench.hooks.register(Hook { role: Role::PodPort, switch: *switch, ..port });
    }
    bench
}

const FIRST: u32 = 4;

fn packets(hook: u32, moment: u64, packets: u64) -> Observation {
    seen(udp(1)).hook(hook).at(moment).packets(packets)
}

fn recorded(bench: &Bench) -> u64 {
    bench.records.iter().map(|record| record.packets.0).sum()
}

/// Accounted for by each record: hook and packets.
fn accounted(bench: &Bench) -> Vec<Vec<(u32, u64)>> {
    let records = bench.records.iter();
    records
        .map(|record| record.accounted.iter().map(|(hook, counts)| (hook.0, counts.packets)).collect())
        .collect()
}

#[test]
fn packets_that_leave_by_another_port_count_there() {
    let mut bench = ports(&[None, None]);
    bench.drain(1_100, &[packets(4, 900, 20)]);
    bench.drain(2_200, &[packets(4, 1_900, 10), packets(5, 1_950, 20)]);
    bench.drain(3_300, &[packets(5, 2_900, 30)]);
    bench.finish(4_400);
    assert_eq!(accounted(&bench), [vec![(4, 20)], vec![(4, 10), (5, 20)], vec![(5, 30)]]);
}

#[test]
fn ports_of_one_switch_may_have_copies() {
    for (switches, packets_counted) in
        [([Some(7), Some(7)], 30), ([Some(7), Some(8)], 50), ([Some(7), None], 50)]
    {
        let mut bench = ports(&switches);
        bench.drain(1_100, &[packets(4, 1_000, 20), packets(5, 1_001, 30)]);
        bench.finish(2_200);
        assert_eq!(recorded(&bench), packets_counted, "{switches:?}");
    }
}

#[test]
fn what_a_namespace_passes_on_may_pass_two_of_its_ports() {
    let mut bench = ports(&[None, None]);
    let uplink =
        bench.hooks.register(Hook { role: Role::Uplink, ..Hook::named(0, 20, Direction::Ingress, "card") });
    let [uplink, first, second] = [uplink.0, 4, 5].map(|hook| packets(hook, 1_000, 20));
    bench.drain(1_100, &[uplink, first, second]);
    bench.drain(2_200, &[first.at(2_000), second.at(2_000)]);
    bench.finish(3_300);
    assert_eq!(recorded(&bench), 40);
}

#[test]
fn copies_for_many_count_once() {
    let group = crate::flow::Mac([0xff; 6]);
    let copy = |hook| {
        let one = packets(hook, 1_000, 20);
        Observation { macs: one.macs.map(|(source, _)| (source, group)), ..one }
    };
    let mut bench = ports(&[None, None]);
    bench.drain(1_100, &[copy(4), copy(5)]);
    bench.finish(2_200);
    assert_eq!(recorded(&bench), 20);
}

#[test]
fn packets_seen_elsewhere_only_count_there() {
    let mut bench = bench(2);
    bench.drain(1_100, &[packets(4, 1_000, 5)]);
    bench.drain(2_200, &[]);
    bench.drain(3_300, &[packets(5, 2_900, 9)]);
    bench.drain(4_400, &[]);
    bench.drain(5_500, &[packets(5, 4_900, 3), packets(4, 4_900, 3)]);
    bench.finish(9_000);
    assert_eq!(accounted(&bench), [vec![(4, 5)], vec![(5, 9)], vec![(4, 3)]]);
}

#[test]
fn packets_under_way_between_two_readings_count_once() {
    // Before the accounting hook, and behind it.
    for order in [[5, 4], [4, 5]] {
        let mut bench = bench(2);
        bench.drain(1_100, &[packets(4, 900, 5), packets(5, 900, 5)]);
        for reading in 1..10 {
            let moment = 1_100 * (reading + 1);
            let under_way = if reading == 1 { 0 } else { 2 };
            let now = [(order[0], 7), (order[1], 5 + under_way)];
            bench.drain(moment, &now.map(|(hook, count)| packets(hook, moment - 9, count)));
        }
        bench.drain(12_100, &[packets(order[1], 12_001, 2)]);
        bench.finish(20_000);
        let by_hook = bench.records.iter().flat_map(|record| &record.accounted);
        assert!(by_hook.clone().all(|(hook, _)| *hook == HookId(4)), "{:?}", accounted(&bench));
        assert_eq!(recorded(&bench), 5 + 9 * 7, "{order:?}");
    }
}

#[test]
fn what_comes_late_to_the_accounting_hook_counts_once() {
    let mut bench = bench(2);
    bench.drain(1_100, &[packets(4, 900, 5), packets(5, 900, 5)]);
    // All of a reading are under way to the accounting hook.
    bench.drain(2_200, &[packets(5, 1_990, 6)]);
    bench.drain(3_300, &[packets(4, 2_010, 6)]);
    bench.finish(9_000);
    assert_eq!(accounted(&bench), [vec![(4, 5)], vec![(5, 6)]]);
}

#[test]
fn a_hook_that_always_saw_more_counts_what_others_did_not() {
    let mut bench = bench(2);
    for reading in 1..=4 {
        let moment = reading * 1_000 - 100;
        bench.drain(reading * 1_100, &[packets(4, moment, 10), packets(5, moment + 20, 13)]);
    }
    bench.finish(9_000);
    // As long as the accounting hook has packets, some of its next ones may be those.
    let each = || vec![(4, 10)];
    assert_eq!(accounted(&bench), [each(), each(), each(), each(), vec![(5, 4 * 3)]]);
}

#[test]
fn fragments_do_not_compare() {
    let mut bench = bench(2);
    let cut = |one: Observation| Observation { is_fragmented: true, ..one };
    bench.drain(1_100, &[packets(4, 900, 10), cut(packets(5, 900, 20))]);
    bench.drain(2_200, &[]);
    bench.drain(3_300, &[cut(packets(5, 2_900, 20))]);
    bench.finish(9_000);
    assert_eq!(accounted(&bench), [vec![(4, 10)], vec![(5, 20)]]);
}

#[test]
fn what_passes_an_interface_twice_does_not_compare() {
    let mut bench = bench(1);
    let mut card = |direction| {
        let hook = Hook { role: Role::Uplink, ..Hook::named(0, 20, direction, "card") };
        bench.hooks.register(hook).0
    };
    let (comes, goes) = (card(Direction::Ingress), card(Direction::Egress));
    bench.drain(1_100, &[packets(4, 900, 10), packets(comes, 800, 20), packets(goes, 850, 10)]);
    bench.finish(9_000);
    assert_eq!(recorded(&bench), 10);
}

#[test]
fn bytes_of_what_counts_elsewhere_are_its_own() {
    let mut bench = bench(2);
    let long = Observation { counts: Counts { packets: 10, bytes: 1_234 }, ..packets(5, 1_100, 10) };
    bench.drain(1_100, &[packets(4, 1_100, 7), long]);
    bench.drain(2_200, &[]);
    let record = &bench.records[0];
    assert_eq!((record.packets, record.bytes), ((10, 0), (700 + 1_234 * 3 / 10, 0)));
}

/// What is sent between two readings: along one way, some packets of it under way at the second one, between the hook of this number on the
/// way and the next.
#[derive(Clone, Debug)]
struct Sent {
    way: Vec<u32>,
    packets: u64,
    under_way: u64,
    after: usize,
    /// Milliseconds until the second reading.
    until: u64,
}

const HOOKS: u32 = 4;

fn way() -> impl Strategy<Value = Vec<u32>> {
    prop::sample::subsequence((FIRST..FIRST + HOOKS).collect::<Vec<_>>(), 1..=HOOKS as usize).prop_shuffle()
}

fn sent(way: impl Strategy<Value = Vec<u32>>) -> impl Strategy<Value = Sent> {
    (way, 0..30_u64, 0..30_u64, 0..HOOKS as usize, 1_050..2_500_u64).prop_map(
        |(way, packets, under_way, after, until)| Sent {
            under_way: under_way.min(packets),
            after: after % way.len(),
            way,
            packets,
            until,
        },
    )
}

/// Has a bench read what is sent. Gives the packets sent and those in records.
fn run(mut bench: Bench, all: &[Sent]) -> (u64, u64, Bench) {
    let (mut now, mut late, mut total) = (0, Vec::new(), 0);
    let last = Sent { way: vec![FIRST], packets: 0, under_way: 0, after: 0, until: 1_100 };
    for Sent { way, packets: count, under_way, after, until } in all.iter().chain([&last]) {
        let mut seen = BTreeMap::<u32, (u64, u64)>::new();
        for (hook, count) in std::mem::take(&mut late) {
            seen.entry(hook).or_insert((now + 1, 0)).1 += count;
        }
        for (place, hook) in way.iter().enumerate() {
            let in_time = if place <= *after { *count } else { count - under_way };
            late.extend((in_time < *count).then_some((*hook, *under_way)));
            let entry = seen.entry(*hook).or_insert((now + 10 + place as u64, 0));
            entry.1 += in_time;
        }
        total += count;
        now += until;
        let seen: Vec<_> = seen
            .into_iter()
            .filter(|(_, (_, count))| *count > 0)
            .map(|(hook, (moment, count))| packets(hook, moment, count).until(now - 5))
            .collect();
        bench.drain(now, &seen);
    }
    bench.finish(now + 1_000);
    (total, recorded(&bench), bench)
}

/// Nothing, for so long that nothing is under way.
fn silence() -> [Sent; 2] {
    let nothing = Sent { way: vec![FIRST], packets: 0, under_way: 0, after: 0, until: 1_100 };
    [nothing.clone(), nothing]
}

proptest! {
    #[test]
    fn no_packet_counts_twice(all in prop::collection::vec(sent(way()), 1..20)) {
        let (sent, recorded, bench) = run(bench(HOOKS), &all);
        prop_assert!(recorded <= sent, "{recorded} of {sent}: {:?}", accounted(&bench));
    }

    #[test]
    fn what_one_hook_sees_all_of_counts_whatever_ways_it_takes(all in prop::collection::vec(sent(way()), 1..20), place in 0..4_usize) {
        let all: Vec<_> = all
            .into_iter()
            .map(|mut sent| {
                if !sent.way.contains(&(FIRST + 1)) {
                    sent.way.insert(place.min(sent.way.len()), FIRST + 1);
                }
                sent
            })
            .collect();
        let (sent, recorded, bench) = run(bench(HOOKS), &all);
        prop_assert_eq!(recorded, sent, "{:?}", accounted(&bench));
    }

    #[test]
    fn another_way_after_a_silence_loses_nothing(
        stretches in prop::collection::vec(way().prop_flat_map(|way| prop::collection::vec(sent(Just(way)), 1..5)), 1..8),
    ) {
        let all: Vec<_> = stretches.into_iter().flat_map(|stretch| stretch.into_iter().chain(silence())).collect();
        let (sent, recorded, bench) = run(bench(HOOKS), &all);
        prop_assert_eq!(recorded, sent, "{:?}", accounted(&bench));
    }

    #[test]
    fn what_leaves_by_one_port_or_another_counts_at_any_time(
        all in prop::collection::vec(sent(prop::sample::select(vec![4_u32, 5, 6, 7]).prop_map(|port| vec![port])), 1..20),
    ) {
        let (sent, recorded, bench) = run(ports(&[None; 4]), &all);
        prop_assert_eq!(recorded, sent, "{:?}", accounted(&bench));
    }
}
