//! Every metric, with its attributes in the order of the registry.
//!
//! Generated from `semconv/model` by `cargo run -p flow-semconv --example generate`: do not edit.

use crate::{Instrument, Metric, attribute};

/// Packets that hooks saw.
pub const FLOW_EXPORTER_PACKET_SEEN: Metric = Metric {
    name: "flow_exporter.packet.seen",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets that hooks saw.",
    attributes: &[],
};

/// Packets that are in no flow because they are not IP.
pub const FLOW_EXPORTER_PACKET_NOT_IP: Metric = Metric {
    name: "flow_exporter.packet.not_ip",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets that are in no flow because they are not IP.",
    attributes: &[],
};

/// Packets that the user's filter leaves out.
pub const FLOW_EXPORTER_PACKET_FILTERED: Metric = Metric {
    name: "flow_exporter.packet.filtered",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets that the user's filter leaves out.",
    attributes: &[],
};

/// Packets whose flows are not among those that are counted.
pub const FLOW_EXPORTER_PACKET_SAMPLED_OUT: Metric = Metric {
    name: "flow_exporter.packet.sampled_out",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets whose flows are not among those that are counted.",
    attributes: &[],
};

/// Packets that another hook accounts for.
pub const FLOW_EXPORTER_PACKET_PATH: Metric = Metric {
    name: "flow_exporter.packet.path",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets that another hook accounts for.",
    attributes: &[],
};

/// Packets that are in the flow table and in no record yet.
pub const FLOW_EXPORTER_PACKET_TABLE: Metric = Metric {
    name: "flow_exporter.packet.table",
    instrument: Instrument::UpDownCounter,
    unit: "{packet}",
    brief: "Packets that are in the flow table and in no record yet.",
    attributes: &[],
};

/// Packets in records that nobody has acknowledged yet.
pub const FLOW_EXPORTER_PACKET_QUEUED: Metric = Metric {
    name: "flow_exporter.packet.queued",
    instrument: Instrument::UpDownCounter,
    unit: "{packet}",
    brief: "Packets in records that nobody has acknowledged yet.",
    attributes: &[],
};

/// Packets in records that were acknowledged, or printed.
pub const FLOW_EXPORTER_PACKET_DELIVERED: Metric = Metric {
    name: "flow_exporter.packet.delivered",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets in records that were acknowledged, or printed.",
    attributes: &[],
};

/// Packets that are in no record that was delivered, by reason.
pub const FLOW_EXPORTER_PACKET_LOST: Metric = Metric {
    name: "flow_exporter.packet.lost",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets that are in no record that was delivered, by reason.",
    attributes: &[attribute::ERROR_TYPE],
};

/// Hooks that are attached: two to an interface.
pub const FLOW_EXPORTER_HOOK_ATTACHED: Metric = Metric {
    name: "flow_exporter.hook.attached",
    instrument: Instrument::UpDownCounter,
    unit: "{hook}",
    brief: "Hooks that are attached: two to an interface.",
    attributes: &[],
};

/// Attempts to attach a hook that failed, by reason.
pub const FLOW_EXPORTER_HOOK_FAILED: Metric = Metric {
    name: "flow_exporter.hook.failed",
    instrument: Instrument::Counter,
    unit: "{attempt}",
    brief: "Attempts to attach a hook that failed, by reason.",
    attributes: &[attribute::ERROR_TYPE],
};

/// Times that events of interfaces were lost, and all interfaces listed anew.
pub const FLOW_EXPORTER_INTERFACE_OVERRUN: Metric = Metric {
    name: "flow_exporter.interface.overrun",
    instrument: Instrument::Counter,
    unit: "{overrun}",
    brief: "Times that events of interfaces were lost, and all interfaces listed anew.",
    attributes: &[],
};

/// Readings of the kernel, each of which turns the generation.
pub const FLOW_EXPORTER_KERNEL_READING: Metric = Metric {
    name: "flow_exporter.kernel.reading",
    instrument: Instrument::Counter,
    unit: "{reading}",
    brief: "Readings of the kernel, each of which turns the generation.",
    attributes: &[],
};

