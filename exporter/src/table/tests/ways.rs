//! Packets of a flow that take other ways: none counts twice, and those of hooks that surely share them all count.

use std::time::Duration;

use abi::Direction;

use super::support::*;
use crate::flow::{Exits, Hook, HookId, Mac, Observation, OtherReason, Role, Unattributed};
use crate::table::Config;

/// The first of two hooks of each interface that is added: it sees what comes in. The second one sees what goes out.
pub(super) const FIRST: u32 = 4;

/// A bench with interfaces of this role and these switches more, that sees all of the agent's namespace. No packet is held up for longer
/// than a flow lives.
pub(super) fn with_ports(role: Role, switches: &[Option<u32>]) -> Bench {
    let config = Config { idle_timeout: Duration::from_hours(1), ..short_interval() };
    with_ports_of(&config, role, switches)
}

fn with_ports_of(config: &Config, role: Role, switches: &[Option<u32>]) -> Bench {
    let mut bench = Bench::with(config);
    for (ifindex, switch) in (10..).zip(switches) {
        for direction in [Direction::Ingress, Direction::Egress] {
            let port = Hook::named(0, ifindex, direction, &format!("p{ifindex}"));
            bench.hooks.register(Hook { role, switch: *switch, ..port });
        }
    }
    bench.hooks.set_whole(0, Some(milliseconds(0)));
    bench
}

pub(super) fn comes(port: u32) -> u32 {
    FIRST + 2 * port
}

pub(super) fn goes(port: u32) -> u32 {
    comes(port) + 1
}

/// Packets of the client, in frames with addresses of the hook's own.
pub(super) fn packets(hook: u32, moment: u64, packets: u64) -> Observation {
    let mac = |end| Mac([2, 0, 0, 0, end, u8::try_from(hook).unwrap()]);
    Observation { macs: Some((mac(1), mac(2))), ..seen(udp(1)).hook(hook).at(moment).packets(packets) }
}

/// Accounted for by each record: hook and packets.
pub(super) fn accounted(bench: &Bench) -> Vec<Vec<(u32, u64)>> {
    let records = bench.records.iter();
    records
        .map(|record| record.accounted.iter().map(|(hook, counts)| (hook.0, counts.packets)).collect())
        .collect()
}

/// What each drain brings, a second apart, is in records as it says.
fn assert_accounted(mut bench: Bench, drains: &[&[Observation]], expected: &[&[(u32, u64)]]) {
    let mut moment = 0;
    for drain in drains {
        let shifted = drain.iter().map(|one| {
            let (first, last) = (one.first.0 + milliseconds(moment).0, one.last.0 + milliseconds(moment).0);
            Observation {
                first: crate::clock::MonotonicTime(first),
                last: crate::clock::MonotonicTime(last),
                ..*one
            }
        });
        let shifted: Vec<_> = shifted.collect();
        moment += 1_100;
        bench.drain(moment, &shifted);
    }
    bench.finish(moment + 1_000);
    assert_eq!(accounted(&bench), expected);
    assert!(bench.hooks.iter().all(|(hook, _)| !bench.table.names(hook)), "all can be forgotten");
}

const A: u32 = 5;
const B: u32 = 7;

#[test]
fn what_a_namespace_sends_by_another_port_counts_there() {
    let drains: [&[Observation]; 4] = [
        &[packets(A, 10, 20)],
        &[packets(A, 10, 10), packets(B, 50, 5)],
        &[packets(B, 10, 30)],
        &[packets(A, 10, 1)],
    ];
    for role in [Role::PodPort, Role::Tunnel, Role::Uplink] {
        let expected: [&[(u32, u64)]; 4] = [&[(A, 20)], &[(A, 10), (B, 5)], &[(B, 30)], &[(A, 1)]];
        assert_accounted(with_ports(role, &[None; 2]), &drains, &expected);
    }
}

#[test]
fn what_comes_in_by_another_port_counts_if_the_namespace_answers_it() {
    let ways: [&[Observation]; 2] = [&[packets(comes(0), 10, 20)], &[packets(comes(1), 10, 5)]];
    let answered = packets(goes(0), 15, 3).back();
    let first = [ways[0], &[answered]].concat();
    let ports = || with_ports(Role::PodPort, &[None; 2]);
    assert_accounted(ports(), &[&first, ways[1]], &[&[(comes(0), 20), (goes(0), 3)], &[(comes(1), 5)]]);
    assert_accounted(ports(), &ways, &[&[(comes(0), 20)]]);
    let forwarded = [ways[0], &[packets(comes(1), 15, 3).back()]].concat();
    assert_accounted(ports(), &[&forwarded, ways[1]], &[&[(comes(0), 20), (comes(1), 3)]]);
}

