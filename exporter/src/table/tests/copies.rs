//! What a switch sends to several of its ports, while it learns where an address is: it counts once, and all of it counts.

use proptest::prelude::*;

use super::support::*;
use super::ways::{accounted, comes, goes, packets, with_ports};
use crate::flow::{Hook, HookId, Mac, Observation, Role};

const SWITCH: Option<u32> = Some(7);
const PORTS: u32 = 3;
/// Where the address is.
const THERE: u32 = 1;

fn ports() -> Bench {
    with_ports(Role::PodPort, &[SWITCH; PORTS as usize])
}

/// Packets in equal frames, as a port of the switch sends them.
fn copy(port: u32, moment: u64, count: u64) -> Observation {
    let macs = Some((Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])));
    Observation { macs, ..packets(goes(port), moment, count) }
}

/// What a port sends, and when, and how many packets.
type Frames = dyn Fn(u32, u64, u64) -> Observation;

fn counted(bench: &Bench) -> u64 {
    bench.records.iter().map(|record| record.packets.0).sum()
}

#[test]
fn the_port_that_has_most_of_the_copies_accounts() {
    let mut bench = ports();
    bench.drain(1_100, &[copy(0, 10, 1), copy(THERE, 11, 9), copy(2, 12, 1)]);
    bench.finish(2_000);
    assert_eq!(accounted(&bench), [[(goes(THERE), 9)]]);
}

/// A record has but the first packet, which all ports had.
#[test]
fn the_port_that_goes_on_alone_takes_over() {
    for role in [Role::PodPort, Role::Uplink, Role::Tunnel] {
        let mut bench = ports();
        let hook = bench.hooks.get(HookId(goes(THERE))).clone();
        bench.hooks.register(Hook { role, ..hook });
        bench.drain(1_100, &[copy(0, 10, 1), copy(THERE, 11, 1), copy(2, 12, 1)]);
        bench.drain(2_200, &[copy(THERE, 1_200, 5)]);
        // The switch forgot, and learnt it again.
        bench.drain(3_300, &[copy(THERE, 2_301, 4), copy(0, 2_300, 2), copy(2, 2_302, 2)]);
        bench.drain(4_400, &[copy(0, 3_400, 2), copy(THERE, 3_401, 2), copy(2, 3_402, 2)]);
        bench.finish(5_000);
        let sums: Vec<u64> =
            accounted(&bench).iter().map(|hooks| hooks.iter().map(|one| one.1).sum()).collect();
        assert_eq!(sums, [1, 5, 4, 2]);
        assert!(bench.hooks.iter().all(|(hook, _)| !bench.table.names(hook)), "all can be forgotten");
    }
}

/// The turn of the generation comes between two copies.
#[test]
fn a_copy_that_is_read_later_counts_not_again() {
    let mut bench = ports();
    bench.drain(1_100, &[copy(0, 10, 1), copy(THERE, 11, 1)]);
    bench.table.turned(milliseconds(2_200));
    bench.drain(2_200, &[copy(0, 2_198, 1)]);
    bench.table.turned(milliseconds(3_300));
    bench.drain(3_300, &[copy(THERE, 2_199, 3)]);
    bench.drain(4_400, &[copy(THERE, 3_310, 5)]);
    bench.finish(5_000);
    assert_eq!(accounted(&bench), [[(goes(0), 1)], [(goes(0), 1)], [(goes(THERE), 5)]]);
}

