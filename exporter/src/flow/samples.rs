//! Records for the tests of all stages that write them.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::WallTime;
use crate::flow::{
    CommunityId, Connection, ConnectionError, ConnectionState, Counts, Direction, Disorder, Ecn, EndReason,
    Endpoint, Evidence, FlowId, FlowRecord, HandshakeTimes, Hook, Icmp, Mac, Opening, OtherReason,
    OtherRecord, ResetSide, RoundTripView, RoundTrips, TcpFlags, Vlan, Way,
};

pub(crate) fn hook() -> Hook {
    Hook::named(0, 3, Direction::Ingress, "veth-a")
}

/// A TLS connection, opened in this interval.
pub(crate) fn tcp(hook: &Hook) -> FlowRecord<'_> {
    FlowRecord {
        id: FlowId(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
        sequence: 0,
        start: WallTime(1_764_000_000_000_000_001),
        interval_start: WallTime(1_764_000_000_000_000_001),
        timestamp: WallTime(1_764_000_004_500_000_000),
        observed: WallTime(1_764_000_005_000_000_000),
        duration: 4_499_999_999,
        end_reason: EndReason::ActiveTimeout,
        evidence: Evidence::Syn,
        source: Endpoint {
            address: IpAddr::from([10, 0, 0, 1]),
            port: Some(40_000),
            mac: Some(Mac([2, 0, 0, 0, 0, 1])),
            counts: Counts { packets: 10, bytes: 2_000 },
            dscp: Some(0),
            ecn: Ecn(1),
            disorder: Disorder { retransmits: 3, retransmitted_bytes: 4_344, ..Disorder::default() },
        },
        destination: Endpoint {
            address: IpAddr::from([10, 0, 0, 2]),
            port: Some(443),
            mac: Some(Mac([2, 0, 0, 0, 0, 2])),
            counts: Counts { packets: 12, bytes: 12_345 },
            dscp: Some(46),
            ecn: Ecn(0b0101),
            disorder: Disorder { out_of_order: 2, zero_windows: 1, ..Disorder::default() },
        },
        protocol: 6,
        ip_version: 4,
        community_id: Some(CommunityId([0xa5; 20])),
        hook: Some(hook),
        hook_is_reverse: false,
        vlan: Vlan::default(),
        tcp_flags: Some(TcpFlags(0x1a)),
        connection: Some(Connection {
            state: Some(ConnectionState::Established),
            error: None,
            reset: None,
            times: HandshakeTimes {
                server: Some(Duration::from_micros(41_803)),
                client: Some(Duration::from_micros(51)),
                connect: Some(Duration::from_micros(41_855)),
            },
            round_trips: RoundTrips {
                smoothed: Some(Duration::from_micros(43_112)),
                min: Some(Duration::from_micros(41_790)),
                view: Some(RoundTripView::Socket),
                to_source: None,
                to_destination: None,
            },
            opening: Some(Opening::Established),
        }),
        application: None,
        sample: std::num::NonZeroU32::MIN,
        icmp: None,
        path: &[],
        drops: &[],
        icmp_errors: &[],
    }
}

pub(crate) fn other(hook: &Hook) -> OtherRecord<'_> {
    OtherRecord {
        id: FlowId(7),
        sequence: 3,
        start: WallTime(1_764_000_000_000_000_000),
        interval_start: WallTime(1_764_000_010_000_000_000),
        observed: WallTime(1_764_000_020_000_000_000),
        end_reason: EndReason::ActiveTimeout,
        hook: Some(hook),
        reason: OtherReason::Overflow,
        counts: Counts { packets: 5, bytes: 320 },
    }
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let counts = (any::<u64>(), any::<u64>()).prop_map(|(packets, bytes)| Counts { packets, bytes });
    let facts = (proptest::option::of(any::<u16>()), proptest::option::of(any::<[u8; 6]>()));
    let qualities = (proptest::option::of(0_u8..64), 0_u8..16, any_disorder());
    (any_address(), facts, counts, qualities).prop_map(
        |(address, (port, mac), counts, (dscp, ecn, disorder))| Endpoint {
            address,
            port,
            mac: mac.map(Mac),
            counts,
            dscp,
            ecn: Ecn(ecn),
            disorder,
        },
    )
}

fn any_disorder() -> impl Strategy<Value = Disorder> {
    any::<[u32; 4]>().prop_map(|[retransmits, retransmitted_bytes, out_of_order, zero_windows]| Disorder {
        retransmits,
        retransmitted_bytes,
        out_of_order,
        zero_windows,
    })
}

