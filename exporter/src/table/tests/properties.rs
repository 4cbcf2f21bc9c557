//! What holds for any traffic.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::MonotonicTime;
use crate::flow::{Counts, DropReason, Dropped, EndReason, Handshake, Mac, Observation, Tuple};
use crate::ledger::Account;
use crate::table::tests::orientation::{server, unknown};
use crate::table::tests::support::*;
use crate::table::{Config, DropFates, reuse};

/// Drains at least an interval apart, in milliseconds: all that is pending is due, whatever the flow's phase.
const STEP: u64 = 1_100;

fn tuple() -> impl Strategy<Value = Tuple> {
    (0..5_u8, 0..4_u8).prop_map(|(kind, n)| match kind {
        0 => tcp(n),
        1 => udp(n),
        2 => unknown(tcp(n)),
        3 => unknown(udp(n)),
        _ => icmp(n, 8),
    })
}

fn observation() -> impl Strategy<Value = Observation> {
    let flags = prop_oneof![8 => Just(ACK), 2 => Just(SYN), 2 => Just(SYN | ACK), 2 => Just(FIN | ACK), 1 => Just(RST)];
    (
        tuple(),
        any::<bool>(),
        0..4_u32,
        (0..20_u64, 0..20_u64),
        1..100_u64,
        flags,
        (0..3_u8, 0..4_u8, 0..3_u8, 0..9_u8),
    )
        .prop_map(|(tuple, back, hook, (first, length), packets, flags, (dscp, ecn, mac, reuse))| {
            let built = seen(tuple).hook(hook).at(first).until(first + length).packets(packets);
            let built = if tuple.is_tcp() { built.flags(flags) } else { built };
            let built = if tuple.is_tcp() && reuse == 0 { built.opens_at(first + length) } else { built };
            let built = Observation {
                dscp,
                ecn: crate::flow::Ecn(1 << ecn),
                macs: Some((Mac([mac; 6]), Mac([0; 6]))),
                ..built
            };
            if back { built.back() } else { built }
        })
}

fn drains() -> impl Strategy<Value = Vec<Vec<Observation>>> {
    prop::collection::vec(prop::collection::vec(observation(), 0..12), 1..30)
}

/// What the kernel dropped, of flows that hooks see, saw, will see or never see.
fn dropped() -> impl Strategy<Value = Dropped> {
    (tuple(), any::<bool>(), (0..20_u64, 0..20_u64), 1..100_u64, 0..20_u8).prop_map(
        |(tuple, back, (first, length), packets, reason)| Dropped {
            tuple: if back { tuple.reverse().unwrap_or(tuple) } else { tuple },
            scope: None,
            reason: DropReason(Arc::from(format!("R{reason}"))),
            counts: Counts { packets, bytes: packets * 40 },
            first: milliseconds(first),
            last: milliseconds(first + length),
        },
    )
}

/// What each drain brings beside observations.
fn drops() -> impl Strategy<Value = Vec<Vec<Dropped>>> {
    prop::collection::vec(prop::collection::vec(dropped(), 0..6), 30)
}

/// Moves a drain's observations to its place in time.
fn placed(drain: &[Observation], number: usize) -> (u64, Vec<Observation>) {
    let begin = number as u64 * STEP;
    let shift = |observation: &Observation| Observation {
        first: observation.first.after(milliseconds(begin).0),
        last: observation.last.after(milliseconds(begin).0),
        handshake: shifted(observation.handshake, milliseconds(begin).0),
        ..*observation
    };
    (begin + STEP - 1, drain.iter().map(shift).collect())
}

fn shifted(handshake: Handshake, nanoseconds: u64) -> Handshake {
    let shift = |moment: Option<MonotonicTime>| moment.map(|moment| moment.after(nanoseconds));
    Handshake {
        syn: shift(handshake.syn),
        syn_ack: shift(handshake.syn_ack),
        ack: shift(handshake.ack),
        again: shift(handshake.again),
    }
}

