//! Which hook's packets a record carries.

use crate::flow::{Counts, Direction, Hook, HookId, Mac, Observation, Role, Vlan};
use crate::table::Config;
use crate::table::tests::support::*;

fn counts(packets: u64) -> Counts {
    Counts { packets, bytes: 100 * packets }
}

fn path(bench: &Bench, hook: usize) -> Counts {
    bench.ledger.snapshot()[hook].1.path
}

#[test]
fn the_hook_with_the_earliest_packet_accounts() {
    let mut bench = Bench::new();
    bench.drain(
        100,
        &[
            seen(udp(1)).hook(0).at(12).packets(5),
            seen(udp(1)).hook(2).at(11).packets(6),
            seen(udp(1)).hook(0).at(14).packets(1),
        ],
    );
    let records = bench.finish(200);
    assert_eq!(records[0].packets, (6, 0));
    assert_eq!(records[0].accounted, [(HookId(2), counts(6))]);
    assert_eq!(records[0].flow().hook, "veth0 ingress");
    assert_eq!(path(&bench, 0), counts(6));
}

#[test]
fn of_two_hooks_with_the_same_first_packet_the_lesser_accounts() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1)).hook(2).at(11), seen(udp(1)).hook(0).at(11).packets(4)]);
    assert_eq!(bench.finish(200)[0].accounted, [(HookId(0), counts(4))]);
}

#[test]
fn the_role_decides_before_the_time_and_an_ingress_before_an_egress() {
    for (roles, hook) in [
        ([Role::Uplink, Role::PodPort], 3),
        ([Role::PodPort, Role::Uplink], 1),
        ([Role::Management, Role::PodPort], 3),
        ([Role::Member, Role::Uplink], 3),
        ([Role::Upper, Role::Uplink], 3),
        ([Role::Uplink, Role::Bridge], 1),
    ] {
        let mut bench = Bench::new().with_roles(roles);
        let [first, second] = [1, 3].map(|hook| seen(udp(1)).hook(hook));
        bench.drain(100, &[first.at(11), second.at(11 + u64::from(hook))]);
        assert_eq!(bench.finish(200)[0].accounted, [(HookId(hook), counts(1))], "{roles:?}");
    }
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1)).hook(3).at(11), seen(udp(1)).hook(0).at(12)]);
    assert_eq!(bench.finish(200)[0].accounted, [(HookId(0), counts(1))]);
}

#[test]
fn uplinks_share_the_packets_of_a_direction() {
    let mut bench = Bench::with(&short_interval()).with_roles([Role::Uplink, Role::Uplink]);
    bench.drain(100, &[seen(udp(1)).hook(0).at(10).packets(5)]);
    bench.drain(1_200, &[]);
    bench.drain(
        1_500,
        &[seen(udp(1)).hook(2).at(1_400).packets(7), seen(udp(1)).hook(3).at(1_400).packets(7)],
    );
    bench.finish(3_000);
    assert_eq!(bench.records[0].accounted, [(HookId(0), counts(5))]);
    assert_eq!(bench.records[1].accounted, [(HookId(2), counts(7))]);
    assert_eq!((bench.records.len(), path(&bench, 3)), (2, counts(7)));
}

#[test]
fn the_next_hook_takes_over_from_one_that_left() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(udp(1)).hook(0).at(10).packets(5), seen(udp(1)).hook(3).at(11).packets(5)]);
    bench.drain(1_200, &[]);
    bench.hooks.leave(0, 1, Direction::Ingress);
    // Both saw two packets before the one was detached, and the other six more.
    bench.drain(
        1_500,
        &[seen(udp(1)).hook(0).at(1_400).packets(2), seen(udp(1)).hook(3).at(1_400).packets(8)],
    );
    bench.drain(3_000, &[]);
    bench.drain(
        3_500,
        &[seen(udp(1)).hook(3).at(3_400).packets(9), seen(udp(1)).hook(2).at(3_400).packets(9)],
    );
    bench.finish(5_000);
    let accounted: Vec<_> = bench.records.iter().map(|record| record.accounted.clone()).collect();
    assert_eq!(
        accounted,
        [
            vec![(HookId(0), counts(5))],
            vec![(HookId(0), counts(2)), (HookId(3), counts(6))],
            vec![(HookId(3), counts(9))],
        ]
    );
    assert_eq!((path(&bench, 3), path(&bench, 2)), (counts(7), counts(9)));
}

