//! What the series say is what the records say.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;

use abi::Direction;
use proptest::collection::vec;
use proptest::prelude::*;
use semconv::{Attribute, attribute};

use super::*;
use crate::clock::MonotonicTime;
use crate::flow::{Disorder, DropCount, DropReason, Endpoint, Hook, SeriesValue, samples};

/// A series and its begin: with this, series of the same attributes one after the other are told apart.
pub(super) type Identity = (Vec<(Attribute, SeriesValue)>, WallTime);

const MINUTE: u64 = 60_000_000_000;
/// Every collection has arrived.
pub(super) const ALL: Option<MonotonicTime> = Some(MonotonicTime(u64::MAX));
const EPOCH: u64 = 1_764_000_000_000_000_000;

pub(super) fn clock(minutes: u64) -> Clock {
    Clock::at(MonotonicTime(minutes * MINUTE), WallTime(EPOCH + minutes * MINUTE))
}

pub(super) fn config(dimensions: &[Dimension]) -> Config {
    Config {
        dimensions: dimensions.to_vec(),
        series_limit: 2000,
        idle_timeout: Duration::from_mins(15),
        temporality: Temporality::Cumulative,
        histogram: HistogramKind::Explicit,
    }
}

/// A record of a flow of this minute, to the given port. It says nothing of the connection.
pub(super) fn flow(hook: &Hook, minute: u64, port: u16) -> FlowRecord<'_> {
    let flow = samples::tcp(hook);
    let destination = Endpoint { port: Some(port), ..flow.destination };
    FlowRecord { interval_start: clock(minute).wall(), destination, connection: None, ..flow }
}

/// A collection of a receiver that has got all before.
pub(super) fn collect(aggregator: &mut Aggregator, minutes: u64) -> Vec<(Identity, WallTime, Counts)> {
    collect_after(aggregator, minutes, ALL)
}

pub(super) fn collect_after(
    aggregator: &mut Aggregator,
    minutes: u64,
    arrived: Option<MonotonicTime>,
) -> Vec<(Identity, WallTime, Counts)> {
    let mut points = Vec::new();
    aggregator.collect(&clock(minutes), arrived, |point| {
        let MetricValue::Traffic(counts) = point.value else { return };
        points.push(((point.attributes.to_vec(), point.start), point.time, counts));
    });
    points
}

pub(super) fn traffic_series(aggregator: &Aggregator) -> usize {
    aggregator.series()[0]
}

/// What the points say of the attribute, sorted.
fn texts(points: &[(Identity, WallTime, Counts)], attribute: Attribute) -> Vec<SeriesValue> {
    let attributes = points.iter().flat_map(|((attributes, _), ..)| attributes);
    let mut values: Vec<_> =
        attributes.filter(|(key, _)| *key == attribute).map(|(_, value)| value.clone()).collect();
    values.sort();
    values
}

fn text(value: &str) -> SeriesValue {
    SeriesValue::Text(value.into())
}

#[test]
fn each_direction_has_a_series_by_transport() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    let tcp = flow(&hook, 0, 443);
    aggregator.record(Record::Flow(&tcp));
    aggregator.record(Record::Flow(&FlowRecord {
        destination: Endpoint { port: Some(80), ..tcp.destination },
        ..tcp.clone()
    }));
    let mut points = collect(&mut aggregator, 1);
    points.sort_by_key(|(_, _, counts)| counts.packets);
    let counts: Vec<_> = points.iter().map(|(.., counts)| *counts).collect();
    let sent = |endpoint: Endpoint| endpoint.counts + endpoint.counts;
    assert_eq!(counts, [sent(tcp.source), sent(tcp.destination)]);
    assert_eq!(texts(&points, attribute::NETWORK_TRANSPORT), [text("tcp"), text("tcp")]);
    assert_eq!(texts(&points, attribute::NETWORK_FLOW_DIRECTION), [text("forward"), text("reverse")]);
    assert!(points.iter().all(|((attributes, _), ..)| attributes.len() == 2));
}

