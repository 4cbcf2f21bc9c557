//! Records for the tests of all formats.

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use semconv::Attribute;

use crate::clock::WallTime;
use crate::flow::{
    AttributeSink, Counts, Direction, Ecn, EndReason, Endpoint, Evidence, FlowId, FlowRecord, Hook,
    OtherReason, OtherRecord, Record, TcpFlags, Vlan,
};

/// 2026-01-02T03:04:05.000000006Z.
const TIME: WallTime = WallTime(1_767_323_045_000_000_006);

pub(super) fn hook(interface: &str) -> Hook {
    Hook { scope: 0, ifindex: 2, direction: Direction::Egress, interface: interface.into() }
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
        hook: Some(hook),
        hook_is_reverse: false,
        vlan: Vlan::default(),
        // FIN, SYN, PSH and ACK.
        tcp_flags: Some(TcpFlags(0b1_1011)),
        icmp: None,
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
        hook,
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
    }
}

/// What varies from record to record, with everything that it lends.
#[derive(Clone, Debug)]
pub(super) struct Varied {
    hook: Hook,
    source: Endpoint,
    destination: Endpoint,
    ip_version: u8,
    protocol: u8,
    duration: u64,
    flags: Option<TcpFlags>,
    vlan: Option<u16>,
    is_other: bool,
}

impl Varied {
    pub(super) fn with<T>(&self, look: impl FnOnce(Record<'_>) -> T) -> T {
        if self.is_other {
            return look(Record::Other(&other(&self.hook)));
        }
        let record = FlowRecord {
            source: self.source,
            destination: self.destination,
            ip_version: self.ip_version,
            protocol: self.protocol,
            duration: self.duration,
            tcp_flags: self.flags,
            vlan: Vlan { outer: self.vlan, inner: None },
            ..flow(&self.hook)
        };
        look(Record::Flow(&record))
    }
}

prop_compose! {
    /// Any record: IPv4 and IPv6, interfaces with odd names, any counts.
    pub(super) fn any_record()(
        name in "\\PC{1,4}|[\"\\\\,\n\u{1b}]{1,3}|eth[0-9]",
        addresses: [[u8; 16]; 2],
        v4: bool,
        ports: [Option<u16>; 2],
        counts: [(u64, u64); 2],
        ecn in 0_u8..16,
        protocol: u8,
        duration: u64,
        flags in proptest::option::of(0_u16..512),
        vlan in proptest::option::of(0_u16..4096),
        choice in 0_u8..8,
    ) -> Varied {
        let end = |index: usize| {
            let bytes: [u8; 16] = addresses[index];
            let (packets, bytes_counted) = counts[index];
            Endpoint {
                address: if v4 { IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]]) } else { IpAddr::from(bytes) },
                port: ports[index],
                mac: None,
                counts: Counts { packets, bytes: bytes_counted },
                dscp: ports[index].map(|port| port.to_be_bytes()[0]),
                ecn: Ecn(ecn),
            }
        };
        Varied {
            hook: hook(&name),
            source: end(0),
            destination: end(1),
            ip_version: if v4 { 4 } else { 6 },
            protocol,
            duration,
            flags: flags.map(TcpFlags),
            vlan,
            is_other: choice == 0,
        }
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
}
