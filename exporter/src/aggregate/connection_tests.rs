//! What the series say of connections.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use semconv::{Attribute, attribute};

use super::tests::{ALL, clock, config, flow};
use super::*;
use crate::flow::{Buckets, Connection, ConnectionError, HandshakeTimes, Hook, SeriesValue, samples};

/// A record of a connection of this minute that has just been opened, in so many milliseconds.
fn opened(hook: &Hook, minute: u64, port: u16, time: Option<u64>) -> FlowRecord<'_> {
    let time = time.map(Duration::from_millis);
    let times = HandshakeTimes { server: time, client: time.map(|_| Duration::ZERO), connect: time };
    let connection = Connection { times, opening: Some(Opening::Established), ..Connection::default() };
    FlowRecord { connection: Some(connection), ..flow(hook, minute, port) }
}

fn failed(hook: &Hook, minute: u64, error: ConnectionError) -> FlowRecord<'_> {
    let connection = Connection { opening: Some(Opening::Failed(error)), ..Connection::default() };
    FlowRecord { connection: Some(connection), ..flow(hook, minute, 443) }
}

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    attributes: Vec<(Attribute, SeriesValue)>,
    start: WallTime,
    time: WallTime,
    /// Connections, or round trips and the sum of their seconds.
    value: Result<u64, (u64, f64)>,
}

fn collect(aggregator: &mut Aggregator, minute: u64) -> Vec<Seen> {
    let mut seen = Vec::new();
    aggregator.collect(&clock(minute), ALL, |point| {
        let value = match point.value {
            MetricValue::Traffic(_) | MetricValue::Retransmits(_) | MetricValue::Dropped(_) => return,
            MetricValue::Connections(connections) => Ok(connections),
            MetricValue::RoundTrips(point) => Err((point.count, point.sum)),
        };
        seen.push(Seen {
            attributes: point.attributes.to_vec(),
            start: point.start,
            time: point.time,
            value,
        });
    });
    seen
}

fn text(value: &str) -> SeriesValue {
    SeriesValue::Text(value.into())
}

#[test]
fn a_connection_counts_once_by_how_its_opening_ended() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    for record in [
        opened(&hook, 0, 443, Some(40)),
        opened(&hook, 0, 80, None),
        failed(&hook, 0, ConnectionError::Refused),
        failed(&hook, 0, ConnectionError::TimedOut),
        failed(&hook, 0, ConnectionError::TimedOut),
        flow(&hook, 0, 443),
    ] {
        aggregator.record(Record::Flow(&record));
    }
    // A later record of the same connection has its time, and opens nothing.
    let again = opened(&hook, 0, 443, Some(40));
    let known = again.connection.map(|connection| Connection { opening: None, ..connection });
    aggregator.record(Record::Flow(&FlowRecord { connection: known, ..again }));
    let transport = (attribute::NETWORK_TRANSPORT, text("tcp"));
    let mut counted = BTreeMap::new();
    for Seen { attributes, value, .. } in collect(&mut aggregator, 1) {
        match value {
            Ok(connections) => {
                let error = attributes.iter().find(|(key, _)| *key == attribute::ERROR_TYPE);
                assert_eq!(attributes.last(), Some(&transport));
                counted.insert(error.map(|(_, error)| error.clone()), connections);
            }
            Err(round_trips) => {
                assert_eq!((attributes, round_trips), (vec![transport.clone()], (1, 0.04)));
            }
        }
    }
    let expected = [(None, 2), (Some(text("refused")), 1), (Some(text("timed_out")), 2)];
    assert_eq!(counted, BTreeMap::from(expected));
    assert_eq!(aggregator.series(), [2, 1, 0, 3, 1]);
}

#[test]
fn series_of_connections_have_the_registry_s_attributes_and_no_others() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&Dimension::ALL), &clock(0));
    aggregator.record(Record::Flow(&opened(&hook, 0, 443, Some(1))));
    aggregator.record(Record::Flow(&failed(&hook, 0, ConnectionError::Reset)));
    for Seen { attributes, value, .. } in collect(&mut aggregator, 1) {
        let metric = match value {
            Ok(_) => semconv::metric::NETWORK_FLOW_TCP_CONNECTION_COUNT,
            Err(_) => semconv::metric::NETWORK_FLOW_TCP_RTT_DURATION,
        };
        assert!(attributes.iter().all(|(key, _)| metric.attributes.contains(key)), "{attributes:?}");
        assert!(attributes.len() > Dimension::ALL.len());
    }
}

