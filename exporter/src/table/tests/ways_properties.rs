//! Ways of any shape, read at any moment: no packet counts twice.

use std::collections::BTreeMap;
use std::iter;

use proptest::prelude::*;

use super::support::*;
use super::ways::{comes, goes, inside, packets, two_switches, with_ports};
use crate::flow::{Counts, Observation, Role};

const PORTS: u32 = 3;
/// The packets of each batch are a digit of their sum, which says how often they count.
const BASE: u64 = 4;
const BATCHES: usize = 24;

/// Packets of one end that go the same way.
#[derive(Clone, Debug)]
struct Batch {
    is_back: bool,
    /// The hooks that they pass, each once.
    way: Vec<u32>,
}

/// What happens between two readings.
#[derive(Clone, Debug)]
struct Step {
    sent: Option<Batch>,
    /// How far each batch that is under way gets.
    advance: Vec<usize>,
    /// Milliseconds.
    until: u64,
    /// The reading ends early, and records are made by their time.
    is_early: bool,
}

/// In and out in turn, at other ports each time, beginning with either.
fn way() -> impl Strategy<Value = Vec<u32>> {
    let ports = || Just((0..PORTS).collect::<Vec<_>>()).prop_shuffle();
    (ports(), ports(), any::<bool>(), 1..=2 * PORTS as usize).prop_map(
        |(into, out, begins_outside, length)| {
            let pairs = into.into_iter().map(comes).zip(out.into_iter().map(goes));
            let way = pairs.flat_map(|(into, out)| if begins_outside { [into, out] } else { [out, into] });
            way.take(length).collect()
        },
    )
}

fn short_way() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![2 => way().prop_map(|way| way[..1].to_vec()), 1 => way()]
}

fn step(batch: impl Strategy<Value = Batch>) -> impl Strategy<Value = Step> {
    (
        prop::option::weighted(0.8, batch),
        prop::collection::vec(0..=3_usize, BATCHES),
        prop_oneof![Just(5), Just(300), Just(1_100), 1..3_000_u64],
        prop::bool::weighted(0.2),
    )
        .prop_map(|(sent, advance, until, is_early)| Step { sent, advance, until, is_early })
}

fn batch() -> impl Strategy<Value = Batch> {
    (any::<bool>(), short_way()).prop_map(|(is_back, way)| Batch { is_back, way })
}

/// Packets under way: their digit and the hooks before them.
struct UnderWay {
    digit: usize,
    is_back: bool,
    left: Vec<u32>,
}

/// Gives how often the packets of each batch count.
fn run(mut bench: Bench, steps: &[Step]) -> (Vec<u64>, Bench) {
    let (mut now, mut sent) = (1, 0);
    let mut under_way: Vec<UnderWay> = Vec::new();
    for Step { sent: new, advance, until, is_early } in steps {
        if let Some(Batch { is_back, way }) = new {
            under_way.push(UnderWay { digit: sent, is_back: *is_back, left: way.clone() });
            sent += 1;
        }
        let mut seen = BTreeMap::<(u32, bool), Observation>::new();
        for (UnderWay { digit, is_back, left }, advance) in under_way.iter_mut().zip(advance) {
            for hook in left.drain(..(*advance).min(left.len())) {
                let one = packets(hook, now, BASE.pow(u32::try_from(*digit).unwrap()));
                let one = if *is_back { one.back() } else { one };
                let known =
                    seen.entry((hook, *is_back)).or_insert(Observation { counts: Counts::default(), ..one });
                known.counts += one.counts;
            }
        }
        under_way.retain(|batch| !batch.left.is_empty());
        now += until;
        let seen: Vec<_> = seen.into_values().collect();
        if *is_early {
            bench.end_reading(now, &seen);
            bench.between(now);
        } else {
            bench.drain(now, &seen);
        }
    }
    bench.finish(now + 1);
    let client = udp(1).source_address();
    let mut sums = [0; 2];
    for record in &bench.records {
        let (source, destination) = record.packets;
        let is_from_client = record.flow().source.0 == client;
        sums[usize::from(!is_from_client)] += source;
        sums[usize::from(is_from_client)] += destination;
    }
    let digit = |sum: u64, at: usize| sum / BASE.pow(u32::try_from(at).unwrap()) % BASE;
    ((0..sent).map(|at| digit(sums[0], at) + digit(sums[1], at)).collect(), bench)
}

/// All that is sent passes its hooks at once.
fn at_once(step: Step) -> Step {
    Step { advance: vec![7; BATCHES], ..step }
}

/// One packet of each end, and a record of it.
fn begin(there: Vec<u32>, back: Vec<u32>) -> [Step; 2] {
    [(there, false), (back, true)].map(|(way, is_back)| {
        at_once(Step {
            sent: Some(Batch { is_back, way }),
            advance: Vec::new(),
            until: 1_100,
            is_early: false,
        })
    })
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(vec![Role::PodPort, Role::Tunnel])
}

