//! Every metric, with its attributes in the order of the registry.
//!
//! Generated from `semconv/model` by `cargo run -p flow-semconv --example generate`: do not edit.

use crate::{Instrument, Metric, attribute};

/// Bytes of the frames that flows sent.
pub const NETWORK_FLOW_IO: Metric = Metric {
    name: "network.flow.io",
    instrument: Instrument::Counter,
    unit: "By",
    brief: "Bytes of the frames that flows sent.",
    attributes: &[
        attribute::NETWORK_FLOW_DIRECTION,
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_TYPE,
        attribute::NETWORK_INTERFACE_NAME,
        attribute::SOURCE_ADDRESS,
        attribute::DESTINATION_ADDRESS,
        attribute::DESTINATION_PORT,
        attribute::OTEL_METRIC_OVERFLOW,
    ],
};

/// Packets that flows sent.
pub const NETWORK_FLOW_PACKET_COUNT: Metric = Metric {
    name: "network.flow.packet.count",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets that flows sent.",
    attributes: &[
        attribute::NETWORK_FLOW_DIRECTION,
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_TYPE,
        attribute::NETWORK_INTERFACE_NAME,
        attribute::SOURCE_ADDRESS,
        attribute::DESTINATION_ADDRESS,
        attribute::DESTINATION_PORT,
        attribute::OTEL_METRIC_OVERFLOW,
    ],
};
