//! Records for the tests of all formats.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use semconv::Attribute;

use crate::clock::WallTime;
use crate::flow::{
    AttributeSink, Counts, Direction, Disorder, Ecn, EndReason, Endpoint, Evidence, FlowId, FlowRecord, Hook,
    OtherReason, OtherRecord, Record, TcpFlags, Vlan, samples,
};

/// 2026-01-02T03:04:05.000000006Z.
const TIME: WallTime = WallTime(1_767_323_045_000_000_006);

pub(super) fn hook(interface: &str) -> Hook {
    Hook::named(0, 2, Direction::Egress, interface)
}

/// A TCP connection to an HTTPS server that has just ended.
pub(super) fn flow(hook: &Hook) -> FlowRecord<'_> {
    FlowRecord {
        id: FlowId(0xabc),
        sequence: 3,
        start: TIME,
        interval_start: TIME,
        timestamp: TIME,
        observed: TIME,
        duration: 1_500_000_000,
        end_reason: EndReason::EndOfFlow,
        evidence: Evidence::Syn,
        source: endpoint("10.0.0.1", 40_000, 12, 3_456),
        destination: endpoint("10.0.0.2", 443, 10, 12_345_678),
        protocol: 6,
        ip_version: 4,
        community_id: None,
        hook: Some(hook),
        hook_is_reverse: false,
        vlan: Vlan::default(),
        // FIN, SYN, PSH and ACK.
        tcp_flags: Some(TcpFlags(0b1_1011)),
        connection: None,
        application: None,
        sample: std::num::NonZeroU32::MIN,
        icmp: None,
        path: &[],
        drops: &[],
        icmp_errors: &[],
    }
}

pub(super) fn other(hook: &Hook) -> OtherRecord<'_> {
    OtherRecord {
        id: FlowId(0xdef),
        sequence: 0,
        start: TIME,
        interval_start: TIME,
        observed: TIME,
        end_reason: EndReason::ActiveTimeout,
        hook: Some(hook),
        reason: OtherReason::Malformed,
        counts: Counts { packets: 7, bytes: 700 },
    }
}

pub(super) fn endpoint(address: &str, port: u16, packets: u64, bytes: u64) -> Endpoint {
    Endpoint {
        address: address.parse().unwrap(),
        port: Some(port),
        mac: None,
        counts: Counts { packets, bytes },
        dscp: None,
        ecn: Ecn::default(),
        disorder: Disorder::default(),
    }
}

/// What varies from record to record, with everything that it lends.
#[derive(Clone, Debug)]
pub(super) struct Varied {
    hook: Hook,
    flow: FlowRecord<'static>,
    is_other: bool,
}

impl Varied {
    pub(super) fn with<T>(&self, look: impl FnOnce(Record<'_>) -> T) -> T {
        if self.is_other {
            return look(Record::Other(&other(&self.hook)));
        }
        look(Record::Flow(&FlowRecord { hook: Some(&self.hook), ..self.flow.clone() }))
    }
}

prop_compose! {
    /// Any record, of a flow or, at times, without endpoints.
    pub(super) fn any_record()(
        hook in samples::any_hook(),
        flow in samples::any_flow(),
        choice in 0_u8..8,
    ) -> Varied {
        Varied { hook, flow, is_other: choice == 0 }
    }
}

/// The attributes of a record as JSON values, the way a reader sees them.
pub(super) fn attributes(record: Record<'_>) -> Map<String, Value> {
    let mut members = Members(Map::new());
    record.attributes(&mut members);
    members.0
}

struct Members(Map<String, Value>);

impl AttributeSink for Members {
    fn text(&mut self, attribute: Attribute, value: &str) {
        self.0.insert(attribute.key.into(), json!(value));
    }

    fn int(&mut self, attribute: Attribute, value: i64) {
        self.0.insert(attribute.key.into(), json!(value));
    }

    fn double(&mut self, attribute: Attribute, value: f64) {
        self.0.insert(attribute.key.into(), json!(value));
    }

    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone) {
        self.0.insert(attribute.key.into(), values.collect());
    }

    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone) {
        self.0.insert(attribute.key.into(), values.collect());
    }

    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone) {
        self.0.insert(attribute.key.into(), values.collect());
    }
}