#[test]
fn of_a_sample_each_flow_counts_for_others_and_the_series_says_so() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    let tcp = FlowRecord { sample: NonZeroU32::new(10).unwrap(), ..flow(&hook, 0, 443) };
    aggregator.record(Record::Flow(&tcp));
    let mut points = collect(&mut aggregator, 1);
    points.sort_by_key(|(_, _, counts)| counts.packets);
    let counts: Vec<_> = points.iter().map(|(.., counts)| *counts).collect();
    assert_eq!(counts, [tcp.source.counts.times(10), tcp.destination.counts.times(10)]);
    let rate = SeriesValue::Int(10);
    assert_eq!(texts(&points, attribute::NETWORK_FLOW_SAMPLING_RATE), [rate.clone(), rate]);
}

#[test]
fn what_each_direction_sent_again_has_a_series_by_transport() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    let plain = flow(&hook, 0, 443);
    let sent_again = |retransmits| Disorder { retransmits, ..Disorder::default() };
    for [source, destination] in [[0, 0], [3, 0], [4, u32::MAX], [0, 1]] {
        let source = Endpoint { disorder: sent_again(source), ..plain.source };
        let destination = Endpoint { disorder: sent_again(destination), ..plain.destination };
        aggregator.record(Record::Flow(&FlowRecord { source, destination, ..plain.clone() }));
    }
    let mut points = Vec::new();
    aggregator.collect(&clock(1), ALL, |point| {
        if let MetricValue::Retransmits(segments) = point.value {
            points.push((point.attributes.to_vec(), segments));
        }
    });
    points.sort_by_key(|(_, segments)| *segments);
    let attributes = |direction| {
        vec![
            (attribute::NETWORK_FLOW_DIRECTION, text(direction)),
            (attribute::NETWORK_TRANSPORT, text("tcp")),
        ]
    };
    assert_eq!(points, [(attributes("forward"), 7), (attributes("reverse"), 1 << 32)]);
}

#[test]
fn where_nothing_is_sent_again_there_is_no_series_of_it() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    let plain = flow(&hook, 0, 443);
    let none = |end: Endpoint| Endpoint { disorder: Disorder::default(), ..end };
    let (source, destination) = (none(plain.source), none(plain.destination));
    aggregator.record(Record::Flow(&FlowRecord { source, destination, ..plain }));
    assert_eq!(aggregator.series(), [2, 0, 0, 0, 0]);
}

#[test]
fn every_dimension_is_an_attribute_of_the_series() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&Dimension::ALL), &clock(0));
    aggregator.record(Record::Flow(&flow(&hook, 0, 443)));
    let points = collect(&mut aggregator, 1);
    for (attribute, value) in [
        (attribute::NETWORK_TYPE, text("ipv4")),
        (attribute::NETWORK_INTERFACE_NAME, text("veth-a")),
        (attribute::SOURCE_ADDRESS, text("10.0.0.1")),
        (attribute::DESTINATION_ADDRESS, text("10.0.0.2")),
        (attribute::DESTINATION_PORT, SeriesValue::Int(443)),
    ] {
        assert_eq!(texts(&points, attribute), [value.clone(), value]);
    }
}

#[test]
fn each_dimension_alone_tells_series_apart_and_no_other_fact_does() {
    let hooks = [samples::hook(), Hook::named(0, 4, Direction::Ingress, "veth-b")];
    let elsewhere = IpAddr::from([10, 9, 9, 9]);
    for dimension in Dimension::ALL {
        let one = flow(&hooks[0], 0, 443);
        let mut other = one.clone();
        match dimension {
            Dimension::Type => other.ip_version = 6,
            Dimension::Interface => other.hook = Some(&hooks[1]),
            Dimension::Source => other.source.address = elsewhere,
            Dimension::Destination => other.destination.address = elsewhere,
            Dimension::DestinationPort => other.destination.port = Some(80),
        }
        for chosen in Dimension::ALL.map(|chosen| vec![chosen]).into_iter().chain([vec![]]) {
            let mut aggregator = Aggregator::new(config(&chosen), &clock(0));
            for record in [&one, &other] {
                aggregator.record(Record::Flow(record));
            }
            let expected = if chosen == [dimension] { 4 } else { 2 };
            assert_eq!(traffic_series(&aggregator), expected, "{dimension:?} where {chosen:?} is chosen");
        }
    }
}