fn config(max_flows: usize) -> Config {
    Config {
        interval: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(3),
        tcp_idle_timeout: Duration::from_secs(8),
        max_flows,
        ..Config::default()
    }
}

/// At some servers' ports of which nothing else is known, at some clients', and at both ends of some.
fn servers() -> [Server; 4] {
    [unknown(tcp(1)), tcp(2).reverse().unwrap(), unknown(udp(3)), unknown(udp(3)).reverse().unwrap()]
        .map(server)
}

fn run(drains: &[Vec<Observation>], max_flows: usize) -> Bench {
    run_with(drains, &[], &config(max_flows))
}

fn run_with(drains: &[Vec<Observation>], drops: &[Vec<Dropped>], config: &Config) -> Bench {
    let mut bench = Bench::with(config).listening(&servers());
    for (number, drain) in drains.iter().enumerate() {
        let (moment, observations) = placed(drain, number);
        let begin = milliseconds(number as u64 * STEP).0;
        for dropped in drops.get(number).into_iter().flatten() {
            let (first, last) = (dropped.first.after(begin), dropped.last.after(begin));
            bench.table.note_dropped(&Dropped { first, last, ..dropped.clone() });
        }
        bench.drain(moment, &observations);
    }
    bench.finish(drains.len() as u64 * STEP);
    bench
}

/// Records by conversation and place in it, without what the order of creation decides.
fn comparable(bench: &Bench) -> Vec<String> {
    let mut lines: Vec<_> = bench
        .records
        .iter()
        .map(|record| {
            let record = Seen { id: crate::flow::FlowId(0), ..record.clone() };
            format!("{:?} {:?} {record:?}", record.key(), record.start)
        })
        .collect();
    lines.sort();
    lines
}

/// One CPU's observation as those of two CPUs, where it has packets for both: the second CPU saw the last packet only. One that
/// opens a connection stays whole: which connection a CPU's packets are of is told by the CPU that saw the opening segment.
fn split(observation: &Observation) -> Vec<Observation> {
    if observation.counts.packets < 2 || reuse::opening(observation).is_some() {
        return vec![*observation];
    }
    let part = Counts { packets: 1, bytes: 100 };
    let late = Observation {
        counts: part,
        first: observation.last,
        handshake: Handshake::default(),
        ..*observation
    };
    let early = Observation { counts: observation.counts - part, ..*observation };
    vec![late, early]
}

