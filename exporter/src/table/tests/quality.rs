//! How well connections do: which view is told, and nothing twice.

use std::time::Duration;

use crate::flow::{
    Disorder, EchoView, Observation, Quality, Role, RoundTripView, RoundTrips, SocketView, Way,
};
use crate::table::tests::support::*;

trait Of: Sized {
    /// With what the sender's socket said.
    fn socket(self, smoothed: u32, min: u32, retransmits: u32) -> Self;
    /// With round trips to the sender by timestamps.
    fn echo(self, last: u32, min: u32) -> Self;
    /// With this many segments sent again.
    fn again(self, retransmits: u32) -> Self;
}

impl Of for Observation {
    fn socket(self, smoothed: u32, min: u32, retransmits: u32) -> Self {
        let socket = Some(SocketView { smoothed, min, retransmits });
        Self { quality: Quality { socket, ..self.quality }, ..self }
    }

    fn echo(self, last: u32, min: u32) -> Self {
        Self { quality: Quality { echo: Some(EchoView { last, min }), ..self.quality }, ..self }
    }

    fn again(self, retransmits: u32) -> Self {
        let disorder = Disorder {
            retransmits,
            retransmitted_bytes: 10 * retransmits,
            out_of_order: 100 + retransmits,
            zero_windows: 200 + retransmits,
        };
        Self { quality: Quality { disorder, ..self.quality }, ..self }
    }
}

fn times(smoothed: u64, min: u64) -> RoundTrips {
    let microseconds = |time| Some(Duration::from_micros(time));
    RoundTrips {
        smoothed: microseconds(smoothed),
        min: microseconds(min),
        view: Some(RoundTripView::Socket),
        ..RoundTrips::default()
    }
}

/// What source and destination sent again.
fn retransmits(seen: &Seen) -> (u32, u32) {
    let (source, destination) = seen.flow().disorder;
    (source.retransmits, destination.retransmits)
}

#[test]
fn the_socket_that_sent_last_gives_the_smoothed_time_and_all_give_the_least() {
    let observations = [
        seen(tcp(1)).at(0).until(50).flags(SYN).socket(400, 300, 0),
        seen(tcp(1)).back().at(1).until(90).socket(900, 200, 0),
        seen(tcp(1)).at(2).until(80).hook(1).socket(500, 250, 0),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let mut bench = Bench::new();
        bench.drain(100, &order.map(|at| observations[at]));
        assert_eq!(bench.finish(150)[0].connection().round_trips, times(900, 200), "{order:?}");
    }
}

/// The record of what is seen in a second, when it is due.
fn record(bench: &mut Bench, second: u64, observations: &[Observation]) -> Seen {
    let moment = second * 1_000;
    let observations: Vec<_> = observations.iter().map(|one| one.at(moment)).collect();
    let mut records = bench.drain(moment + 10, &observations);
    records.extend(bench.quiet(moment + 1_020, moment + 1_020));
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

#[test]
fn times_stay_known_and_follow_the_socket() {
    let mut bench = Bench::with(&short_interval());
    let mut of = |second, observation| record(&mut bench, second, &[observation]).connection().round_trips;
    assert_eq!(of(1, seen(tcp(1)).socket(400, 300, 0)), times(400, 300));
    assert_eq!(of(3, seen(tcp(1))), times(400, 300));
    assert_eq!(of(5, seen(tcp(1)).socket(700, 350, 0)), times(700, 300));
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(2)).at(10)]);
    assert_eq!(bench.finish(200)[0].connection().round_trips, RoundTrips::default(), "no socket was met");
}

#[test]
fn a_socket_without_a_least_time_says_none() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).at(10).socket(400, u32::MAX, 0)]);
    let expected = RoundTrips { min: None, ..times(400, 0) };
    assert_eq!(bench.finish(200)[0].connection().round_trips, expected);
}

fn way(smoothed: u64, min: u64) -> Way {
    Way { smoothed: Duration::from_micros(smoothed), min: Duration::from_micros(min) }
}

#[test]
fn both_ways_of_one_interface_make_a_round_trip_by_timestamps() {
    // Hooks 0 and 1 are the two directions of one interface, 2 and 3 those of another.
    let to_server = seen(tcp(1)).back().at(1);
    let observations = [
        seen(tcp(1)).at(0).hook(2).flags(SYN),
        seen(tcp(1)).at(0).hook(2).echo(60, 50),
        to_server.hook(3).echo(1_000, 900),
        to_server.hook(1).echo(5, 5),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 0, 1]] {
        let mut bench = Bench::new();
        bench.drain(100, &order.map(|at| observations[at]));
        let expected = RoundTrips {
            view: Some(RoundTripView::Timestamps),
            to_source: Some(way(60, 50)),
            to_destination: Some(way(1_000, 900)),
            ..times(1_060, 950)
        };
        assert_eq!(bench.finish(150)[0].connection().round_trips, expected, "{order:?}");
    }
}