pub(crate) fn any_connection() -> impl Strategy<Value = Connection> {
    let time = || proptest::option::of(any::<u32>().prop_map(|time| Duration::from_micros(time.into())));
    let state = prop_oneof![
        Just(ConnectionState::SynSent),
        Just(ConnectionState::SynReceived),
        Just(ConnectionState::Established),
        Just(ConnectionState::FinWait),
        Just(ConnectionState::CloseWait),
        Just(ConnectionState::Closed),
    ];
    let error = || {
        prop_oneof![
            Just(ConnectionError::Refused),
            Just(ConnectionError::Reset),
            Just(ConnectionError::TimedOut),
            Just(ConnectionError::HostUnreachable)
        ]
    };
    let opening = prop_oneof![Just(Opening::Established), error().prop_map(Opening::Failed)];
    let times = (time(), time(), time());
    let way = || {
        (time(), time())
            .prop_map(|(smoothed, min)| smoothed.zip(min).map(|(smoothed, min)| Way { smoothed, min }))
    };
    let view =
        proptest::option::of(prop_oneof![Just(RoundTripView::Socket), Just(RoundTripView::Timestamps)]);
    let round_trips =
        (time(), time(), view, way(), way()).prop_map(|(smoothed, min, view, to_source, to_destination)| {
            RoundTrips { smoothed, min, view, to_source, to_destination }
        });
    let reset = prop_oneof![Just(ResetSide::Source), Just(ResetSide::Destination)];
    let end = (proptest::option::of(error()), proptest::option::of(reset));
    (proptest::option::of(state), end, times, round_trips, proptest::option::of(opening)).prop_map(
        |(state, (error, reset), (server, client, connect), round_trips, opening)| Connection {
            state,
            error,
            reset,
            times: HandshakeTimes { server, client, connect },
            round_trips,
            opening,
        },
    )
}

/// With any name that an interface may have, and often with one that a format has to escape.
pub(crate) fn any_hook() -> impl Strategy<Value = Hook> {
    ("[^/\u{0}]{1,15}|\\PC{1,4}|[\"\\\\,\n\u{1b}]{1,3}|eth[0-9]", any::<bool>()).prop_map(
        |(interface, ingress)| {
            let direction = if ingress { Direction::Ingress } else { Direction::Egress };
            Hook::named(0, 9, direction, &interface)
        },
    )
}

/// A flow record with everything that may be absent absent at times. The hook is lent when the record is used.
pub(crate) fn any_flow() -> impl Strategy<Value = FlowRecord<'static>> {
    let identity = (any::<u128>(), any::<u32>());
    let times = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    let vlan = (proptest::option::of(0_u16..4096), proptest::option::of(0_u16..4096));
    let tcp = (proptest::option::of(0_u16..4096), proptest::option::of(any_connection()));
    let facts = (tcp, proptest::option::of(any::<(u8, u8)>()), any::<(u8, bool)>());
    let ends = (any_endpoint(), any_endpoint(), 0_usize..5, any::<bool>());
    (identity, times, vlan, facts, ends).prop_map(|(identity, times, vlan, facts, ends)| {
        const REASONS: [EndReason; 5] = [
            EndReason::ActiveTimeout,
            EndReason::IdleTimeout,
            EndReason::EndOfFlow,
            EndReason::ForcedEnd,
            EndReason::LackOfResources,
        ];
        FlowRecord {
            id: FlowId(identity.0),
            sequence: identity.1,
            start: WallTime(times.0),
            interval_start: WallTime(times.1),
            timestamp: WallTime(times.2),
            observed: WallTime(times.3),
            duration: times.4,
            end_reason: REASONS[ends.2],
            evidence: if ends.3 { Evidence::Syn } else { Evidence::FirstPacket },
            source: ends.0,
            destination: ends.1,
            protocol: facts.2.0,
            ip_version: if facts.2.1 { 4 } else { 6 },
            community_id: None,
            hook: None,
            hook_is_reverse: facts.2.1,
            vlan: Vlan { outer: vlan.0, inner: vlan.1 },
            tcp_flags: facts.0.0.map(TcpFlags),
            connection: facts.0.1,
            application: None,
            sample: std::num::NonZeroU32::MIN,
            icmp: facts.1.map(|(kind, code)| Icmp { kind, code }),
            path: &[],
            drops: &[],
            icmp_errors: &[],
        }
    })
}