#[test]
fn interfaces_that_do_not_lead_away_do_not_share() {
    let drains: [&[Observation]; 2] = [&[packets(A, 10, 20)], &[packets(B, 10, 5)]];
    for role in [Role::Bridge, Role::Upper, Role::Host, Role::Management, Role::Pod] {
        assert_accounted(with_ports(role, &[None; 2]), &drains, &[&[(A, 20)]]);
    }
}

#[test]
fn only_where_all_interfaces_are_hooked_it_is_known_that_nothing_comes_back() {
    let drains: [&[Observation]; 2] = [&[packets(A, 10, 20)], &[packets(B, 10, 5)]];
    for (since, is_shared) in [(None, false), (Some(1_109), true), (Some(1_111), false)] {
        for (role, always) in [(Role::PodPort, false), (Role::Uplink, true)] {
            let mut bench = with_ports(role, &[None; 2]);
            bench.hooks.set_whole(0, None);
            bench.hooks.set_whole(0, since.map(milliseconds));
            let both: [&[(u32, u64)]; 2] = [&[(A, 20)], &[(B, 5)]];
            let expected = if is_shared || always { &both[..] } else { &both[..1] };
            assert_accounted(bench, &drains, expected);
        }
    }
}

#[test]
fn ports_of_one_switch_may_have_copies() {
    let drains: [&[Observation]; 2] = [&[packets(A, 10, 20)], &[packets(A, 10, 20), packets(B, 11, 20)]];
    for role in [Role::PodPort, Role::Uplink] {
        let once: [&[(u32, u64)]; 2] = [&[(A, 20)], &[(A, 20)]];
        assert_accounted(with_ports(role, &[Some(7), Some(7)]), &drains, &once);
        let both: [&[(u32, u64)]; 2] = [&[(A, 20)], &[(A, 20), (B, 20)]];
        assert_accounted(with_ports(role, &[Some(7), Some(8)]), &drains, &both);
        assert_accounted(with_ports(role, &[Some(7), None]), &drains, &both);
    }
}

#[test]
fn equal_frames_are_copies() {
    let copy = |hook| Observation { macs: packets(A, 0, 1).macs, ..packets(hook, 11, 20) };
    let drains: [&[Observation]; 3] = [&[packets(A, 10, 20)], &[packets(A, 10, 20), copy(B)], &[copy(B)]];
    for role in [Role::PodPort, Role::Uplink] {
        assert_accounted(with_ports(role, &[None; 2]), &drains, &[&[(A, 20)], &[(A, 20)]]);
    }
    let shared: [&[(u32, u64)]; 3] = [&[(A, 20)], &[(A, 20), (B, 20)], &[(B, 20)]];
    assert_accounted(with_ports(Role::Member, &[None; 2]), &drains, &shared);
}

#[test]
fn what_two_hooks_see_from_the_beginning_may_be_copies() {
    let drains: [&[Observation]; 2] = [&[packets(B, 11, 20), packets(A, 10, 20)], &[packets(B, 10, 5)]];
    let frames = |one: &Observation| Observation { macs: None, ..*one };
    let without_link: Vec<Vec<_>> = drains.iter().map(|drain| drain.iter().map(frames).collect()).collect();
    assert_accounted(with_ports(Role::PodPort, &[None; 2]), &drains, &[&[(A, 20)]]);
    assert_accounted(
        with_ports(Role::Tunnel, &[None; 2]),
        &[&without_link[0], &without_link[1]],
        &[&[(A, 20)]],
    );
    assert_accounted(with_ports(Role::Uplink, &[None; 2]), &drains, &[&[(A, 20), (B, 20)], &[(B, 5)]]);
}

#[test]
fn copies_for_many_count_once() {
    let to_all =
        |one: Observation| Observation { macs: one.macs.map(|(mac, _)| (mac, Mac([0xff; 6]))), ..one };
    let to_group = |one: Observation| Observation {
        tuple: crate::flow::Tuple { destination: "::ffff:239.1.2.3".parse().unwrap(), ..one.tuple },
        macs: None,
        ..one
    };
    for many in [&to_all as &dyn Fn(Observation) -> Observation, &to_group] {
        let drains =
            [vec![many(packets(A, 10, 20))], vec![many(packets(A, 10, 20)), many(packets(B, 11, 20))]];
        for role in [Role::PodPort, Role::Uplink] {
            let once: [&[(u32, u64)]; 2] = [&[(A, 20)], &[(A, 20)]];
            assert_accounted(with_ports(role, &[None; 2]), &[&drains[0], &drains[1]], &once);
        }
    }
}

