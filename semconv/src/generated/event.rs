//! Every event, with its attributes in the order of the registry.
//!
//! Generated from `semconv/model` by `cargo run -p flow-semconv --example generate`: do not edit.

use crate::{Event, attribute};

/// One flow in one interval, both directions, as seen at one interface.
pub const NETWORK_FLOW: Event = Event {
    name: "network.flow",
    attributes: &[
        attribute::NETWORK_FLOW_ID,
        attribute::NETWORK_FLOW_SEQUENCE,
        attribute::NETWORK_FLOW_START_TIME,
        attribute::NETWORK_FLOW_INTERVAL_START_TIME,
        attribute::NETWORK_FLOW_DURATION,
        attribute::NETWORK_FLOW_END_REASON,
        attribute::NETWORK_FLOW_INITIATOR_EVIDENCE,
        attribute::SOURCE_ADDRESS,
        attribute::SOURCE_PORT,
        attribute::SOURCE_MAC,
        attribute::SOURCE_BYTES,
        attribute::SOURCE_PACKETS,
        attribute::SOURCE_IP_DSCP,
        attribute::SOURCE_IP_ECN,
        attribute::DESTINATION_ADDRESS,
        attribute::DESTINATION_PORT,
        attribute::DESTINATION_MAC,
        attribute::DESTINATION_BYTES,
        attribute::DESTINATION_PACKETS,
        attribute::DESTINATION_IP_DSCP,
        attribute::DESTINATION_IP_ECN,
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_TYPE,
        attribute::NETWORK_VLAN_ID,
        attribute::NETWORK_VLAN_INNER_ID,
        attribute::NETWORK_INTERFACE_NAME,
        attribute::NETWORK_INTERFACE_DIRECTION,
        attribute::NETWORK_TCP_FLAGS,
        attribute::NETWORK_ICMP_TYPE,
        attribute::NETWORK_ICMP_CODE,
        attribute::NETWORK_FLOW_OTHER_REASON,
        attribute::LOG_RECORD_UID,
    ],
    required: &[
        attribute::NETWORK_FLOW_ID,
        attribute::NETWORK_FLOW_SEQUENCE,
        attribute::NETWORK_FLOW_START_TIME,
        attribute::NETWORK_FLOW_INTERVAL_START_TIME,
        attribute::NETWORK_FLOW_DURATION,
        attribute::NETWORK_FLOW_END_REASON,
        attribute::SOURCE_BYTES,
        attribute::SOURCE_PACKETS,
        attribute::LOG_RECORD_UID,
    ],
};