/// Entries that a map of the kernel programs has.
pub const FLOW_EXPORTER_KERNEL_MAP_USAGE: Metric = Metric {
    name: "flow_exporter.kernel.map.usage",
    instrument: Instrument::UpDownCounter,
    unit: "{entry}",
    brief: "Entries that a map of the kernel programs has.",
    attributes: &[attribute::FLOW_EXPORTER_KERNEL_MAP_NAME],
};

/// Entries that a map of the kernel programs has room for.
pub const FLOW_EXPORTER_KERNEL_MAP_LIMIT: Metric = Metric {
    name: "flow_exporter.kernel.map.limit",
    instrument: Instrument::UpDownCounter,
    unit: "{entry}",
    brief: "Entries that a map of the kernel programs has room for.",
    attributes: &[attribute::FLOW_EXPORTER_KERNEL_MAP_NAME],
};

/// First payloads of connections, and DNS messages at each hook, by what became of them.
pub const FLOW_EXPORTER_PAYLOAD_COUNT: Metric = Metric {
    name: "flow_exporter.payload.count",
    instrument: Instrument::Counter,
    unit: "{payload}",
    brief: "First payloads of connections, and DNS messages at each hook, by what became of them.",
    attributes: &[attribute::FLOW_EXPORTER_PAYLOAD_FATE],
};

/// Packets that the kernel dropped, by what became of what is known of them.
pub const FLOW_EXPORTER_DROP_COUNT: Metric = Metric {
    name: "flow_exporter.drop.count",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets that the kernel dropped, by what became of what is known of them.",
    attributes: &[attribute::FLOW_EXPORTER_DROP_FATE],
};

/// Flows in the flow table.
pub const FLOW_EXPORTER_FLOW_COUNT: Metric = Metric {
    name: "flow_exporter.flow.count",
    instrument: Instrument::UpDownCounter,
    unit: "{flow}",
    brief: "Flows in the flow table.",
    attributes: &[],
};

/// Flows that the flow table has room for.
pub const FLOW_EXPORTER_FLOW_LIMIT: Metric = Metric {
    name: "flow_exporter.flow.limit",
    instrument: Instrument::UpDownCounter,
    unit: "{flow}",
    brief: "Flows that the flow table has room for.",
    attributes: &[],
};

/// Memory that the exporter takes, in the process and in the kernel.
pub const FLOW_EXPORTER_MEMORY_USAGE: Metric = Metric {
    name: "flow_exporter.memory.usage",
    instrument: Instrument::UpDownCounter,
    unit: "By",
    brief: "Memory that the exporter takes, in the process and in the kernel.",
    attributes: &[attribute::FLOW_EXPORTER_MEMORY_KIND],
};

/// Memory that the exporter is to take at most, in the process and in the kernel together.
pub const FLOW_EXPORTER_MEMORY_LIMIT: Metric = Metric {
    name: "flow_exporter.memory.limit",
    instrument: Instrument::UpDownCounter,
    unit: "By",
    brief: "Memory that the exporter is to take at most, in the process and in the kernel together.",
    attributes: &[],
};

/// 1 for a feature that is wanted and there, 0 for one that is wanted and missing.
pub const FLOW_EXPORTER_FEATURE_AVAILABLE: Metric = Metric {
    name: "flow_exporter.feature.available",
    instrument: Instrument::UpDownCounter,
    unit: "{feature}",
    brief: "1 for a feature that is wanted and there, 0 for one that is wanted and missing.",
    attributes: &[attribute::FLOW_EXPORTER_FEATURE_NAME],
};

/// Time that the thread that reads flows spent, by step.
pub const FLOW_EXPORTER_STAGE_TIME: Metric = Metric {
    name: "flow_exporter.stage.time",
    instrument: Instrument::Counter,
    unit: "s",
    brief: "Time that the thread that reads flows spent, by step.",
    attributes: &[attribute::FLOW_EXPORTER_STAGE_NAME],
};

/// Memory of the requests that wait before an exporter.
pub const FLOW_EXPORTER_QUEUE_USAGE: Metric = Metric {
    name: "flow_exporter.queue.usage",
    instrument: Instrument::UpDownCounter,
    unit: "By",
    brief: "Memory of the requests that wait before an exporter.",
    attributes: &[attribute::OTEL_COMPONENT_NAME, attribute::OTEL_COMPONENT_TYPE],
};

