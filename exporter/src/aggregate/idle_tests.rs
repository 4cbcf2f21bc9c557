//! When a series ends.

use super::tests::{clock, collect, collect_after, config, flow, traffic_series};
use super::*;
use crate::flow::samples;

#[test]
fn an_idle_series_ends_and_a_later_one_begins_anew() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    let first = flow(&hook, 1, 443);
    aggregator.record(Record::Flow(&first));
    for minute in 2..17 {
        let points = collect(&mut aggregator, minute);
        assert_eq!((points.len(), points[0].0.1), (2, clock(1).wall()), "{minute}");
    }
    assert_eq!((collect(&mut aggregator, 17).len(), traffic_series(&aggregator)), (2, 0));
    assert_eq!(collect(&mut aggregator, 18), []);
    // The record's interval began while the series before was there.
    aggregator.record(Record::Flow(&flow(&hook, 16, 443)));
    let points = collect(&mut aggregator, 19);
    assert_eq!((points[0].0.1, points[0].1), (clock(18).wall(), clock(19).wall()));
    assert_eq!(
        points.iter().map(|(.., counts)| *counts).sum::<Counts>(),
        first.source.counts + first.destination.counts
    );
}

#[test]
fn an_idle_series_stays_until_its_last_record_has_arrived() {
    let hook = samples::hook();
    let mut aggregator = Aggregator::new(config(&[]), &clock(0));
    let at = |minute| Some(clock(minute).monotonic());
    let record = |aggregator: &mut Aggregator| aggregator.record(Record::Flow(&flow(&hook, 1, 443)));
    record(&mut aggregator);
    for minute in 2..40 {
        assert_eq!(collect_after(&mut aggregator, minute, None).len(), 2, "{minute}");
    }
    record(&mut aggregator);
    assert_eq!(collect_after(&mut aggregator, 40, None).len(), 2);
    // What was collected before the second record says nothing of it.
    for minute in 41..80 {
        assert_eq!(collect_after(&mut aggregator, minute, at(39)).len(), 2, "{minute}");
    }
    assert_eq!(traffic_series(&aggregator), 2);
    collect_after(&mut aggregator, 80, at(40));
    assert_eq!(traffic_series(&aggregator), 0);
}

#[test]
fn while_nothing_arrives_what_is_new_finds_room_in_the_overflow_alone() {
    let hook = samples::hook();
    let settings = Config { series_limit: 3, ..config(&[Dimension::DestinationPort]) };
    let mut aggregator = Aggregator::new(settings, &clock(0));
    let mut sent = Counts::default();
    for minute in 1..100 {
        let port = u16::try_from(minute).unwrap();
        let record = flow(&hook, minute, port);
        sent += record.source.counts + record.destination.counts;
        aggregator.record(Record::Flow(&record));
        let points = collect_after(&mut aggregator, minute, None);
        assert_eq!(points.iter().map(|(.., counts)| *counts).sum::<Counts>(), sent);
        assert!(traffic_series(&aggregator) <= 3);
    }
    // Once it has arrived there is room again.
    collect(&mut aggregator, 115);
    assert_eq!(traffic_series(&aggregator), 0);
}

#[test]
fn deltas_end_whether_they_arrive_or_not() {
    let hook = samples::hook();
    let settings = Config { temporality: Temporality::Delta, ..config(&[]) };
    let mut aggregator = Aggregator::new(settings, &clock(0));
    aggregator.record(Record::Flow(&flow(&hook, 0, 443)));
    assert_eq!(collect_after(&mut aggregator, 1, None).len(), 2);
    assert_eq!(traffic_series(&aggregator), 0);
}