#[test]
fn every_attribute_of_a_series_is_in_the_registry() {
    let registered = semconv::metric::NETWORK_FLOW_IO.attributes;
    assert_eq!(semconv::metric::NETWORK_FLOW_PACKET_COUNT.attributes, registered);
    assert_eq!(semconv::metric::NETWORK_FLOW_TCP_RETRANSMIT_COUNT.attributes, registered);
    let own = [
        attribute::NETWORK_FLOW_DIRECTION,
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_FLOW_SAMPLING_RATE,
        attribute::OTEL_METRIC_OVERFLOW,
    ];
    for attribute in own.into_iter().chain(Dimension::ALL.map(Dimension::attribute)) {
        assert!(registered.contains(&attribute), "{}", attribute.key);
    }
}

#[test]
fn a_dimension_is_named_by_its_attribute() {
    for dimension in Dimension::ALL {
        assert_eq!(dimension.attribute().key.parse(), Ok(dimension));
    }
    let error = "source.port".parse::<Dimension>().unwrap_err().to_string();
    assert!(error.contains("\"source.port\"") && error.contains("destination.port"), "{error}");
}

#[test]
fn records_without_endpoints_are_in_no_series() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    aggregator.record(Record::Other(&samples::other(&hook)));
    assert_eq!(traffic_series(&aggregator), 0);
}

#[test]
fn what_finds_no_series_is_in_that_of_the_overflow() {
    let hook = samples::hook();
    let settings = Config { series_limit: 3, ..config(&[Dimension::DestinationPort]) };
    let mut aggregator = Aggregator::new(settings, &clock(0));
    for port in 1..=5 {
        aggregator.record(Record::Flow(&flow(&hook, 0, port)));
    }
    let points = collect(&mut aggregator, 1);
    assert_eq!((points.len(), traffic_series(&aggregator)), (3, 3));
    assert_eq!(texts(&points, attribute::DESTINATION_PORT), [SeriesValue::Int(1), SeriesValue::Int(1)]);
    let mark = (attribute::OTEL_METRIC_OVERFLOW, SeriesValue::Bool(true));
    let overflow = points.iter().find(|((attributes, _), ..)| *attributes == [mark.clone()]).unwrap();
    let tcp = flow(&hook, 0, 1);
    assert_eq!(overflow.2, (0..4).map(|_| tcp.source.counts + tcp.destination.counts).sum());
}

#[test]
fn deltas_are_of_adjacent_times_and_nothing_stays() {
    let hook = samples::hook();
    let settings = Config { temporality: Temporality::Delta, ..config(&[]) };
    let mut aggregator = Aggregator::new(settings, &clock(0));
    let tcp = flow(&hook, 2, 443);
    for minute in [3, 5] {
        aggregator.record(Record::Flow(&tcp));
        let points = collect(&mut aggregator, minute);
        assert_eq!(
            points.iter().map(|(.., counts)| *counts).sum::<Counts>(),
            tcp.source.counts + tcp.destination.counts
        );
        let start = clock(if minute == 3 { 0 } else { 3 }).wall();
        assert!(points.iter().all(|((_, from), to, _)| (*from, *to) == (start, clock(minute).wall())));
        assert_eq!(traffic_series(&aggregator), 0);
    }
}

#[test]
fn no_point_ends_before_it_begins_when_the_wall_clock_is_set_back() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(10));
    aggregator.record(Record::Flow(&flow(&hook, 20, 443)));
    let points = collect(&mut aggregator, 5);
    assert!(points.iter().all(|((_, from), to, _)| from <= to));
    let later = collect(&mut aggregator, 15);
    assert_eq!(later[0].0.1, points[0].0.1, "a series has one begin");
}