#[test]
fn hooks_of_other_namespaces_see_the_same_packets() {
    for role in [Role::PodPort, Role::Tunnel, Role::Uplink] {
        let mut bench = with_ports(role, &[None; 2]);
        let other = Hook { role, ..Hook::named(1, 10, Direction::Egress, "there") };
        let there = bench.hooks.register(other).0;
        bench.hooks.set_whole(1, Some(milliseconds(0)));
        let drains: [&[Observation]; 2] =
            [&[packets(A, 10, 20)], &[packets(A, 10, 20), packets(there, 50, 20)]];
        assert_accounted(bench, &drains, &[&[(A, 20)], &[(A, 20)]]);
    }
}

/// A pod's own interface, and the machine's port of it.
#[test]
fn both_ends_of_a_pair_see_the_same_packets() {
    let mut bench = with_ports(Role::PodPort, &[None; 2]);
    let inside = Hook { role: Role::Pod, ..Hook::named(1, 2, Direction::Egress, "eth0") };
    let inside = bench.hooks.register(inside).0;
    let both = [packets(inside, 10, 20), packets(comes(0), 11, 20)];
    assert_accounted(bench, &[&both[..1], &both], &[&[(inside, 20)], &[(inside, 20)]]);
}

/// What is sent goes to a pod and comes back from it, 40 ms later.
#[test]
fn packets_that_come_back_count_once_whichever_hook_was_first() {
    let ports = || with_ports(Role::PodPort, &[None; 3]);
    let (there, back, on) = (goes(0), comes(1), goes(2));
    // They begin with it.
    let way = [packets(there, 10, 9), packets(back, 50, 9), packets(on, 51, 9)];
    assert_accounted(ports(), &[&way[..1], &way, &way[1..]], &[&[(there, 9)], &[(there, 9)]]);
    // They went on without it at first; once it is known, the last hook may have had what the first one counted.
    let drains: [&[Observation]; 4] = [&[packets(on, 10, 20)], &way[..1], &way, &way];
    assert_accounted(ports(), &drains, &[&[(on, 20)], &[(there, 9)]]);
    // It was known before.
    assert_accounted(ports(), &[&way[1..], &way, &way], &[&[(back, 9)], &[(back, 9)], &[(back, 9)]]);
}

#[test]
fn the_way_back_is_known_from_any_hook_of_the_reading() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let way = [packets(goes(0), 10, 9), packets(comes(1), 50, 9), packets(goes(2), 51, 9)];
        let reading = order.map(|at| way[at]);
        let drains: [&[Observation]; 2] = [&[packets(goes(0), 10, 4)], &reading];
        assert_accounted(with_ports(Role::PodPort, &[None; 3]), &drains, &[&[(goes(0), 4)], &[(goes(0), 9)]]);
    }
}

/// Two switches of two pods each, and the second pod is at the other switch too. Each pod has an interface that leads elsewhere.
pub(super) fn two_switches() -> Bench {
    let mut bench = with_ports(Role::PodPort, &[Some(7), Some(7), Some(8), Some(8), Some(8)]);
    let peers = (1..=4).map(|pod| (i32::try_from(pod).unwrap(), Some(pod))).collect();
    bench.hooks.set_exits(0, Exits { is_open: true, peers });
    for (ifindex, pod) in (10..).zip([1, 2, 3, 4, 2]) {
        for direction in [Direction::Ingress, Direction::Egress] {
            let (id, _) = bench
                .hooks
                .iter()
                .find(|(_, hook)| (hook.ifindex, hook.direction) == (ifindex, direction))
                .unwrap();
            let hook = bench.hooks.get(id).clone();
            bench.hooks.register(Hook { leads_to: Some(pod), ..hook });
        }
    }
    for pod in 1..=4 {
        let hook = Hook { role: Role::Pod, ..Hook::named(pod, 5, Direction::Ingress, "net1") };
        assert_eq!(bench.hooks.register(hook), HookId(inside(pod)));
        bench.hooks.set_whole(pod, Some(milliseconds(0)));
    }
    bench
}

/// The hook of a pod's own interface.
pub(super) fn inside(pod: u32) -> u32 {
    comes(5) + pod - 1
}

#[test]
fn equal_conversations_at_two_switches_both_count() {
    let at = |switch: u32, count| {
        [packets(comes(2 * switch), 10, count), packets(goes(2 * switch + 1), 11, count)]
    };
    let both = [at(0, 5), at(1, 9)].concat();
    let (first, second) = (comes(0), comes(2));
    let drains: [&[Observation]; 4] = [&both, &at(1, 3), &at(0, 2), &both];
    let expected: [&[(u32, u64)]; 4] =
        [&[(first, 5), (second, 9)], &[(second, 3)], &[(first, 2)], &[(first, 5), (second, 9)]];
    assert_accounted(two_switches(), &drains, &expected);
    // Not if one of the pods is not known, or not all that enters it is seen.
    for (pod, moment) in [(1, None), (3, None), (3, Some(milliseconds(1_200)))] {
        let mut bench = two_switches();
        bench.hooks.set_whole(pod, None);
        bench.hooks.set_whole(pod, moment);
        assert_accounted(bench, &[&both], &[&[(first, 5)]]);
    }
    let mut bench = two_switches();
    bench.hooks.set_exits(0, Exits { is_open: true, peers: [(1, Some(1)), (3, None)].into() });
    bench.hooks.regroup();
    assert_accounted(bench, &[&both], &[&[(first, 5)]]);
}

