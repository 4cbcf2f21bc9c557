//! What was lost between two hooks: known when the flow is silent, and only where each hook had to see each packet.

use std::time::Duration;

use super::support::{Bench, Build, FIN, INTERVAL, Seen, milliseconds, seen, tcp, udp};
use crate::flow::{Counts, Direction, EndReason, HookId, Observation, OtherReason, Role, Unattributed};
use crate::table::Config;

/// A router: packets come in at hook 0 and go out at hook 3. Both count since the begin of time.
fn router() -> Bench {
    attached(Bench::new(), 0)
}

fn attached(mut bench: Bench, moment: u64) -> Bench {
    for (ifindex, direction) in
        [1, 2].into_iter().flat_map(|ifindex| [(ifindex, Direction::Ingress), (ifindex, Direction::Egress)])
    {
        bench.hooks.attach(0, ifindex, direction, milliseconds(moment));
    }
    bench
}

/// So many packets of a client at both hooks.
fn crossing(moment: u64, before: u64, behind: u64) -> [Observation; 2] {
    [seen(udp(1)).hook(0).at(moment).packets(before), seen(udp(1)).hook(3).at(moment + 1).packets(behind)]
}

fn lost(record: &Seen) -> Vec<Option<u64>> {
    record.flow().lost.clone()
}

/// What is told of this reading, after another one that brings nothing.
fn told(bench: &mut Bench, observations: &[Observation]) -> Vec<Option<u64>> {
    assert_eq!(bench.drain(100, observations), []);
    let records = bench.quiet(1_000, 2 * INTERVAL);
    lost(records.iter().find(|record| record.flow.is_some()).unwrap())
}

#[test]
fn what_a_silent_flow_lost_is_the_difference() {
    assert_eq!(told(&mut router(), &crossing(10, 10, 8)), [Some(0), Some(2)]);
    assert_eq!(told(&mut router(), &crossing(10, 10, 10)), [Some(0), Some(0)]);
}

#[test]
fn each_direction_has_its_own_losses() {
    let back = [seen(udp(1)).back().hook(2).at(20).packets(5), seen(udp(1)).back().hook(1).at(21).packets(2)];
    let observations = [&crossing(10, 10, 9)[..], &back].concat();
    assert_eq!(told(&mut router(), &observations), [Some(0), Some(1), Some(0), Some(3)]);
}

#[test]
fn packets_on_their_way_are_not_lost() {
    let mut bench =
        attached(Bench::with(&Config { tcp_idle_timeout: Duration::from_secs(25), ..Config::default() }), 0);
    let of = |moment, before, behind| {
        [seen(tcp(1)).hook(0).at(moment).packets(before), seen(tcp(1)).hook(3).at(moment + 1).packets(behind)]
    };
    bench.drain(100, &of(10, 10, 10));
    let records = bench.drain(INTERVAL, &of(INTERVAL - 10, 5, 3));
    assert_eq!(lost(&records[0]), [None, None], "two may still come");
    assert!(bench.table.names(HookId(3)));
    // One does, and nothing else.
    bench.drain(INTERVAL + 100, &[seen(tcp(1)).hook(3).at(INTERVAL + 1)]);
    let records = bench.quiet(INTERVAL + 1_000, 4 * INTERVAL);
    let [.., end] = &records[..] else { panic!("no end") };
    assert_eq!(end.end_reason, EndReason::IdleTimeout);
    assert_eq!(lost(end), [Some(0), Some(1)], "of the whole stretch");
    assert!(!bench.table.names(HookId(0)) && !bench.table.names(HookId(3)));
}

#[test]
fn a_connection_that_is_over_says_what_it_lost() {
    let mut bench = router();
    let fins = [
        seen(tcp(1)).hook(0).at(10).flags(FIN).packets(7),
        seen(tcp(1)).hook(3).at(11).flags(FIN).packets(6),
        seen(tcp(1)).back().hook(2).at(12).flags(FIN).packets(4),
        seen(tcp(1)).back().hook(1).at(13).flags(FIN).packets(4),
    ];
    assert_eq!(bench.drain(100, &fins), []);
    let records = bench.drain(1_000, &[]);
    assert_eq!(records[0].end_reason, EndReason::EndOfFlow);
    assert_eq!(lost(&records[0]), [Some(0), Some(1), Some(0), Some(0)]);
}