#[derive(Clone, Debug)]
enum Step {
    /// A record: protocol, last byte of the destination's address, its port, packets of both sides.
    Record(u8, u8, Option<u16>, u8, u8),
    /// Points are given after so many minutes.
    Collect(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    let port = proptest::option::of(0_u16..4);
    prop_oneof![
        4 => (0_u8..3, 0_u8..3, port, any::<u8>(), any::<u8>()).prop_map(|(protocol, host, port, there, back)| {
            Step::Record(protocol, host, port, there, back)
        }),
        1 => (1_u8..12).prop_map(Step::Collect),
    ]
}

proptest! {
    #[test]
    fn the_sum_over_all_series_is_the_sum_over_all_records(
        steps in vec(any_step(), 0..200), limit in 1_usize..30, delta: bool, by in 0_usize..=5,
    ) {
        let temporality = if delta { Temporality::Delta } else { Temporality::Cumulative };
        let settings = Config { series_limit: limit, temporality, ..config(&Dimension::ALL[5 - by..]) };
        let mut aggregator = Aggregator::new(settings, &clock(0));
        let hook = samples::hook();
        let (mut minute, mut sent) = (0, Counts::default());
        let mut last: HashMap<Identity, (WallTime, Counts)> = HashMap::new();
        for step in steps.into_iter().chain([Step::Collect(1)]) {
            match step {
                Step::Record(protocol, host, port, there, back) => {
                    let mut flow = flow(&hook, minute, 0);
                    let counts = |packets: u8| Counts { packets: packets.into(), bytes: 64 * u64::from(packets) };
                    (flow.protocol, flow.destination.address) = (protocol, IpAddr::from([10, 0, 0, host]));
                    flow.destination.port = port;
                    (flow.source.counts, flow.destination.counts) = (counts(there), counts(back));
                    sent += flow.source.counts + flow.destination.counts;
                    aggregator.record(Record::Flow(&flow));
                    prop_assert!(traffic_series(&aggregator) <= limit);
                }
                Step::Collect(minutes) => {
                    minute += u64::from(minutes);
                    for (identity, time, counts) in collect(&mut aggregator, minute) {
                        prop_assert!(identity.1 < time);
                        // A series of the same attributes that is another one has ended before this one began.
                        let mut same = last.iter().filter(|((attributes, start), _)| {
                            *attributes == identity.0 && *start != identity.1
                        });
                        prop_assert!(same.all(|(_, (end, _))| *end <= identity.1));
                        let before = last.insert(identity, (time, counts)).map(|(_, counts)| counts);
                        prop_assert!(before.is_none_or(|before| before.packets <= counts.packets));
                    }
                }
            }
        }
        prop_assert_eq!(last.values().map(|(_, counts)| *counts).sum::<Counts>(), sent);
    }
}

#[test]
fn dropped_packets_count_by_side_and_reason() {
    let hook = samples::hook();
    let drop = |is_reverse, reason: &str, packets| DropCount {
        is_reverse,
        reason: DropReason(reason.into()),
        packets,
        bytes: 100 * packets,
    };
    let drops = [drop(false, "A", 3), drop(false, "B", 2), drop(true, "A", 1)];
    let mut aggregator = Aggregator::new(config(&[Dimension::DestinationPort]), &clock(0));
    aggregator.record(Record::Flow(&FlowRecord { drops: &drops, ..flow(&hook, 1, 443) }));
    aggregator.record(Record::Flow(&FlowRecord { drops: &drops[..1], ..flow(&hook, 1, 443) }));
    let mut points = Vec::new();
    aggregator.collect(&clock(2), ALL, |point| {
        let MetricValue::Dropped(packets) = point.value else { return };
        let value = |of| point.attributes.iter().find(|(key, _)| *key == of).map(|(_, value)| value.clone());
        let text = |of| match value(of) {
            Some(SeriesValue::Text(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(value(attribute::DESTINATION_PORT), Some(SeriesValue::Int(443)));
        points.push((text(attribute::NETWORK_FLOW_DIRECTION), text(attribute::NETWORK_DROP_REASON), packets));
    });
    points.sort();
    let expected = [("forward", "A", 6), ("forward", "B", 2), ("reverse", "A", 1)];
    assert_eq!(
        points,
        expected.map(|(direction, reason, packets)| (direction.into(), reason.into(), packets))
    );
}