#[test]
fn what_crosses_several_hooks_has_a_path() {
    let mut bench = Bench::new();
    bench.drain(
        100,
        &[
            seen(udp(1)).hook(3).at(11),
            seen(udp(1)).hook(0).at(10),
            seen(udp(1)).back().hook(2).at(20).packets(2),
            seen(udp(1)).back().hook(1).at(21).packets(2),
            seen(udp(2)).hook(0).at(10),
            seen(udp(2)).back().hook(1).at(12),
        ],
    );
    let records = bench.finish(200);
    let hop = |hook: &str, is_reverse, packets| (hook.to_owned(), is_reverse, packets);
    assert_eq!(
        records[0].flow().path,
        [
            hop("eth0 ingress", false, 1),
            hop("veth0 egress", false, 1),
            hop("veth0 ingress", true, 2),
            hop("eth0 egress", true, 2),
        ]
    );
    assert_eq!(records[0].flow().offsets, [0, 1_000_000, 10_000_000, 11_000_000]);
    assert!(records[1].flow().path.is_empty(), "one hook for each direction: {:?}", records[1]);
}

/// Times of later records count from the flow's start, too, and so do those of a hop that was not there before.
#[test]
fn each_hop_says_when_it_saw_the_first_packet_of_the_interval() {
    let mut bench = Bench::new();
    bench.drain(1_000, &[seen(udp(1)).hook(0).at(10), seen(udp(1)).hook(3).at(12)]);
    bench.quiet(1_000, 11_500);
    bench.drain(
        12_500,
        &[
            seen(udp(1)).hook(0).at(12_000),
            seen(udp(1)).hook(3).at(12_005),
            seen(udp(1)).back().hook(2).at(12_020),
        ],
    );
    bench.finish(13_000);
    let records = &bench.records;
    let offsets: Vec<_> = records.iter().map(|record| record.flow().offsets.clone()).collect();
    let milliseconds = |all: &[i64]| all.iter().map(|ms| ms * 1_000_000).collect::<Vec<_>>();
    let expected = [milliseconds(&[0, 2]), milliseconds(&[11_990, 11_995, 12_010])];
    assert_eq!(offsets, expected, "{records:?}");
}

#[test]
fn the_path_can_be_left_out() {
    let mut bench = Bench::with(&Config { with_path: false, ..Config::default() });
    bench.drain(100, &[seen(udp(1)).hook(0).at(10), seen(udp(1)).hook(3).at(11)]);
    let records = bench.finish(200);
    assert!(records[0].flow().path.is_empty());
    assert_eq!((records[0].packets.0, path(&bench, 3)), (1, counts(1)));
}

#[test]
fn each_direction_has_its_own_hook() {
    let mut bench = Bench::new();
    bench.drain(
        100,
        &[
            seen(udp(1)).hook(0).at(10),
            seen(udp(1)).hook(3).at(11),
            seen(udp(1)).back().hook(2).at(20).packets(2),
            seen(udp(1)).back().hook(1).at(21).packets(2),
        ],
    );
    let records = bench.finish(200);
    assert_eq!(records[0].packets, (1, 2));
    assert_eq!((path(&bench, 3), path(&bench, 1)), (counts(1), counts(2)));
}

#[test]
fn the_choice_holds_for_the_flows_life() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(udp(1)).hook(1).at(10)]);
    bench.drain(1_200, &[]);
    bench.drain(
        1_500,
        &[seen(udp(1)).hook(0).at(1_400).packets(9), seen(udp(1)).hook(1).at(1_450).packets(2)],
    );
    bench.finish(3_000);
    let packets: Vec<_> = bench.records.iter().map(|record| record.packets.0).collect();
    assert_eq!(packets, [1, 2]);
    assert_eq!(path(&bench, 0), counts(9));
}

/// As a port, a tunnel or a VLAN that is made anew; also more than once, and in a flow's first interval.
#[test]
fn a_hook_in_the_place_of_one_that_left_counts_all_that_it_saw() {
    for is_first in [false, true] {
        let mut bench = Bench::with(&short_interval());
        if !is_first {
            bench.drain(100, &[seen(udp(1)).hook(0).at(10)]);
            bench.drain(1_200, &[]);
        }
        let mut observations = vec![seen(udp(1)).hook(3).at(1_310).packets(35)];
        for (ifindex, moment, packets) in [(1, 1_300, 20), (11, 1_400, 10), (12, 1_500, 5)] {
            let hook = bench.hooks.register(Hook::named(0, ifindex, Direction::Ingress, "port"));
            bench.hooks.attach(0, ifindex, Direction::Ingress, milliseconds(moment));
            observations.push(seen(udp(1)).hook(hook.0).at(moment + 1).packets(packets));
            if ifindex != 12 {
                bench.hooks.leave(0, ifindex, Direction::Ingress);
            }
        }
        bench.drain(1_700, &observations);
        bench.finish(4_000);
        let packets: u64 = bench.records.iter().map(|record| record.packets.0).sum();
        assert_eq!(packets, if is_first { 35 } else { 36 });
        assert_eq!(path(&bench, 3), counts(35), "the other hook saw the same");
    }
}

