//! What becomes of a connection, as its records say it.

use crate::flow::{Connection, ConnectionError, ConnectionState, EndReason, Observation, Opening, ResetSide};
use crate::table::tests::support::*;

fn client(moment: u64, flags: u16) -> Observation {
    seen(tcp(1)).hook(2).at(moment).flags(flags)
}

fn server(moment: u64, flags: u16) -> Observation {
    seen(tcp(1)).back().hook(3).at(moment).flags(flags)
}

fn opened() -> Vec<Observation> {
    vec![client(10, SYN), server(11, SYN | ACK), client(12, ACK)]
}

/// The one record of a connection, after its time-outs if it has not ended before.
fn ended(observations: &[Observation]) -> (EndReason, Connection) {
    let mut bench = Bench::new();
    bench.drain(100, observations);
    let mut records = bench.drain(200, &[]);
    records.extend(bench.quiet(1_000, 700_000));
    let last = records.last().unwrap();
    let is_first = |record: &&Seen| record.connection().opening.is_some();
    assert!(records.iter().filter(is_first).count() <= 1);
    assert!(
        records.iter().all(|record| record.sequence == last.sequence || record.connection().error.is_none())
    );
    let opening = records.iter().find_map(|record| record.connection().opening);
    (last.end_reason, Connection { opening, ..last.connection() })
}

fn failed(error: ConnectionError) -> (Option<ConnectionError>, Option<Opening>) {
    (Some(error), Some(Opening::Failed(error)))
}

#[test]
fn a_connection_in_its_states() {
    let state = |observations: &[Observation]| {
        let mut bench = Bench::new();
        bench.drain(100, observations);
        bench.drain(INTERVAL, &[])[0].connection().state
    };
    assert_eq!(state(&[client(10, SYN)]), Some(ConnectionState::SynSent));
    assert_eq!(state(&[client(10, SYN), client(20, SYN)]), Some(ConnectionState::SynSent));
    assert_eq!(state(&opened()[..2]), Some(ConnectionState::SynReceived));
    assert_eq!(state(&[server(11, SYN | ACK)]), Some(ConnectionState::SynReceived));
    assert_eq!(state(&[client(10, SYN), server(11, SYN)]), Some(ConnectionState::SynReceived));
    assert_eq!(state(&opened()), Some(ConnectionState::Established));
    // The way back is another one.
    assert_eq!(state(&[client(10, SYN), client(12, ACK)]), Some(ConnectionState::Established));
    // Seen from its middle on.
    assert_eq!(state(&[client(10, ACK), server(11, ACK)]), Some(ConnectionState::Established));
    assert_eq!(state(&[client(10, ACK)]), None);
}

#[test]
fn a_connection_that_one_end_closed_stands_where_the_source_does() {
    let state = |observations: &[Observation]| {
        let mut bench = Bench::new();
        bench.drain(100, observations);
        let states = [bench.drain(INTERVAL, &[]), bench.quiet(INTERVAL + 1_000, 700_000)];
        states.map(|records| records.last().and_then(|record| record.connection().state))
    };
    // Still so when it is given up.
    for (fin, expected) in [
        (client(13, FIN | ACK), ConnectionState::FinWait),
        (server(13, FIN | ACK), ConnectionState::CloseWait),
    ] {
        assert_eq!(state(&[&opened()[..], &[fin]].concat()), [Some(expected); 2]);
        // The other end goes on to send.
        let rest = [client(15, ACK), server(15, ACK)];
        assert_eq!(state(&[&opened()[..], &[fin], &rest].concat()), [Some(expected); 2]);
    }
    assert_eq!(state(&[client(13, FIN | ACK)]), [Some(ConnectionState::FinWait); 2]);
}

#[test]
fn a_connection_says_which_side_reset_it() {
    let reset = |observations: &[Observation]| ended(observations).1.reset;
    let (by_client, by_server) = (client(15, RST), server(15, RST | ACK));
    let syn = client(10, SYN);
    for begin in [&opened()[..], &opened()[..2], &[syn], &[client(10, ACK), server(11, ACK)], &[]] {
        // Who sends something at all is the source if nothing else tells.
        let (source, destination) = (ResetSide::Source, ResetSide::Destination);
        assert_eq!(reset(&[begin, &[by_client]].concat()), Some(source), "{begin:?}");
        if !begin.is_empty() {
            assert_eq!(reset(&[begin, &[by_server]].concat()), Some(destination), "{begin:?}");
        }
        assert_eq!(reset(&[begin, &[by_client, by_server]].concat()), None, "{begin:?}");
    }
    // After one end's last word it is a reset, after both ends' it ends nothing.
    let half = [&opened()[..], &[client(13, FIN | ACK)]].concat();
    assert_eq!(reset(&[&half[..], &[by_server]].concat()), Some(ResetSide::Destination));
    assert_eq!(reset(&[&half[..], &[server(14, FIN | ACK), by_client]].concat()), None);
    assert_eq!(reset(&opened()), None);
}