/// Memory that requests may take that wait before an exporter.
pub const FLOW_EXPORTER_QUEUE_LIMIT: Metric = Metric {
    name: "flow_exporter.queue.limit",
    instrument: Instrument::UpDownCounter,
    unit: "By",
    brief: "Memory that requests may take that wait before an exporter.",
    attributes: &[attribute::OTEL_COMPONENT_NAME, attribute::OTEL_COMPONENT_TYPE],
};

/// Log lines that were left out because there were too many of their kind.
pub const FLOW_EXPORTER_LOG_SUPPRESSED: Metric = Metric {
    name: "flow_exporter.log.suppressed",
    instrument: Instrument::Counter,
    unit: "{line}",
    brief: "Log lines that were left out because there were too many of their kind.",
    attributes: &[],
};

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
        attribute::NETWORK_FLOW_SAMPLING_RATE,
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
        attribute::NETWORK_FLOW_SAMPLING_RATE,
        attribute::OTEL_METRIC_OVERFLOW,
    ],
};

/// Packets of flows that the kernel dropped.
pub const NETWORK_FLOW_PACKET_DROPPED: Metric = Metric {
    name: "network.flow.packet.dropped",
    instrument: Instrument::Counter,
    unit: "{packet}",
    brief: "Packets of flows that the kernel dropped.",
    attributes: &[
        attribute::NETWORK_FLOW_DIRECTION,
        attribute::NETWORK_DROP_REASON,
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_TYPE,
        attribute::NETWORK_INTERFACE_NAME,
        attribute::SOURCE_ADDRESS,
        attribute::DESTINATION_ADDRESS,
        attribute::DESTINATION_PORT,
        attribute::NETWORK_FLOW_SAMPLING_RATE,
        attribute::OTEL_METRIC_OVERFLOW,
    ],
};

/// TCP segments that flows sent again.
pub const NETWORK_FLOW_TCP_RETRANSMIT_COUNT: Metric = Metric {
    name: "network.flow.tcp.retransmit.count",
    instrument: Instrument::Counter,
    unit: "{segment}",
    brief: "TCP segments that flows sent again.",
    attributes: &[
        attribute::NETWORK_FLOW_DIRECTION,
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_TYPE,
        attribute::NETWORK_INTERFACE_NAME,
        attribute::SOURCE_ADDRESS,
        attribute::DESTINATION_ADDRESS,
        attribute::DESTINATION_PORT,
        attribute::NETWORK_FLOW_SAMPLING_RATE,
        attribute::OTEL_METRIC_OVERFLOW,
    ],
};

/// TCP connections that were opened, and those that could not be.
pub const NETWORK_FLOW_TCP_CONNECTION_COUNT: Metric = Metric {
    name: "network.flow.tcp.connection.count",
    instrument: Instrument::Counter,
    unit: "{connection}",
    brief: "TCP connections that were opened, and those that could not be.",
    attributes: &[
        attribute::ERROR_TYPE,
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_TYPE,
        attribute::NETWORK_INTERFACE_NAME,
        attribute::SOURCE_ADDRESS,
        attribute::DESTINATION_ADDRESS,
        attribute::DESTINATION_PORT,
        attribute::NETWORK_FLOW_SAMPLING_RATE,
        attribute::OTEL_METRIC_OVERFLOW,
    ],
};

/// Round-trip times of TCP connections.
pub const NETWORK_FLOW_TCP_RTT_DURATION: Metric = Metric {
    name: "network.flow.tcp.rtt.duration",
    instrument: Instrument::Histogram,
    unit: "s",
    brief: "Round-trip times of TCP connections.",
    attributes: &[
        attribute::NETWORK_TRANSPORT,
        attribute::NETWORK_TYPE,
        attribute::NETWORK_INTERFACE_NAME,
        attribute::SOURCE_ADDRESS,
        attribute::DESTINATION_ADDRESS,
        attribute::DESTINATION_PORT,
        attribute::NETWORK_FLOW_SAMPLING_RATE,
        attribute::OTEL_METRIC_OVERFLOW,
    ],
};