/// The lead's own packets count, and nothing that may be the same.
#[test]
fn other_frames_and_other_switches_are_no_copies() {
    let other =
        |port, moment, count| Observation { macs: packets(0, 0, 1).macs, ..copy(port, moment, count) };
    let into =
        |port, moment, count| Observation { macs: copy(0, 0, 1).macs, ..packets(comes(port), moment, count) };
    let outside = |switch| with_ports(Role::Host, &[SWITCH, switch]);
    let cases: [(Bench, &Frames); 5] = [
        (ports(), &other),
        (ports(), &into),
        (outside(Some(8)), &copy),
        (outside(None), &copy),
        (with_ports(Role::PodPort, &[Some(0); 2]), &copy),
    ];
    for (mut bench, one) in cases {
        bench.drain(1_100, &[copy(0, 10, 20)]);
        bench.drain(2_200, &[copy(0, 1_150, 1), one(THERE, 1_200, 5)]);
        bench.drain(3_300, &[one(THERE, 2_300, 5)]);
        bench.finish(4_000);
        assert_eq!(accounted(&bench), [[(goes(0), 20)], [(goes(0), 1)]]);
    }
    // Without copies, the address has gone to another port.
    let mut bench = ports();
    bench.drain(1_100, &[copy(0, 10, 20)]);
    bench.drain(2_200, &[copy(THERE, 1_200, 5)]);
    bench.finish(3_000);
    assert_eq!(accounted(&bench), [[(goes(0), 20)]]);
}

/// What happens between two readings.
#[derive(Clone, Debug)]
struct Step {
    /// Packets that the switch knew the port of.
    known: u64,
    /// Packets that it copied.
    copied: u64,
    /// It copies one more while the generation turns: so many ports had it before.
    turning: Option<u32>,
    /// The order of the ports.
    order: Vec<u32>,
    /// Milliseconds.
    until: u64,
    is_early: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0..4_u64,
        0..3_u64,
        prop::option::weighted(0.3, 1..PORTS),
        Just((0..PORTS).collect::<Vec<_>>()).prop_shuffle(),
        prop_oneof![Just(5), Just(1_100), 2..3_000_u64],
        prop::bool::weighted(0.2),
    )
        .prop_map(|(known, copied, turning, order, until, is_early)| Step {
            known,
            copied,
            turning,
            order,
            until,
            is_early,
        })
}

/// Gives how many packets were sent, and how many counted.
fn run(steps: &[Step], roles: &[Role]) -> (u64, u64) {
    let mut bench = ports();
    for (port, role) in (0..).zip(roles) {
        let hook = bench.hooks.get(HookId(goes(port))).clone();
        bench.hooks.register(Hook { role: *role, ..hook });
    }
    let (mut now, mut sent, mut late) = (1, 0, Vec::new());
    for Step { known, copied, turning, order, until, is_early } in steps {
        let mut seen: Vec<Observation> = std::mem::take(&mut late);
        for (at, port) in order.iter().enumerate() {
            let count = copied + if *port == THERE { *known } else { 0 };
            if count > 0 {
                seen.push(copy(*port, now + 1, count));
            }
            if turning.is_some_and(|before| at < before as usize) {
                seen.push(copy(*port, now + until - 1, 1));
            } else if turning.is_some() {
                late.push(copy(*port, now + until, 1));
            }
        }
        sent += known + copied + u64::from(turning.is_some());
        now += until;
        bench.table.turned(milliseconds(now));
        if *is_early {
            bench.end_reading(now, &seen);
            bench.between(now);
        } else {
            bench.drain(now, &seen);
        }
    }
    bench.table.turned(milliseconds(now + 1));
    bench.drain(now + 1, &late);
    bench.finish(now + 2);
    (sent, counted(&bench))
}

proptest! {
    #[test]
    fn copies_count_once_whenever_they_are_read(
        steps in prop::collection::vec(step(), 1..12),
        roles in prop::collection::vec(prop::sample::select(vec![Role::PodPort, Role::Tunnel, Role::Uplink]), PORTS as usize),
    ) {
        let (sent, counted) = run(&steps, &roles);
        prop_assert!(counted <= sent, "{counted} of {sent}");
        let whole: Vec<_> = steps.into_iter().map(|step| Step { turning: None, ..step }).collect();
        let (sent, counted) = run(&whole, &roles);
        prop_assert_eq!(counted, sent);
    }
}