/// A pod of the second switch sends what it was given, 40 ms later: by a port of its own, or by any other way.
#[test]
fn what_enters_a_pod_at_another_switch_counts_once() {
    let (first, second) = (comes(0), comes(2));
    let inside = |_: &mut Bench| inside(3);
    let across = |bench: &mut Bench| {
        bench.hooks.register(Hook { role: Role::Uplink, ..Hook::named(0, 40, Direction::Egress, "card") }).0
    };
    let back_in = |_: &mut Bench| goes(2);
    for entered in [&inside as &dyn Fn(&mut Bench) -> u32, &across, &back_in] {
        let mut bench = two_switches();
        let hook = entered(&mut bench);
        let drains: [&[Observation]; 3] = [
            &[packets(first, 10, 5), packets(hook, 11, 5)],
            &[packets(second, 10, 5)],
            &[packets(first, 10, 2)],
        ];
        assert_accounted(bench, &drains, &[&[(first, 5)], &[(first, 2)]]);
    }
    // Its packets were its own until then, and may now come to the first pod.
    let drains: [&[Observation]; 4] = [
        &[packets(first, 10, 5)],
        &[packets(second, 10, 9)],
        &[packets(goes(0), 10, 9)],
        &[packets(first, 10, 9)],
    ];
    assert_accounted(two_switches(), &drains, &[&[(first, 5)], &[(second, 9)]]);
}

/// Of what a flow that must end had in the running reading, not all is known.
#[test]
fn a_flow_that_ends_within_a_reading_counts_what_its_lead_saw() {
    let config = Config { max_flows: 1, ..short_interval() };
    let mut bench = with_ports_of(&config, Role::PodPort, &[None; 3]);
    bench.drain(1_100, &[packets(goes(0), 10, 4)]);
    let other = seen(udp(2)).at(1_200);
    bench.drain(
        2_200,
        &[packets(goes(0), 1_150, 9), packets(goes(2), 1_150, 7), other, packets(comes(1), 1_140, 7)],
    );
    bench.finish(3_000);
    let by_lead =
        accounted(&bench).into_iter().flatten().filter(|(hook, _)| *hook == goes(0) || *hook == goes(2));
    assert_eq!(by_lead.collect::<Vec<_>>(), [(goes(0), 4), (goes(0), 9)]);
}

#[test]
fn what_had_no_room_may_have_come_back() {
    let mut bench = with_ports(Role::PodPort, &[None; 2]);
    bench.drain(1_100, &[packets(A, 10, 20)]);
    let counts = crate::flow::Counts { packets: 1, bytes: 100 };
    bench.unattributed(2_200, &Unattributed { hook: Some(HookId(B)), reason: OtherReason::Overflow, counts });
    bench.drain(3_300, &[packets(A, 2_300, 4), packets(B, 2_310, 5)]);
    bench.drain(4_400, &[packets(B, 3_500, 5)]);
    bench.finish(5_000);
    let flows = accounted(&bench).into_iter().flatten().filter(|counted| *counted != (B, 1));
    assert_eq!(flows.collect::<Vec<_>>(), [(A, 20), (A, 4)]);
}

#[test]
fn of_hooks_that_share_one_follows_another_that_left() {
    let mut bench = with_ports(Role::PodPort, &[None; 2]);
    let uplink =
        bench.hooks.register(Hook { role: Role::Uplink, ..Hook::named(0, 30, Direction::Egress, "card") }).0;
    bench.drain(1_100, &[packets(A, 10, 20), packets(uplink, 11, 20)]);
    bench.hooks.leave(0, 10, Direction::Egress);
    bench.drain(2_200, &[packets(A, 1_110, 2), packets(B, 1_120, 6), packets(uplink, 1_121, 8)]);
    bench.drain(3_300, &[packets(B, 2_210, 5), packets(uplink, 2_211, 5)]);
    bench.hooks.leave(0, 11, Direction::Egress);
    bench.drain(4_400, &[packets(uplink, 3_310, 3)]);
    bench.finish(5_000);
    assert_eq!(accounted(&bench), [vec![(A, 20)], vec![(A, 2), (B, 6)], vec![(B, 5)], vec![(uplink, 3)]]);
}
