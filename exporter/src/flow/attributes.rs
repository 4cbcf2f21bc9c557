//! A record as OpenTelemetry attributes: the one place that says which fact has which name.
//!
//! The order is the registry's, which is also the order of the columns. A fact that is not known is left out.

mod application;
mod path;

use std::num::NonZeroU32;

use abi::Direction;
use semconv::{Attribute, attribute, value};
use smallvec::SmallVec;

use crate::flow::text::{self, Text};
use crate::flow::{
    Connection, DropCount, Endpoint, FlowError, FlowRecord, Hook, OtherRecord, Record, Role, RoundTrips, Vlan,
};

/// Takes attributes one by one. Values are lent, nothing is allocated on the way.
pub trait AttributeSink {
    /// A text.
    fn text(&mut self, attribute: Attribute, value: &str);
    /// A text of ASCII characters. A sink that only copies need not have them looked through again.
    fn ascii<const N: usize>(&mut self, attribute: Attribute, value: &Text<N>) {
        self.text(attribute, value);
    }
    /// An integer.
    fn int(&mut self, attribute: Attribute, value: i64);
    /// A floating point number.
    fn double(&mut self, attribute: Attribute, value: f64);
    /// A list of texts, which may be walked twice.
    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone);
    /// A list of integers, which may be walked twice.
    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone);
    /// A list of floating point numbers, which may be walked twice.
    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone);
    /// What `give` gives, which depends on nothing but the bytes that `key` writes. A sink may keep what it makes of it for the next
    /// record with an equal key.
    fn alike(&mut self, key: impl FnOnce(&mut Vec<u8>), give: impl FnOnce(&mut Self)) {
        let _ = key;
        give(self);
    }
}

impl Record<'_> {
    /// Gives every known attribute to the sink.
    pub fn attributes(&self, sink: &mut impl AttributeSink) {
        match self {
            Self::Flow(record) => flow(record, sink),
            Self::Other(record) => other(record, sink),
        }
    }
}

/// The names of one end's attributes.
struct Side {
    address: Attribute,
    port: Attribute,
    mac: Attribute,
    bytes: Attribute,
    packets: Attribute,
    dscp: Attribute,
    ecn: Attribute,
    retransmits: Attribute,
    retransmitted_bytes: Attribute,
    out_of_order: Attribute,
    zero_windows: Attribute,
}

const SOURCE: Side = Side {
    address: attribute::SOURCE_ADDRESS,
    port: attribute::SOURCE_PORT,
    mac: attribute::SOURCE_MAC,
    bytes: attribute::SOURCE_BYTES,
    packets: attribute::SOURCE_PACKETS,
    dscp: attribute::SOURCE_IP_DSCP,
    ecn: attribute::SOURCE_IP_ECN,
    retransmits: attribute::SOURCE_TCP_RETRANSMITS,
    retransmitted_bytes: attribute::SOURCE_TCP_RETRANSMITTED_BYTES,
    out_of_order: attribute::SOURCE_TCP_OUT_OF_ORDER,
    zero_windows: attribute::SOURCE_TCP_ZERO_WINDOWS,
};

const DESTINATION: Side = Side {
    address: attribute::DESTINATION_ADDRESS,
    port: attribute::DESTINATION_PORT,
    mac: attribute::DESTINATION_MAC,
    bytes: attribute::DESTINATION_BYTES,
    packets: attribute::DESTINATION_PACKETS,
    dscp: attribute::DESTINATION_IP_DSCP,
    ecn: attribute::DESTINATION_IP_ECN,
    retransmits: attribute::DESTINATION_TCP_RETRANSMITS,
    retransmitted_bytes: attribute::DESTINATION_TCP_RETRANSMITTED_BYTES,
    out_of_order: attribute::DESTINATION_TCP_OUT_OF_ORDER,
    zero_windows: attribute::DESTINATION_TCP_ZERO_WINDOWS,
};