#[test]
fn a_hook_that_comes_late_is_compared_after_the_next_silence() {
    let mut bench = router();
    let first = [seen(udp(1)).hook(0).at(INTERVAL - 20).packets(10)];
    bench.drain(10, &[seen(udp(1)).hook(0).at(5)]);
    assert_eq!(bench.drain(INTERVAL, &first).len(), 1);
    let later = INTERVAL + 100;
    bench.drain(later + 10, &crossing(later, 5, 2));
    let records = bench.quiet(later + 1_000, later + 11_000);
    assert_eq!(lost(&records[0]), [None, None]);
    let again = later + 11_500;
    bench.drain(again + 10, &crossing(again, 7, 5));
    let records = bench.quiet(again + 1_000, again + 11_000);
    assert_eq!(lost(&records[0]), [Some(0), Some(2)]);
}

#[test]
fn a_hook_that_was_attached_later_did_not_see_all() {
    let mut bench = attached(Bench::new(), 11);
    assert_eq!(told(&mut bench, &crossing(10, 10, 8)), [None, None]);
    assert_eq!(told(&mut Bench::new(), &crossing(10, 10, 8)), [None, None], "never said to count");
}

#[test]
fn a_hook_that_left_did_not_see_all() {
    let mut bench = router();
    bench.hooks.leave(0, 2, Direction::Egress);
    assert_eq!(told(&mut bench, &crossing(10, 10, 8)), [None, None]);
}

#[test]
fn fragments_are_not_compared() {
    let [before, behind] = crossing(10, 10, 8);
    let cut = Observation { is_fragmented: true, ..behind };
    assert_eq!(told(&mut router(), &[before, cut]), [None, None]);
}

#[test]
fn more_packets_behind_than_before_are_no_loss() {
    assert_eq!(told(&mut router(), &crossing(10, 8, 10)), [None, None]);
}

#[test]
fn hooks_beside_each_other_share_packets_and_layers_do_not() {
    let out = |hook, packets| seen(udp(1)).hook(hook).at(10 + u64::from(hook)).packets(packets);
    let observations = [out(0, 10), out(1, 4), out(3, 4)];
    assert_eq!(told(&mut router(), &observations), [None, None, None]);
    let layers = attached(Bench::new().with_roles([Role::Bridge, Role::PodPort]), 0);
    assert_eq!(told(&mut { layers }, &observations), [Some(0), Some(6), Some(0)]);
    let twins = attached(Bench::new().with_roles([Role::Upper, Role::Upper]), 0);
    assert_eq!(told(&mut { twins }, &observations), [None, None, None]);
}

#[test]
fn what_the_kernel_had_no_room_for_may_be_any_flows() {
    let overflow = |hook| Unattributed {
        hook,
        reason: OtherReason::Overflow,
        counts: Counts { packets: 1, bytes: 100 },
    };
    let mut bench = router();
    bench.unattributed(5, &overflow(None));
    assert_eq!(told(&mut bench, &crossing(10, 10, 8)), [Some(0), Some(2)], "before the flow");
    let mut bench = router();
    bench.drain(90, &crossing(10, 10, 8));
    bench.unattributed(100, &overflow(Some(HookId(1))));
    let records = bench.quiet(1_000, 2 * INTERVAL);
    let of_flow = records.iter().find(|record| record.flow.is_some()).unwrap();
    assert_eq!(lost(of_flow), [None, None]);
}

#[test]
fn without_a_path_there_are_no_losses() {
    let mut bench = attached(Bench::with(&Config { with_path: false, ..Config::default() }), 0);
    assert_eq!(told(&mut bench, &crossing(10, 10, 8)), []);
}

#[test]
fn a_side_that_begins_later_is_compared() {
    let config = Config { tcp_idle_timeout: Duration::from_secs(25), ..Config::default() };
    let mut bench = attached(Bench::with(&config), 0);
    let there =
        |moment| [seen(tcp(1)).hook(0).at(moment).packets(4), seen(tcp(1)).hook(3).at(moment + 1).packets(4)];
    bench.drain(100, &there(10));
    assert_eq!(bench.drain(INTERVAL, &there(INTERVAL - 10)).len(), 1);
    let back = [
        seen(tcp(1)).back().hook(2).at(INTERVAL + 10).packets(5),
        seen(tcp(1)).back().hook(1).at(INTERVAL + 11).packets(2),
    ];
    bench.drain(INTERVAL + 100, &back);
    let records = bench.quiet(INTERVAL + 1_000, 4 * INTERVAL);
    assert_eq!(lost(&records[0]), [Some(0), Some(0), Some(0), Some(3)]);
    assert_eq!(records[0].packets, (0, 5), "the other side had its packets before");
}