/// As an interface that is moved to another namespace and back: the reading knows nothing but that it is hooked.
#[test]
fn what_others_saw_while_the_hook_was_away_counts() {
    let mut bench = Bench::with(&short_interval());
    let both = |moment, packets| [0, 3].map(|hook| seen(udp(1)).hook(hook).at(moment).packets(packets));
    bench.drain(100, &both(10, 1));
    bench.drain(1_200, &[]);
    bench.hooks.leave(0, 1, Direction::Ingress);
    bench.hooks.register(Hook::named(0, 1, Direction::Ingress, "eth0"));
    bench.hooks.attach(0, 1, Direction::Ingress, milliseconds(1_500));
    bench.drain(
        2_500,
        &[seen(udp(1)).hook(3).at(1_400).packets(6), seen(udp(1)).hook(0).at(1_600).packets(2)],
    );
    bench.drain(3_700, &both(2_600, 5));
    bench.finish(4_000);
    let packets: Vec<_> = bench.records.iter().map(|record| record.packets.0).collect();
    assert_eq!(packets, [1, 6, 5]);
    assert_eq!((path(&bench, 0), path(&bench, 3)), (counts(5), counts(3)));
}

#[test]
fn packets_seen_elsewhere_only_give_no_record() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(udp(1)).hook(1).at(10)]);
    bench.drain(1_500, &[]);
    bench.drain(3_000, &[seen(udp(1)).hook(0).at(2_900).packets(9)]);
    assert_eq!(bench.finish(9_000), []);
    assert_eq!((bench.records.len(), path(&bench, 0)), (1, counts(9)));
}

#[test]
fn a_direction_that_is_seen_later_has_its_hook_fixed_then() {
    let mut bench = Bench::with(&short_interval());
    bench.drain(100, &[seen(udp(1)).hook(1).at(10)]);
    bench.drain(1_200, &[]);
    bench.drain(1_500, &[seen(udp(1)).back().hook(2).at(1_400), seen(udp(1)).back().hook(0).at(1_300)]);
    let records = bench.finish(3_000);
    let last = bench.records.last().unwrap();
    assert_eq!((records.len(), last.packets), (1, (0, 1)));
    assert_eq!(last.accounted, [(HookId(0), counts(1))]);
    assert_eq!(last.flow().hook, "eth0 egress", "the hook shown is still the first record's");
}

#[test]
fn what_a_record_said_of_hook_mac_and_vlan_stays() {
    let mut bench = Bench::with(&short_interval());
    let frame = |moment, mac, vlan| Observation {
        macs: Some((Mac([mac; 6]), Mac([9; 6]))),
        vlan: Vlan { outer: vlan, inner: None },
        ..seen(udp(1)).at(moment)
    };
    bench.drain(100, &[frame(20, 2, None).hook(1), frame(10, 1, Some(5))]);
    bench.drain(1_200, &[]);
    bench.drain(1_500, &[frame(1_400, 3, None), frame(1_300, 7, Some(8)).back()]);
    bench.finish(3_000);
    assert_eq!(bench.records.len(), 2);
    for record in &bench.records {
        let flow = record.flow();
        assert_eq!(flow.macs.0, Some(Mac([1; 6])));
        assert_eq!(flow.vlan.outer, Some(5));
        assert_eq!((flow.hook.as_str(), flow.hook_is_reverse), ("eth0 ingress", false));
    }
    assert_eq!(bench.records[1].flow().macs.1, Some(Mac([7; 6])));
}

#[test]
fn a_hook_that_counts_both_directions_is_named_once() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(udp(1)).at(10).packets(2), seen(udp(1)).back().at(11).packets(3)]);
    assert_eq!(bench.finish(200)[0].accounted, [(HookId(0), counts(5))]);
}

#[test]
fn more_hooks_than_fit_inline_are_all_accounted_for() {
    let mut bench = Bench::new();
    let observations: Vec<_> = (0..4)
        .flat_map(|hook| {
            let one = seen(udp(1)).hook(hook).at(10 + u64::from(hook));
            [one, one.back()]
        })
        .collect();
    bench.drain(100, &observations);
    assert_eq!(bench.finish(200)[0].packets, (1, 1));
    assert_eq!((1..4).map(|hook| path(&bench, hook).packets).sum::<u64>(), 6);
}