fn flow(record: &FlowRecord<'_>, sink: &mut impl AttributeSink) {
    let id = text::hex(record.id.0);
    sink.ascii(attribute::NETWORK_FLOW_ID, &id);
    sink.int(attribute::NETWORK_FLOW_SEQUENCE, record.sequence.into());
    sink.ascii(attribute::NETWORK_FLOW_START_TIME, &text::timestamp(record.start));
    sink.ascii(attribute::NETWORK_FLOW_INTERVAL_START_TIME, &text::timestamp(record.interval_start));
    sink.double(attribute::NETWORK_FLOW_DURATION, seconds(record.duration));
    sink.text(attribute::NETWORK_FLOW_END_REASON, record.end_reason.name());
    sink.text(attribute::NETWORK_FLOW_INITIATOR_EVIDENCE, record.evidence.name());
    if let Some(id) = record.community_id {
        sink.ascii(attribute::NETWORK_FLOW_COMMUNITY_ID, &text::community_id(id));
    }
    if record.sample != NonZeroU32::MIN {
        sink.int(attribute::NETWORK_FLOW_SAMPLING_RATE, record.sample.get().into());
    }
    endpoint(&SOURCE, &record.source, sink);
    endpoint(&DESTINATION, &record.destination, sink);
    match text::transport(record.protocol) {
        Some(name) => sink.text(attribute::NETWORK_TRANSPORT, name),
        None => sink.ascii(attribute::NETWORK_TRANSPORT, &text::decimal(record.protocol.into())),
    }
    let version = if record.ip_version == 4 { value::network_type::IPV4 } else { value::network_type::IPV6 };
    sink.text(attribute::NETWORK_TYPE, version);
    vlan(record.vlan, sink);
    if let Some(hook) = record.hook {
        interface_name(hook, sink);
        let direction = match (hook.direction, record.hook_is_reverse) {
            (Direction::Ingress, false) | (Direction::Egress, true) => Direction::Ingress,
            (Direction::Egress, false) | (Direction::Ingress, true) => Direction::Egress,
        };
        interface_direction(hook, direction, sink);
    }
    if let Some(flags) = record.tcp_flags {
        sink.texts(attribute::NETWORK_TCP_FLAGS, flags.names());
    }
    if let Some(connection) = &record.connection {
        self::connection(connection, sink);
    }
    if let Some(application) = record.application {
        application::application(application, sink);
    }
    if let Some(icmp) = record.icmp {
        sink.int(attribute::NETWORK_ICMP_TYPE, icmp.kind.into());
        sink.int(attribute::NETWORK_ICMP_CODE, icmp.code.into());
    }
    if !record.path.is_empty() {
        path::path(record, sink);
    }
    if !record.drops.is_empty() {
        drops(record.drops, sink);
    }
    if !record.icmp_errors.is_empty() {
        icmp_errors(record.icmp_errors, sink);
    }
    sink.ascii(attribute::LOG_RECORD_UID, &text::record_uid(&id, record.sequence));
}

fn drops(drops: &[DropCount], sink: &mut impl AttributeSink) {
    let drops = drops.iter();
    let directions = drops.clone().map(|drop| flow_direction(drop.is_reverse));
    sink.texts(attribute::NETWORK_FLOW_DROP_DIRECTION, directions);
    sink.texts(attribute::NETWORK_FLOW_DROP_REASON, drops.clone().map(|drop| drop.reason.name()));
    sink.ints(attribute::NETWORK_FLOW_DROP_PACKETS, drops.clone().map(|drop| integer(drop.packets)));
    sink.ints(attribute::NETWORK_FLOW_DROP_BYTES, drops.map(|drop| integer(drop.bytes)));
}

fn icmp_errors(errors: &[FlowError], sink: &mut impl AttributeSink) {
    let directions = errors.iter().map(|error| flow_direction(error.is_reverse));
    sink.texts(attribute::NETWORK_FLOW_ICMP_ERROR_DIRECTION, directions);
    let names: SmallVec<[_; 2]> = errors.iter().map(|error| error.error.name()).collect();
    sink.texts(attribute::NETWORK_FLOW_ICMP_ERROR_REASON, names.iter().map(|name| &**name));
    let senders: SmallVec<[_; 2]> = errors.iter().map(|error| text::address(error.error.sender())).collect();
    sink.texts(attribute::NETWORK_FLOW_ICMP_ERROR_ADDRESS, senders.iter().map(|sender| &**sender));
}

fn flow_direction(is_reverse: bool) -> &'static str {
    if is_reverse { value::network_flow_direction::REVERSE } else { value::network_flow_direction::FORWARD }
}

fn other(record: &OtherRecord<'_>, sink: &mut impl AttributeSink) {
    let id = text::hex(record.id.0);
    sink.ascii(attribute::NETWORK_FLOW_ID, &id);
    sink.int(attribute::NETWORK_FLOW_SEQUENCE, record.sequence.into());
    sink.ascii(attribute::NETWORK_FLOW_START_TIME, &text::timestamp(record.start));
    sink.ascii(attribute::NETWORK_FLOW_INTERVAL_START_TIME, &text::timestamp(record.interval_start));
    sink.double(attribute::NETWORK_FLOW_DURATION, seconds(record.observed.0.saturating_sub(record.start.0)));
    sink.text(attribute::NETWORK_FLOW_END_REASON, record.end_reason.name());
    sink.int(SOURCE.bytes, integer(record.counts.bytes));
    sink.int(SOURCE.packets, integer(record.counts.packets));
    if let Some(hook) = record.hook {
        interface_name(hook, sink);
        interface_direction(hook, hook.direction, sink);
    }
    sink.text(attribute::NETWORK_FLOW_OTHER_REASON, record.reason.name());
    sink.ascii(attribute::LOG_RECORD_UID, &text::record_uid(&id, record.sequence));
}