#[test]
fn only_the_last_record_says_which_side_reset() {
    let mut bench = Bench::new();
    bench.drain(100, &opened());
    bench.drain(INTERVAL, &[]);
    bench.drain(INTERVAL + 1_000, &[server(INTERVAL + 900, RST)]);
    bench.drain(INTERVAL + 2_000, &[]);
    let said: Vec<_> = bench.records.iter().map(|record| record.connection().reset).collect();
    assert_eq!(said, [None, Some(ResetSide::Destination)]);
}

#[test]
fn a_connection_that_both_ends_close_has_not_failed() {
    let close = [client(13, FIN | ACK), server(14, FIN | ACK)];
    for farewell in [vec![], vec![client(15, RST)]] {
        let (reason, connection) = ended(&[&opened()[..], &close, &farewell].concat());
        assert_eq!((reason, connection.state), (EndReason::EndOfFlow, Some(ConnectionState::Closed)));
        assert_eq!((connection.error, connection.opening), (None, Some(Opening::Established)));
    }
}

#[test]
fn a_rst_that_answers_a_syn_refuses() {
    for rst in [RST | ACK, RST] {
        let (reason, connection) = ended(&[client(10, SYN), server(11, rst)]);
        assert_eq!((reason, connection.state), (EndReason::EndOfFlow, Some(ConnectionState::Closed)));
        assert_eq!((connection.error, connection.opening), failed(ConnectionError::Refused));
        assert_eq!(connection.times.connect, None);
    }
}

#[test]
fn a_rst_after_the_syn_ack_resets_what_was_never_established() {
    for rst in [client(12, RST), client(12, RST | ACK), server(12, RST | ACK)] {
        let (_, connection) = ended(&[client(10, SYN), server(11, SYN | ACK), rst]);
        assert_eq!((connection.error, connection.opening), failed(ConnectionError::Reset));
        assert_eq!(connection.times.connect, None);
    }
}

#[test]
fn a_rst_of_an_established_connection_resets_it_and_does_not_undo_its_opening() {
    for rst in [client(15, RST | ACK), server(15, RST)] {
        let (_, connection) = ended(&[&opened()[..], &[rst]].concat());
        assert_eq!(connection.error, Some(ConnectionError::Reset));
        assert_eq!(connection.opening, Some(Opening::Established));
    }
}

#[test]
fn a_syn_without_an_answer_times_out() {
    let (reason, connection) = ended(&[client(10, SYN), client(20, SYN)]);
    assert_eq!((reason, connection.state), (EndReason::IdleTimeout, Some(ConnectionState::SynSent)));
    assert_eq!((connection.error, connection.opening), failed(ConnectionError::TimedOut));
}

#[test]
fn what_was_answered_does_not_time_out() {
    for answer in [server(11, SYN | ACK), server(11, ACK), server(11, SYN)] {
        let (reason, connection) = ended(&[client(10, SYN), answer]);
        assert_eq!((reason, connection.error, connection.opening), (EndReason::IdleTimeout, None, None));
    }
}

#[test]
fn an_agent_that_stops_does_not_know_whether_a_connection_fails() {
    let mut bench = Bench::new();
    bench.drain(100, &[client(10, SYN)]);
    let last = bench.finish(200)[0].connection();
    assert_eq!((last.error, last.opening), (None, None));
}

#[test]
fn what_was_joined_in_its_middle_is_not_opened() {
    let (_, connection) = ended(&[client(10, ACK), server(11, ACK), server(20, RST)]);
    assert_eq!((connection.error, connection.opening), (Some(ConnectionError::Reset), None));
    let (_, connection) = ended(&[client(10, ACK), client(20, RST)]);
    assert_eq!((connection.error, connection.opening), (None, None));
}

#[test]
fn a_new_connection_of_the_same_tuple_is_opened_again() {
    let mut bench = Bench::new();
    let whole = |moment| {
        [
            client(moment, SYN),
            server(moment + 1, SYN | ACK),
            client(moment + 2, FIN | ACK),
            server(moment + 3, FIN | ACK),
        ]
    };
    bench.drain(1_000, &whole(900));
    bench.drain(2_000, &whole(1_900));
    bench.drain(3_000, &[client(2_900, SYN), server(2_901, RST | ACK)]);
    bench.drain(4_000, &[]);
    let openings: Vec<_> = bench.records.iter().filter_map(|record| record.connection().opening).collect();
    let refused = Opening::Failed(ConnectionError::Refused);
    assert_eq!(openings, [Opening::Established, Opening::Established, refused]);
    assert!(bench.records.iter().all(|record| {
        let times = record.connection().times;
        times.connect.is_none_or(|time| time.as_millis() == 2)
    }));
}