proptest! {
    #[test]
    fn no_packet_counts_twice(role in role(), is_new: bool, steps in prop::collection::vec(step(batch()), 1..BATCHES - 2)) {
        // Of a flow that was there before its packets take other ways, more hooks count.
        let before = begin(vec![goes(0)], vec![comes(0)]);
        let steps = [&before[..if is_new { 0 } else { 2 }], &steps].concat();
        let (counted, bench) = run(with_ports(role, &[None; PORTS as usize]), &steps);
        prop_assert!(counted.iter().all(|times| *times <= 1), "{counted:?} {:?}", super::ways::accounted(&bench));
    }

    /// The machine's own conversation, over ports that are other ones each time.
    #[test]
    fn what_ends_here_counts_wherever_it_comes_and_goes(
        role in role(),
        ports in prop::array::uniform2(0..PORTS),
        steps in prop::collection::vec(
            step((any::<bool>(), 0..PORTS).prop_map(|(is_back, port)| {
                Batch { is_back, way: vec![if is_back { comes(port) } else { goes(port) }] }
            })).prop_map(at_once),
            1..BATCHES - 2,
        ),
    ) {
        let steps = [&begin(vec![goes(ports[0])], vec![comes(ports[1])])[..], &steps].concat();
        let (counted, bench) = run(with_ports(role, &[None; PORTS as usize]), &steps);
        prop_assert!(counted.iter().all(|times| *times == 1), "{counted:?} {:?}", super::ways::accounted(&bench));
    }

    /// What passes on, in by one port and out by another, counts where it came in first.
    #[test]
    fn what_passes_on_counts_at_its_first_hook(
        role in role(),
        steps in prop::collection::vec(
            step(way().prop_map(|way| {
                let begins_outside = usize::from(way[0] % 2 == comes(0) % 2);
                let rest = way.into_iter().skip(begins_outside).filter(|hook| *hook != comes(0));
                iter::once(comes(0)).chain(rest).collect()
            })
                .prop_map(|way| Batch { is_back: false, way })),
            1..BATCHES,
        ),
    ) {
        let first = Step { sent: Some(Batch { is_back: false, way: vec![comes(0)] }), advance: vec![1], until: 1_100, is_early: false };
        let drain = Step { sent: None, advance: vec![7; BATCHES], until: 1_100, is_early: false };
        let steps = [&[first][..], &steps, &[drain]].concat();
        let (counted, bench) = run(with_ports(role, &[None; PORTS as usize]), &steps);
        prop_assert!(counted.iter().all(|times| *times == 1), "{counted:?} {:?}", super::ways::accounted(&bench));
    }

    #[test]
    fn uplinks_share_at_any_time(
        steps in prop::collection::vec(
            step((0..PORTS).prop_map(|port| Batch { is_back: false, way: vec![goes(port)] })).prop_map(at_once),
            1..BATCHES,
        ),
    ) {
        let (counted, bench) = run(with_ports(Role::Uplink, &[None; PORTS as usize]), &steps);
        prop_assert!(counted.iter().all(|times| *times == 1), "{counted:?} {:?}", super::ways::accounted(&bench));
    }

    #[test]
    fn no_packet_counts_twice_at_two_switches(steps in prop::collection::vec(step(at_switches()), 1..BATCHES)) {
        let (counted, bench) = run(two_switches(), &steps);
        prop_assert!(counted.iter().all(|times| *times <= 1), "{counted:?} {:?}", super::ways::accounted(&bench));
    }

    #[test]
    fn what_stays_at_its_switch_counts(
        steps in prop::collection::vec(step((any::<bool>(), prop::sample::select(ALONE.to_vec())).prop_map(|(is_back, [from, to])| {
            let [from, to] = if is_back { [to, from] } else { [from, to] };
            Batch { is_back, way: vec![comes(from), goes(to)] }
        })), 1..BATCHES),
    ) {
        let last = Step { sent: None, advance: vec![7; BATCHES], until: 1_100, is_early: false };
        let (counted, bench) = run(two_switches(), &[&steps[..], &[last]].concat());
        prop_assert!(counted.iter().all(|times| *times == 1), "{counted:?} {:?}", super::ways::accounted(&bench));
    }
}

/// Ports of the pods that talk at each switch.
const ALONE: [[u32; 2]; 2] = [[0, 1], [2, 3]];

/// Ways at one switch, and from one to the other: by the pod that is at both, and by pods that have another way between them.
fn at_switches() -> impl Strategy<Value = Batch> {
    let [[a, b], [c, d]] = ALONE;
    let ways = vec![
        vec![comes(a), goes(b)],
        vec![comes(c), goes(d)],
        vec![comes(a), goes(b), comes(4), goes(d)],
        vec![comes(c), goes(4), comes(b), goes(a)],
        vec![comes(a), goes(b), inside(3), comes(c), goes(d)],
        vec![comes(c), goes(d), inside(1), comes(a), goes(b)],
    ];
    let one = prop_oneof![3 => prop::sample::select(ways[..2].to_vec()), 1 => prop::sample::select(ways)];
    (any::<bool>(), one).prop_map(|(is_back, way)| Batch { is_back, way })
}