fn endpoint(side: &Side, endpoint: &Endpoint, sink: &mut impl AttributeSink) {
    sink.ascii(side.address, &text::address(endpoint.address));
    if let Some(port) = endpoint.port {
        sink.int(side.port, port.into());
    }
    if let Some(mac) = endpoint.mac {
        sink.ascii(side.mac, &text::mac(mac));
    }
    sink.int(side.bytes, integer(endpoint.counts.bytes));
    sink.int(side.packets, integer(endpoint.counts.packets));
    if let Some(dscp) = endpoint.dscp {
        sink.int(side.dscp, dscp.into());
    }
    if endpoint.ecn.0 != 0 {
        sink.texts(side.ecn, endpoint.ecn.names());
    }
    let disorder = endpoint.disorder;
    for (attribute, count) in [
        (side.retransmits, disorder.retransmits),
        (side.retransmitted_bytes, disorder.retransmitted_bytes),
        (side.out_of_order, disorder.out_of_order),
        (side.zero_windows, disorder.zero_windows),
    ] {
        if count != 0 {
            sink.int(attribute, count.into());
        }
    }
}

fn connection(connection: &Connection, sink: &mut impl AttributeSink) {
    let times = &connection.times;
    for (attribute, time) in [
        (attribute::NETWORK_TCP_RTT_HANDSHAKE, times.round_trip()),
        (attribute::NETWORK_TCP_RTT_SERVER, times.server),
        (attribute::NETWORK_TCP_RTT_CLIENT, times.client),
        (attribute::NETWORK_TCP_CONNECT_DURATION, times.connect),
    ] {
        if let Some(time) = time {
            sink.double(attribute, time.as_secs_f64());
        }
    }
    if let Some(state) = connection.state {
        sink.text(attribute::NETWORK_CONNECTION_STATE, state.name());
    }
    if let Some(error) = connection.error {
        sink.text(attribute::ERROR_TYPE, error.name());
    }
    if let Some(side) = connection.reset {
        sink.text(attribute::NETWORK_TCP_RESET_SIDE, side.name());
    }
    round_trips(&connection.round_trips, sink);
}

fn round_trips(times: &RoundTrips, sink: &mut impl AttributeSink) {
    let RoundTrips { smoothed, min, view, to_source, to_destination } = times;
    for (attribute, time) in
        [(attribute::NETWORK_TCP_RTT_SMOOTHED, smoothed), (attribute::NETWORK_TCP_RTT_MIN, min)]
    {
        if let Some(time) = time {
            sink.double(attribute, time.as_secs_f64());
        }
    }
    if let Some(view) = view {
        sink.text(attribute::NETWORK_TCP_RTT_VIEW, view.name());
    }
    for (smoothed, min, way) in [
        (attribute::SOURCE_TCP_RTT_SMOOTHED, attribute::SOURCE_TCP_RTT_MIN, to_source),
        (attribute::DESTINATION_TCP_RTT_SMOOTHED, attribute::DESTINATION_TCP_RTT_MIN, to_destination),
    ] {
        if let Some(way) = way {
            sink.double(smoothed, way.smoothed.as_secs_f64());
            sink.double(min, way.min.as_secs_f64());
        }
    }
}

fn vlan(vlan: Vlan, sink: &mut impl AttributeSink) {
    if let Some(id) = vlan.outer {
        sink.int(attribute::NETWORK_VLAN_ID, id.into());
    }
    if let Some(id) = vlan.inner {
        sink.int(attribute::NETWORK_VLAN_INNER_ID, id.into());
    }
}

/// A capture need not name its interfaces.
fn interface_name(hook: &Hook, sink: &mut impl AttributeSink) {
    if !hook.interface.is_empty() {
        sink.text(attribute::NETWORK_INTERFACE_NAME, &hook.interface);
    }
}

fn interface_direction(hook: &Hook, direction: Direction, sink: &mut impl AttributeSink) {
    if hook.role != Role::Capture {
        sink.text(attribute::NETWORK_INTERFACE_DIRECTION, direction_name(direction));
    }
}

fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => value::network_interface_direction::INGRESS,
        Direction::Egress => value::network_interface_direction::EGRESS,
    }
}

/// OTLP integers are signed; 2^63 bytes are 29 years at 10 Gbit/s.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a double holds 104 days in nanoseconds exactly")]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
