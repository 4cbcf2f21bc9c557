//! Flows of the agent's own connections.

use std::sync::Arc;

use crate::clock::Clock;
use crate::connections::{OwnConnection, OwnConnections};
use crate::flow::{Counts, EndReason, Observation, Tuple};
use crate::table::tests::support::*;

/// The connection of `tcp(1)`.
fn open(own: &Arc<OwnConnections>, moment: u64) -> OwnConnection {
    let ends = || Ok(("10.0.1.1:40000".parse().unwrap(), "10.0.0.1:80".parse().unwrap()));
    own.open(milliseconds(moment), ends).unwrap()
}

/// Both sides of a connection that opens and closes.
fn whole(tuple: Tuple, moment: u64) -> [Observation; 2] {
    let client = seen(tuple).at(moment).until(moment + 50).packets(5).flags(SYN);
    let server = seen(tuple).back().hook(1).at(moment + 1).until(moment + 50).packets(4).flags(SYN | ACK);
    [client, server]
        .map(|side| Observation { tcp_flags: crate::flow::TcpFlags(side.tcp_flags.0 | FIN | ACK), ..side })
}

fn excluded(bench: &Bench) -> u64 {
    bench.ledger.snapshot().iter().map(|(_, row)| row.excluded).sum::<Counts>().packets
}

#[test]
fn a_flow_of_an_own_connection_has_no_record_and_its_packets_are_excluded_at_every_hook() {
    let own = Arc::<OwnConnections>::default();
    let _connection = open(&own, 0);
    let mut bench = Bench::excluding(&own);
    let opened = [seen(tcp(1)).at(5).flags(SYN), seen(tcp(1)).back().hook(1).at(6).flags(SYN | ACK)];
    bench.drain(100, &opened);
    for moment in (1..60).map(|second| second * 1_000) {
        bench.drain(
            moment,
            &[seen(tcp(1)).at(moment), seen(tcp(1)).hook(2).at(moment), seen(udp(1)).at(moment)],
        );
    }
    assert!(!bench.table.names(crate::flow::HookId(2)), "no record of it will come");
    bench.finish(60_000);
    assert!(bench.records.iter().all(|record| record.flow().protocol == abi::protocol::UDP));
    assert_eq!(bench.records.iter().map(|record| record.packets.0).sum::<u64>(), 59);
    assert_eq!(excluded(&bench), 2 + 2 * 59);
}

#[test]
fn an_own_flow_ends_by_its_close_and_by_silence() {
    let own = Arc::<OwnConnections>::default();
    let _connection = open(&own, 0);
    let mut bench = Bench::excluding(&own);
    bench.drain(100, &whole(tcp(1), 10));
    assert_eq!(bench.table.len(), 1);
    bench.quiet(1_000, 3_000);
    assert!(bench.table.is_empty());
    bench.drain(4_000, &[seen(tcp(1)).at(4_000)]);
    assert_eq!(bench.table.len(), 1);
    bench.quiet(5_000, 700_000);
    assert!(bench.table.is_empty());
    assert_eq!((bench.records.len(), excluded(&bench)), (0, 10));
}

#[test]
fn who_gets_the_tuple_after_the_agent_is_reported() {
    let own = Arc::<OwnConnections>::default();
    let connection = open(&own, 0);
    let mut bench = Bench::excluding(&own);
    bench.drain(100, &whole(tcp(1), 10));
    drop(connection);
    let later = Clock::now().monotonic().0 / 1_000_000 + 1_000;
    bench.drain(later, &[seen(tcp(1)).at(later).flags(FIN | ACK)]);
    assert_eq!((bench.records.len(), excluded(&bench)), (0, 10), "a FIN that is sent again");
    bench.drain(later + 1_000, &whole(tcp(1), later + 500));
    bench.quiet(later + 2_000, later + 4_000);
    let [record] = &bench.records[..] else { panic!("{:?}", bench.records) };
    assert_eq!((record.packets, record.end_reason), ((5, 4), EndReason::EndOfFlow));
    assert_eq!(excluded(&bench), 10);
}

#[test]
fn who_had_the_tuple_before_the_agent_is_reported() {
    let own = Arc::<OwnConnections>::default();
    let mut bench = Bench::excluding(&own);
    bench.drain(100, &whole(tcp(1), 10));
    bench.quiet(1_000, 1_000);
    let _connection = open(&own, 2_000);
    bench.drain(3_000, &whole(tcp(1), 2_500));
    bench.quiet(4_000, 6_000);
    let [record] = &bench.records[..] else { panic!("{:?}", bench.records) };
    assert_eq!((record.packets, excluded(&bench)), ((5, 4), 9));
}