#[test]
fn round_trips_are_told_in_the_form_that_is_wanted() {
    let hook = samples::hook();
    for histogram in [HistogramKind::Explicit, HistogramKind::Exponential] {
        let mut aggregator = Aggregator::new(Config { histogram, ..config(&[]) }, &clock(0));
        aggregator.record(Record::Flow(&opened(&hook, 0, 443, Some(40))));
        let mut kinds = Vec::new();
        aggregator.collect(&clock(1), ALL, |point| {
            if let MetricValue::RoundTrips(point) = point.value {
                kinds.push(matches!(point.buckets, Buckets::Exponential { .. }));
            }
        });
        assert_eq!(kinds, [histogram == HistogramKind::Exponential]);
    }
}

#[test]
fn an_idle_series_of_connections_ends_and_a_later_one_begins_anew() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    aggregator.record(Record::Flow(&opened(&hook, 1, 443, Some(40))));
    for minute in 2..=17 {
        assert!(collect(&mut aggregator, minute).iter().all(|seen| seen.start == clock(1).wall()));
    }
    assert_eq!(aggregator.series(), [0; 5]);
    aggregator.record(Record::Flow(&opened(&hook, 16, 443, Some(2))));
    let seen = collect(&mut aggregator, 18);
    assert!(seen.iter().all(|seen| (seen.start, seen.time) == (clock(17).wall(), clock(18).wall())));
    assert_eq!(seen.iter().map(|seen| seen.value).collect::<Vec<_>>(), [Ok(1), Err((1, 0.002))]);
}

#[test]
fn the_bytes_of_all_series_are_planned_for() {
    let limit = |series_limit| Config { series_limit, ..config(&Dimension::ALL) };
    assert!(limit(2000).bytes() < 12 << 20);
    let exponential = Config { histogram: HistogramKind::Exponential, ..limit(2000) };
    assert!(exponential.bytes() - limit(2000).bytes() >= 2000 * 160 * 8);
    assert_eq!(limit(usize::MAX).bytes(), usize::MAX);
}

proptest! {
    #[test]
    fn every_connection_is_in_one_series_and_every_round_trip_too(
        records in proptest::collection::vec((0_u16..5, 0_u8..5, 1_u64..3_000, 0_u64..4), 0..100),
        limit in 1_usize..8,
        delta: bool,
    ) {
        let temporality = if delta { Temporality::Delta } else { Temporality::Cumulative };
        let settings = Config { series_limit: limit, temporality, ..config(&[Dimension::DestinationPort]) };
        let mut aggregator = Aggregator::new(settings, &clock(0));
        let hook = samples::hook();
        let (mut minute, mut connections, mut round_trips) = (0, 0, 0);
        let mut last: HashMap<String, Result<u64, (u64, f64)>> = HashMap::new();
        for (port, kind, time, pause) in records.into_iter().chain([(0, 4, 1, 1)]) {
            let record = match kind {
                0 => opened(&hook, minute, port, None),
                1 => opened(&hook, minute, port, Some(time)),
                2 => failed(&hook, minute, ConnectionError::Refused),
                3 => failed(&hook, minute, ConnectionError::Reset),
                _ => flow(&hook, minute, port),
            };
            aggregator.record(Record::Flow(&record));
            connections += u64::from(kind < 4);
            round_trips += u64::from(kind == 1);
            prop_assert!(aggregator.series().into_iter().all(|series| series <= limit));
            if pause != 0 {
                minute += pause;
                for Seen { attributes, start, time, value } in collect(&mut aggregator, minute) {
                    prop_assert!(start < time);
                    last.insert(format!("{} {attributes:?} {start:?}", value.is_ok()), value);
                }
            }
        }
        let counted: u64 = last.values().filter_map(|value| value.ok()).sum();
        let measured: u64 = last.values().filter_map(|value| value.err()).map(|(count, _)| count).sum();
        prop_assert_eq!((counted, measured), (connections, round_trips));
    }
}