proptest! {
    #[test]
    fn every_packet_is_in_one_record_or_on_the_path(drains in drains(), max_flows in 1..20_usize) {
        // `Bench` asserts the balance after every drain.
        let bench = run(&drains, max_flows);
        let mut seen = BTreeMap::new();
        for observation in drains.iter().flatten() {
            *seen.entry(observation.hook).or_insert_with(Counts::default) += observation.counts;
        }
        let mut told = BTreeMap::new();
        for record in &bench.records {
            let accounted: Counts = record.accounted.iter().map(|&(_, counts)| counts).sum();
            let sides = Counts { packets: record.packets.0 + record.packets.1, bytes: record.bytes.0 + record.bytes.1 };
            prop_assert_eq!(accounted, sides);
            for &(hook, counts) in &record.accounted {
                *told.entry(hook).or_insert_with(Counts::default) += counts;
            }
        }
        for (account, row) in bench.ledger.snapshot() {
            let Account::Hook(hook) = account else { continue };
            prop_assert!(!bench.table.names(hook));
            let seen = seen.get(&hook).copied().unwrap_or_default();
            let told = told.get(&hook).copied().unwrap_or_default();
            prop_assert_eq!(row.seen, seen);
            prop_assert_eq!(row.delivered, told);
            prop_assert_eq!(row.path + told, seen);
            prop_assert!(row.table.is_zero());
        }
    }

    #[test]
    fn order_and_cpus_do_not_matter(
        drains in drains(),
        shuffled in any::<prop::sample::Index>(),
        splits in any::<bool>(),
    ) {
        let other: Vec<Vec<_>> = drains
            .iter()
            .map(|drain| {
                let mut drain: Vec<_> = if splits { drain.iter().flat_map(split).collect() } else { drain.clone() };
                if !drain.is_empty() {
                    let middle = shuffled.index(drain.len());
                    drain.rotate_left(middle);
                    drain[middle..].reverse();
                }
                drain
            })
            .collect();
        prop_assert_eq!(comparable(&run(&drains, 1_000)), comparable(&run(&other, 1_000)));
    }

    #[test]
    fn any_permutation_of_one_drain_gives_the_same_records(
        (drain, permuted) in prop::collection::vec(observation(), 1..12)
            .prop_flat_map(|drain| (Just(drain.clone()), Just(drain).prop_shuffle())),
    ) {
        prop_assert_eq!(comparable(&run(&[drain], 1_000)), comparable(&run(&[permuted], 1_000)));
    }

    #[test]
    fn a_tcp_flow_has_one_end_and_every_sequence_is_whole(
        drains in drains(),
        drops in drops(),
        flows_of_drops in any::<bool>(),
        max_flows in 1..20_usize,
    ) {
        let bench = run_with(&drains, &drops, &Config { flows_of_drops, ..config(max_flows) });
        let mut flows: HashMap<_, Vec<&Seen>> = HashMap::new();
        for record in &bench.records {
            flows.entry(record.id).or_default().push(record);
        }
        for records in flows.values() {
            let first = records[0].flow();
            for (record, sequence) in records.iter().zip(0..) {
                prop_assert_eq!(record.sequence, sequence);
                let flow = record.flow();
                prop_assert_eq!(
                    (flow.source, flow.destination, flow.evidence, flow.vlan, record.start),
                    (first.source, first.destination, first.evidence, first.vlan, records[0].start)
                );
                prop_assert!(first.macs.0.is_none_or(|mac| flow.macs.0 == Some(mac)));
                prop_assert!(record.interval_start <= record.timestamp);
            }
            // A flow that was dropped before a hook saw it has none at first.
            let mut hooks = records.iter().map(|record| &record.flow().hook).skip_while(|hook| hook.is_empty());
            let hook = hooks.next();
            prop_assert!(hooks.all(|later| Some(later) == hook));
            prop_assert!(hook.is_some() || flows_of_drops);
            let ends = records.iter().filter(|record| record.end_reason != EndReason::ActiveTimeout).count();
            if first.flags.is_some() {
                prop_assert_eq!(ends, 1);
            } else {
                prop_assert!(ends <= 1);
                // Of others, none without a packet: one that a hook saw, or one that was dropped.
                let has_packets = |record: &&Seen| record.packets != (0, 0) || !record.flow().drops.is_empty();
                prop_assert!(records.iter().all(has_packets));
            }
            let is_last = |record: &&&Seen| record.end_reason != EndReason::ActiveTimeout;
            prop_assert!(records[..records.len() - 1].iter().find(is_last).is_none());
        }
    }

    #[test]
    fn every_dropped_packet_is_in_one_record_or_counted(
        drains in drains(),
        drops in drops(),
        flows_of_drops in any::<bool>(),
        max_flows in 1..20_usize,
    ) {
        let bench = run_with(&drains, &drops, &Config { flows_of_drops, ..config(max_flows) });
        let given: u64 = drops.iter().take(drains.len()).flatten().map(|dropped| dropped.counts.packets).sum();
        let told: u64 = bench.records.iter().flat_map(|record| &record.flow().drops).map(|drop| drop.packets).sum();
        let DropFates { placed, unplaced, refused } = bench.table.drop_fates();
        prop_assert_eq!(told, placed);
        prop_assert_eq!(placed + unplaced + refused, given);
    }

    #[test]
    fn no_two_flows_share_an_identity(drains in drains(), max_flows in 1..20_usize) {
        let bench = run(&drains, max_flows);
        let firsts: Vec<_> = bench.records.iter().filter(|record| record.sequence == 0).map(|record| record.id).collect();
        prop_assert_eq!(firsts.iter().collect::<HashSet<_>>().len(), firsts.len());
    }
}