#[test]
fn one_way_by_timestamps_makes_no_round_trip() {
    let mut bench = Bench::new();
    bench.drain(100, &[seen(tcp(1)).at(0).flags(SYN), seen(tcp(1)).back().at(1).echo(70, 60)]);
    let is = bench.finish(150)[0].connection().round_trips;
    assert_eq!((is.smoothed, is.min, is.to_source, is.to_destination), (None, None, None, Some(way(70, 60))));
    assert_eq!(is.view, Some(RoundTripView::Timestamps));
}

#[test]
fn times_by_timestamps_are_smoothed_and_give_way_to_a_socket() {
    let mut bench = Bench::with(&short_interval());
    let mut of = |second, observations: &[Observation]| {
        record(&mut bench, second, observations).connection().round_trips
    };
    let answer = |last, min| seen(tcp(1)).back().echo(last, min);
    let first = of(1, &[seen(tcp(1)).flags(SYN), answer(800, 700)]);
    assert_eq!(first.to_destination, Some(way(800, 700)));
    assert_eq!(of(3, &[answer(1_600, 900)]).to_destination, Some(way(900, 700)));
    assert_eq!(of(5, &[answer(100, 100)]).to_destination, Some(way(800, 100)));
    assert_eq!(of(7, &[seen(tcp(1)).socket(400, 300, 0), answer(1, 1)]), times(400, 300));
}

#[test]
fn records_add_up_to_what_a_socket_has_sent_again() {
    let mut bench = Bench::with(&short_interval());
    let opening = seen(tcp(1)).at(990).flags(SYN);
    bench.drain(991, &[opening.socket(1, 1, 1)]);
    let mut of = |second, views: [u32; 2]| {
        // Two hooks, of which one is read a moment earlier.
        let observations = [seen(tcp(1)).socket(1, 1, views[0]), seen(tcp(1)).hook(1).socket(1, 1, views[1])];
        retransmits(&record(&mut bench, second, &observations))
    };
    assert_eq!(of(1, [2, 1]), (2, 0));
    assert_eq!(of(3, [2, 2]), (0, 0));
    assert_eq!(of(5, [5, 9]), (7, 0));
    assert_eq!(of(7, [9, 10]), (1, 0));
}

#[test]
fn a_socket_that_is_older_than_the_agent_counts_from_the_first_record_on() {
    let mut bench = Bench::with(&short_interval());
    let mut of =
        |second, total| retransmits(&record(&mut bench, second, &[seen(tcp(1)).socket(1, 1, total)]));
    assert_eq!([of(1, 1_000), of(3, 1_003), of(5, 1_004)], [(0, 0), (3, 0), (1, 0)]);
}

#[test]
fn a_side_s_own_socket_comes_before_the_hooks() {
    let mut bench = Bench::new();
    let observations =
        [seen(tcp(1)).at(0).flags(SYN).socket(1, 1, 7).again(3), seen(tcp(1)).back().at(1).again(2)];
    bench.drain(100, &observations);
    let record = &bench.finish(150)[0];
    let (source, destination) = record.flow().disorder;
    assert_eq!(retransmits(record), (7, 2));
    // What a socket does not say.
    assert_eq!((source.retransmitted_bytes, source.out_of_order, source.zero_windows), (30, 103, 203));
    assert_eq!(destination, seen(tcp(1)).again(2).quality.disorder);
}

#[test]
fn the_accounting_hook_tells_and_others_do_not_add_to_it() {
    for order in [[0, 1, 2], [2, 1, 0]] {
        let mut bench = Bench::new().with_roles([Role::Uplink, Role::PodPort]);
        let observations = [
            seen(tcp(1)).at(0).hook(0).again(5),
            seen(tcp(1)).at(1).hook(3).again(2),
            seen(tcp(1)).at(2).hook(3).again(1),
        ];
        bench.drain(100, &order.map(|at| observations[at]));
        assert_eq!(retransmits(&bench.finish(150)[0]).0, 3, "{order:?}");
    }
}

#[test]
fn what_one_record_said_the_next_one_does_not() {
    let mut bench = Bench::with(&short_interval());
    let mut of = |second, again| retransmits(&record(&mut bench, second, &[seen(tcp(1)).again(again)]));
    assert_eq!([of(1, 4), of(5, 1)], [(4, 0), (1, 0)]);
    assert_eq!(retransmits(&record(&mut bench, 7, &[seen(tcp(1))])), (0, 0));
}

#[test]
fn many_segments_stay_at_the_greatest_number() {
    let mut bench = Bench::with(&short_interval());
    let mut of =
        |second, total| retransmits(&record(&mut bench, second, &[seen(tcp(1)).socket(1, 1, total)]));
    assert_eq!([of(1, 0), of(3, 100_000), of(5, 100_001)], [(0, 0), (65_534, 0), (1, 0)]);
}
