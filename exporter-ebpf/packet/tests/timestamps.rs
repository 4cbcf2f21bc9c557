//! Round trips by timestamps, beside what is known of every segment.

use std::cell::Cell;
use std::collections::HashMap;

use abi::{Timing, Timings};
use packet::{Answer, Stamped};
use proptest::collection::vec;
use proptest::prelude::*;

/// Of a timer tick, and of the senders' clocks, in units of the program's.
const TICK: u32 = 3_906;
const CLOCK: u32 = 977;

const OWNER: u32 = 0x9abc_def1;

/// A segment at the interface.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: u32,
    side: usize,
    segment: Stamped,
}

/// What the program knows of one side's segments.
#[derive(Clone, Copy, Default)]
struct Entry {
    last_tick: Option<u32>,
    is_watched: bool,
}

/// Shows segments to the rule as the program does: the first of each side and tick, and those of a side that is watched. Gives each
/// round trip, with the segment that ended it, and how many segments were looked at.
fn times(story: &[Seen], owner: u32, timings: &mut Timings) -> (Vec<(usize, u32)>, usize) {
    let mut entries = [Entry::default(); 2];
    let (mut found, mut looks) = (Vec::new(), 0);
    for (number, &Seen { at, side, segment }) in story.iter().enumerate() {
        let (tick, entry) = (at / TICK, &mut entries[side]);
        let is_looked_at = entry.last_tick != Some(tick) || entry.is_watched;
        entry.last_tick = Some(tick);
        if !is_looked_at {
            continue;
        }
        looks += 1;
        entry.is_watched = segment.sent(&mut timings[side], owner, || at);
        match segment.answers(&mut timings[1 - side], owner, tick, || at) {
            Answer::None => {}
            Answer::Watch => entry.is_watched = true,
            Answer::RoundTrip(time) => found.push((number, time)),
        }
    }
    (found, looks)
}

/// The truth about a segment that ended a round trip: it is the first that echoes the timestamp, and the first that had the
/// timestamp had data.
fn check(story: &[Seen], number: usize, time: u32) {
    let Seen { at, side, segment } = story[number];
    let before = &story[..number];
    let is_again = before.iter().any(|seen| seen.side == side && seen.segment.echo == segment.echo);
    assert!(!is_again, "not the first echo: {number} of {story:?}");
    let is_first = |seen: &&Seen| seen.side != side && seen.segment.value == segment.echo;
    let first = before.iter().find(is_first).expect("what is echoed has passed");
    assert!(first.segment.has_data, "{first:?}");
    assert_eq!(time, (at - first.at.max(1)).max(1), "{first:?}");
}