/// Log records that wait in the queue of a processor.
pub const OTEL_SDK_PROCESSOR_LOG_QUEUE_SIZE: Metric = Metric {
    name: "otel.sdk.processor.log.queue.size",
    instrument: Instrument::UpDownCounter,
    unit: "{log_record}",
    brief: "Log records that wait in the queue of a processor.",
    attributes: &[attribute::OTEL_COMPONENT_NAME, attribute::OTEL_COMPONENT_TYPE],
};

/// Log records that left the queue of a processor, for its exporter or for good.
pub const OTEL_SDK_PROCESSOR_LOG_PROCESSED: Metric = Metric {
    name: "otel.sdk.processor.log.processed",
    instrument: Instrument::Counter,
    unit: "{log_record}",
    brief: "Log records that left the queue of a processor, for its exporter or for good.",
    attributes: &[attribute::OTEL_COMPONENT_NAME, attribute::OTEL_COMPONENT_TYPE, attribute::ERROR_TYPE],
};

/// Log records that an exporter has and whose export is not over.
pub const OTEL_SDK_EXPORTER_LOG_INFLIGHT: Metric = Metric {
    name: "otel.sdk.exporter.log.inflight",
    instrument: Instrument::UpDownCounter,
    unit: "{log_record}",
    brief: "Log records that an exporter has and whose export is not over.",
    attributes: &[
        attribute::OTEL_COMPONENT_NAME,
        attribute::OTEL_COMPONENT_TYPE,
        attribute::SERVER_ADDRESS,
        attribute::SERVER_PORT,
    ],
};

/// Log records whose export is over, with success or without.
pub const OTEL_SDK_EXPORTER_LOG_EXPORTED: Metric = Metric {
    name: "otel.sdk.exporter.log.exported",
    instrument: Instrument::Counter,
    unit: "{log_record}",
    brief: "Log records whose export is over, with success or without.",
    attributes: &[
        attribute::OTEL_COMPONENT_NAME,
        attribute::OTEL_COMPONENT_TYPE,
        attribute::SERVER_ADDRESS,
        attribute::SERVER_PORT,
        attribute::ERROR_TYPE,
    ],
};

/// Data points that an exporter has and whose export is not over.
pub const OTEL_SDK_EXPORTER_METRIC_DATA_POINT_INFLIGHT: Metric = Metric {
    name: "otel.sdk.exporter.metric_data_point.inflight",
    instrument: Instrument::UpDownCounter,
    unit: "{data_point}",
    brief: "Data points that an exporter has and whose export is not over.",
    attributes: &[
        attribute::OTEL_COMPONENT_NAME,
        attribute::OTEL_COMPONENT_TYPE,
        attribute::SERVER_ADDRESS,
        attribute::SERVER_PORT,
    ],
};

/// Data points whose export is over, with success or without.
pub const OTEL_SDK_EXPORTER_METRIC_DATA_POINT_EXPORTED: Metric = Metric {
    name: "otel.sdk.exporter.metric_data_point.exported",
    instrument: Instrument::Counter,
    unit: "{data_point}",
    brief: "Data points whose export is over, with success or without.",
    attributes: &[
        attribute::OTEL_COMPONENT_NAME,
        attribute::OTEL_COMPONENT_TYPE,
        attribute::SERVER_ADDRESS,
        attribute::SERVER_PORT,
        attribute::ERROR_TYPE,
    ],
};

/// How long a request of an exporter took, until it was answered or failed.
pub const OTEL_SDK_EXPORTER_OPERATION_DURATION: Metric = Metric {
    name: "otel.sdk.exporter.operation.duration",
    instrument: Instrument::Histogram,
    unit: "s",
    brief: "How long a request of an exporter took, until it was answered or failed.",
    attributes: &[
        attribute::OTEL_COMPONENT_NAME,
        attribute::OTEL_COMPONENT_TYPE,
        attribute::SERVER_ADDRESS,
        attribute::SERVER_PORT,
        attribute::ERROR_TYPE,
    ],
};