/// Both sides at random: whatever has passed the interface may be echoed, and nothing earlier than the last echo.
fn any_story() -> impl Strategy<Value = Vec<Seen>> {
    let step = (prop_oneof![0..300_u32, 0..3_000_u32, 0..30_000_u32], 0..2_usize, any::<bool>(), 0..4_usize);
    (vec(step, 1..400), any::<[u32; 2]>()).prop_map(|(steps, clocks)| {
        let (mut at, mut passed) = (0, [vec![], vec![]]);
        let mut echoed = [0_usize; 2];
        let mut story = Vec::new();
        for (wait, side, has_data, ahead) in steps {
            at += wait;
            let others: &Vec<u32> = &passed[1 - side];
            echoed[side] = (echoed[side] + ahead).min(others.len().saturating_sub(1));
            let echo = others.get(echoed[side]).copied().unwrap_or_default();
            let segment = Stamped { value: clocks[side].wrapping_add(at / CLOCK), echo, has_data };
            passed[side].push(segment.value);
            story.push(Seen { at, side, segment });
        }
        story
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn a_round_trip_is_between_the_first_of_a_timestamp_and_its_first_echo(story in any_story(), owner: u32) {
        // No connection has none.
        for (number, time) in times(&story, owner | 1, &mut Timings::default()).0 {
            check(&story, number, time);
        }
    }
}

/// Questions and answers, `way` from the interface, for so many ticks.
fn talk(way: u32, ticks: u32) -> Vec<Seen> {
    let (mut story, mut at, mut values) = (Vec::new(), 0, [0, 0]);
    while at < ticks * TICK {
        for side in 0..2 {
            values[side] = at / CLOCK;
            let segment = Stamped { value: values[side], echo: values[1 - side], has_data: true };
            story.push(Seen { at, side, segment });
            at += if side == 0 { way } else { CLOCK };
        }
    }
    story
}

#[test]
fn questions_and_answers_have_round_trips_of_both_ways() {
    for way in [CLOCK, 40_000, 1_000_000] {
        let story = talk(way, 2_000);
        let (found, _) = times(&story, OWNER, &mut Timings::default());
        let mut by_side = HashMap::<_, usize>::new();
        for (number, time) in found {
            check(&story, number, time);
            let side = story[number].side;
            assert_eq!(time, if side == 1 { way } else { CLOCK });
            *by_side.entry(side).or_default() += 1;
        }
        assert!(by_side.len() == 2 && by_side[&1] >= 1, "{way}: {by_side:?}");
    }
}

/// One side sends all the time, and the other acknowledges after a while.
fn stream(way: u32, ticks: u32) -> Vec<Seen> {
    const STEP: u32 = 40;
    let mut story = Vec::new();
    for at in (0..ticks * TICK).step_by(STEP as usize) {
        let data = Stamped { value: at / CLOCK, echo: 0, has_data: true };
        story.push(Seen { at, side: 0, segment: data });
        if let Some(echo) = at.checked_sub(way) {
            let segment = Stamped { value: at / CLOCK, echo: echo / CLOCK, has_data: false };
            story.push(Seen { at, side: 1, segment });
        }
    }
    story
}

#[test]
fn of_a_stream_few_segments_are_looked_at() {
    for way in [400, 4_000, 40_000] {
        let story = stream(way, 3_000);
        let (found, looks) = times(&story, OWNER, &mut Timings::default());
        assert!(found.len() >= 3, "{way}: {found:?}");
        for (number, time) in found {
            check(&story, number, time);
            assert!(time.abs_diff(way) <= 40, "{way}: {time}");
        }
        assert!(looks * 20 < story.len(), "{way}: {looks} of {}", story.len());
    }
}

#[test]
fn who_only_acknowledges_is_not_timed_and_seldom_watched() {
    let story = stream(400, 3_000);
    let answers = Cell::new(0);
    let mut timing = Timing::default();
    for (number, Seen { at, side, segment }) in story.iter().copied().enumerate() {
        if side == 0 {
            // The data side answers what has no data.
            let answer = segment.answers(&mut timing, OWNER, at / TICK, || at);
            assert!(!matches!(answer, Answer::RoundTrip(_)), "{number}");
            answers.set(answers.get() + usize::from(answer == Answer::Watch));
        } else {
            segment.sent(&mut timing, OWNER, || at);
        }
    }
    assert!(answers.get() * 20 < story.len(), "{} of {}", answers.get(), story.len());
}

#[test]
fn what_was_lost_behind_the_interface_is_not_timed() {
    let segment = |value, echo, has_data| Stamped { value, echo, has_data };
    let mut timing = Timing::default();
    assert_eq!(segment(0, 4, false).answers(&mut timing, OWNER, 1, || 10), Answer::Watch);
    assert!(segment(5, 0, true).sent(&mut timing, OWNER, || 20));
    assert!(!segment(6, 0, true).sent(&mut timing, OWNER, || 30));
    assert_eq!(segment(0, 5, false).answers(&mut timing, OWNER, 1, || 40), Answer::Watch);
    // The segment with 6 never came: what was sent again has 9.
    assert_eq!(segment(0, 9, false).answers(&mut timing, OWNER, 1, || 50), Answer::None);
    assert_eq!(timing.looks, 0, "it rests");
}

#[test]
fn two_connections_of_one_place_take_turns_and_disturb_no_measurement() {
    let segment = |value, echo| Stamped { value, echo, has_data: true };
    let other = OWNER ^ 0x1234_5678;
    let mut timing = Timing::default();
    assert_eq!(segment(0, 4).answers(&mut timing, OWNER, 1, || 10), Answer::Watch);
    assert_eq!(segment(0, 4).answers(&mut timing, other, 2, || 10), Answer::None);
    assert!(!segment(5, 0).sent(&mut timing, other, || 20));
    assert!(segment(5, 0).sent(&mut timing, OWNER, || 20));
    assert!(!segment(6, 0).sent(&mut timing, OWNER, || 30));
    assert_eq!(segment(0, 6).answers(&mut timing, OWNER, 2, || 45), Answer::RoundTrip(15));
    // Its place is free after a time.
    assert_eq!(segment(0, 4).answers(&mut timing, other, 10, || 50), Answer::None);
    assert_eq!(segment(0, 4).answers(&mut timing, other, 258, || 60), Answer::Watch);
    assert!(!segment(7, 0).sent(&mut timing, OWNER, || 70));
}
