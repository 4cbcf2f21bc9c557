//! Every attribute that is emitted, our own and OpenTelemetry's, by name.
//!
//! Generated from `semconv/model` by `cargo run -p flow-semconv --example generate`: do not edit.

use crate::{Attribute, Kind};

/// Address of the destination.
pub const DESTINATION_ADDRESS: Attribute =
    Attribute { key: "destination.address", kind: Kind::String, brief: "Address of the destination." };

/// Bytes (`By`) of the frames that the destination sent within the record's interval.
pub const DESTINATION_BYTES: Attribute = Attribute {
    key: "destination.bytes",
    kind: Kind::Int,
    brief: "Bytes (`By`) of the frames that the destination sent within the record's interval.",
};

/// Differentiated services code point (0 to 63) of the packets that the destination sends.
pub const DESTINATION_IP_DSCP: Attribute = Attribute {
    key: "destination.ip.dscp",
    kind: Kind::Int,
    brief: "Differentiated services code point (0 to 63) of the packets that the destination sends.",
};

/// ECN codepoints seen in the packets that the destination sent within the record's interval.
pub const DESTINATION_IP_ECN: Attribute = Attribute {
    key: "destination.ip.ecn",
    kind: Kind::StringArray,
    brief: "ECN codepoints seen in the packets that the destination sent within the record's interval.",
};

/// Hardware address of the destination in the frames at the accounting point.
pub const DESTINATION_MAC: Attribute = Attribute {
    key: "destination.mac",
    kind: Kind::String,
    brief: "Hardware address of the destination in the frames at the accounting point.",
};

/// Packets (`{packet}`) that the destination sent within the record's interval.
pub const DESTINATION_PACKETS: Attribute = Attribute {
    key: "destination.packets",
    kind: Kind::Int,
    brief: "Packets (`{packet}`) that the destination sent within the record's interval.",
};

/// Port number of the destination.
pub const DESTINATION_PORT: Attribute =
    Attribute { key: "destination.port", kind: Kind::Int, brief: "Port number of the destination." };

/// Segments (`{segment}`) of the destination that came after one that was sent later.
pub const DESTINATION_TCP_OUT_OF_ORDER: Attribute = Attribute {
    key: "destination.tcp.out_of_order",
    kind: Kind::Int,
    brief: "Segments (`{segment}`) of the destination that came after one that was sent later.",
};

/// Segments (`{segment}`) that the destination sent again within the record's interval.
pub const DESTINATION_TCP_RETRANSMITS: Attribute = Attribute {
    key: "destination.tcp.retransmits",
    kind: Kind::Int,
    brief: "Segments (`{segment}`) that the destination sent again within the record's interval.",
};

/// Payload bytes (`By`) that the destination sent again within the record's interval.
pub const DESTINATION_TCP_RETRANSMITTED_BYTES: Attribute = Attribute {
    key: "destination.tcp.retransmitted_bytes",
    kind: Kind::Int,
    brief: "Payload bytes (`By`) that the destination sent again within the record's interval.",
};

/// Least time in seconds (`s`) to the destination and back, by timestamps.
pub const DESTINATION_TCP_RTT_MIN: Attribute = Attribute {
    key: "destination.tcp.rtt.min",
    kind: Kind::Double,
    brief: "Least time in seconds (`s`) to the destination and back, by timestamps.",
};

/// Smoothed time in seconds (`s`) to the destination and back, by timestamps.
pub const DESTINATION_TCP_RTT_SMOOTHED: Attribute = Attribute {
    key: "destination.tcp.rtt.smoothed",
    kind: Kind::Double,
    brief: "Smoothed time in seconds (`s`) to the destination and back, by timestamps.",
};

/// Segments (`{segment}`) with which the destination said that it has no room to receive.
pub const DESTINATION_TCP_ZERO_WINDOWS: Attribute = Attribute {
    key: "destination.tcp.zero_windows",
    kind: Kind::Int,
    brief: "Segments (`{segment}`) with which the destination said that it has no room to receive.",
};

/// Name that is asked for.
pub const DNS_QUESTION_NAME: Attribute =
    Attribute { key: "dns.question.name", kind: Kind::String, brief: "Name that is asked for." };

/// Why an operation failed.
pub const ERROR_TYPE: Attribute =
    Attribute { key: "error.type", kind: Kind::String, brief: "Why an operation failed." };

/// What became of what is known of a packet that the kernel dropped.
pub const FLOW_EXPORTER_DROP_FATE: Attribute = Attribute {
    key: "flow_exporter.drop.fate",
    kind: Kind::String,
    brief: "What became of what is known of a packet that the kernel dropped.",
};

/// What the exporter can do without, and then does less.
pub const FLOW_EXPORTER_FEATURE_NAME: Attribute = Attribute {
    key: "flow_exporter.feature.name",
    kind: Kind::String,
    brief: "What the exporter can do without, and then does less.",
};

/// Map of the kernel programs.
pub const FLOW_EXPORTER_KERNEL_MAP_NAME: Attribute = Attribute {
    key: "flow_exporter.kernel.map.name",
    kind: Kind::String,
    brief: "Map of the kernel programs.",
};

/// Whose memory it is.
pub const FLOW_EXPORTER_MEMORY_KIND: Attribute =
    Attribute { key: "flow_exporter.memory.kind", kind: Kind::String, brief: "Whose memory it is." };

/// What became of a payload that was to be looked at.
pub const FLOW_EXPORTER_PAYLOAD_FATE: Attribute = Attribute {
    key: "flow_exporter.payload.fate",
    kind: Kind::String,
    brief: "What became of a payload that was to be looked at.",
};

/// Step of the thread that reads flows.
pub const FLOW_EXPORTER_STAGE_NAME: Attribute = Attribute {
    key: "flow_exporter.stage.name",
    kind: Kind::String,
    brief: "Step of the thread that reads flows.",
};

/// CPU architecture of the host.
pub const HOST_ARCH: Attribute =
    Attribute { key: "host.arch", kind: Kind::String, brief: "CPU architecture of the host." };

/// Unique identifier of the host.
pub const HOST_ID: Attribute =
    Attribute { key: "host.id", kind: Kind::String, brief: "Unique identifier of the host." };

/// Name of the host.
pub const HOST_NAME: Attribute =
    Attribute { key: "host.name", kind: Kind::String, brief: "Name of the host." };

/// Unique identifier of the log record: records that share it are duplicates.
pub const LOG_RECORD_UID: Attribute = Attribute {
    key: "log.record.uid",
    kind: Kind::String,
    brief: "Unique identifier of the log record: records that share it are duplicates.",
};

/// State of the connection.
pub const NETWORK_CONNECTION_STATE: Attribute =
    Attribute { key: "network.connection.state", kind: Kind::String, brief: "State of the connection." };

/// Time in seconds (`s`) from the question to DNS to its answer.
pub const NETWORK_DNS_DURATION: Attribute = Attribute {
    key: "network.dns.duration",
    kind: Kind::Double,
    brief: "Time in seconds (`s`) from the question to DNS to its answer.",
};

/// Type of record that the question to DNS asks for.
pub const NETWORK_DNS_QUESTION_TYPE: Attribute = Attribute {
    key: "network.dns.question.type",
    kind: Kind::String,
    brief: "Type of record that the question to DNS asks for.",
};

/// How often something was asked in the interval, repeated questions included.
pub const NETWORK_DNS_QUESTIONS_COUNT: Attribute = Attribute {
    key: "network.dns.questions.count",
    kind: Kind::Int,
    brief: "How often something was asked in the interval, repeated questions included.",
};

/// Times in seconds (`s`) to their answers; -1 where it is not known.
pub const NETWORK_DNS_QUESTIONS_DURATION: Attribute = Attribute {
    key: "network.dns.questions.duration",
    kind: Kind::DoubleArray,
    brief: "Times in seconds (`s`) to their answers; -1 where it is not known.",
};

/// Names that the questions to DNS of the interval ask for, in lower case.
pub const NETWORK_DNS_QUESTIONS_NAME: Attribute = Attribute {
    key: "network.dns.questions.name",
    kind: Kind::StringArray,
    brief: "Names that the questions to DNS of the interval ask for, in lower case.",
};

/// Response codes of their answers, as `network.dns.response_code` has them.
pub const NETWORK_DNS_QUESTIONS_RESPONSE_CODE: Attribute = Attribute {
    key: "network.dns.questions.response_code",
    kind: Kind::StringArray,
    brief: "Response codes of their answers, as `network.dns.response_code` has them.",
};

/// Types of record that they ask for, as `network.dns.question.type` has them.
pub const NETWORK_DNS_QUESTIONS_TYPE: Attribute = Attribute {
    key: "network.dns.questions.type",
    kind: Kind::StringArray,
    brief: "Types of record that they ask for, as `network.dns.question.type` has them.",
};

/// Response code of the answer to the question to DNS.
pub const NETWORK_DNS_RESPONSE_CODE: Attribute = Attribute {
    key: "network.dns.response_code",
    kind: Kind::String,
    brief: "Response code of the answer to the question to DNS.",
};

/// Why the kernel dropped a packet.
pub const NETWORK_DROP_REASON: Attribute =
    Attribute { key: "network.drop.reason", kind: Kind::String, brief: "Why the kernel dropped a packet." };

/// Community ID of the flow, version 1: a hash of its addresses, protocol and ports.
pub const NETWORK_FLOW_COMMUNITY_ID: Attribute = Attribute {
    key: "network.flow.community_id",
    kind: Kind::String,
    brief: "Community ID of the flow, version 1: a hash of its addresses, protocol and ports.",
};

/// Which side of the flow sent the packets that a metric counts.
pub const NETWORK_FLOW_DIRECTION: Attribute = Attribute {
    key: "network.flow.direction",
    kind: Kind::String,
    brief: "Which side of the flow sent the packets that a metric counts.",
};

/// Bytes of the packets that were dropped, from the IP header on.
pub const NETWORK_FLOW_DROP_BYTES: Attribute = Attribute {
    key: "network.flow.drop.bytes",
    kind: Kind::IntArray,
    brief: "Bytes of the packets that were dropped, from the IP header on.",
};

/// Which side of the flow sent the packets that the kernel dropped.
pub const NETWORK_FLOW_DROP_DIRECTION: Attribute = Attribute {
    key: "network.flow.drop.direction",
    kind: Kind::StringArray,
    brief: "Which side of the flow sent the packets that the kernel dropped.",
};

/// How many packets were dropped.
pub const NETWORK_FLOW_DROP_PACKETS: Attribute = Attribute {
    key: "network.flow.drop.packets",
    kind: Kind::IntArray,
    brief: "How many packets were dropped.",
};

/// Why the packets were dropped, as `network.drop.reason`.
pub const NETWORK_FLOW_DROP_REASON: Attribute = Attribute {
    key: "network.flow.drop.reason",
    kind: Kind::StringArray,
    brief: "Why the packets were dropped, as `network.drop.reason`.",
};

/// Time in seconds (`s`) from the flow's first packet to the record's Timestamp.
pub const NETWORK_FLOW_DURATION: Attribute = Attribute {
    key: "network.flow.duration",
    kind: Kind::Double,
    brief: "Time in seconds (`s`) from the flow's first packet to the record's Timestamp.",
};

/// What protects the connection, as far as its first bytes tell.
pub const NETWORK_FLOW_ENCRYPTION: Attribute = Attribute {
    key: "network.flow.encryption",
    kind: Kind::String,
    brief: "What protects the connection, as far as its first bytes tell.",
};

/// Why the record was made.
pub const NETWORK_FLOW_END_REASON: Attribute =
    Attribute { key: "network.flow.end_reason", kind: Kind::String, brief: "Why the record was made." };

/// Who sent the errors, such as a router on the way.
pub const NETWORK_FLOW_ICMP_ERROR_ADDRESS: Attribute = Attribute {
    key: "network.flow.icmp_error.address",
    kind: Kind::StringArray,
    brief: "Who sent the errors, such as a router on the way.",
};

/// Which side of the flow sent the packets that the ICMP errors are about.
pub const NETWORK_FLOW_ICMP_ERROR_DIRECTION: Attribute = Attribute {
    key: "network.flow.icmp_error.direction",
    kind: Kind::StringArray,
    brief: "Which side of the flow sent the packets that the ICMP errors are about.",
};

/// What the errors say.
pub const NETWORK_FLOW_ICMP_ERROR_REASON: Attribute = Attribute {
    key: "network.flow.icmp_error.reason",
    kind: Kind::StringArray,
    brief: "What the errors say.",
};

/// Identifier of the flow, equal in all of its records.
pub const NETWORK_FLOW_ID: Attribute = Attribute {
    key: "network.flow.id",
    kind: Kind::String,
    brief: "Identifier of the flow, equal in all of its records.",
};

/// What tells that `source` is the side that opened the flow.
pub const NETWORK_FLOW_INITIATOR_EVIDENCE: Attribute = Attribute {
    key: "network.flow.initiator.evidence",
    kind: Kind::String,
    brief: "What tells that `source` is the side that opened the flow.",
};

/// Start of the interval that the record's counts cover, in ISO 8601.
pub const NETWORK_FLOW_INTERVAL_START_TIME: Attribute = Attribute {
    key: "network.flow.interval.start_time",
    kind: Kind::String,
    brief: "Start of the interval that the record's counts cover, in ISO 8601.",
};

/// Why the record has an interface and counts, but no endpoints.
pub const NETWORK_FLOW_OTHER_REASON: Attribute = Attribute {
    key: "network.flow.other.reason",
    kind: Kind::String,
    brief: "Why the record has an interface and counts, but no endpoints.",
};

/// Bytes of the frames of the interval at each hop.
pub const NETWORK_FLOW_PATH_BYTES: Attribute = Attribute {
    key: "network.flow.path.bytes",
    kind: Kind::IntArray,
    brief: "Bytes of the frames of the interval at each hop.",
};

/// Seconds from the first packet of a side at its first hop to that at each hop.
pub const NETWORK_FLOW_PATH_DELAY: Attribute = Attribute {
    key: "network.flow.path.delay",
    kind: Kind::DoubleArray,
    brief: "Seconds from the first packet of a side at its first hop to that at each hop.",
};

/// Destination of the first frame at each hop; empty for a device without link layer.
pub const NETWORK_FLOW_PATH_DESTINATION_MAC: Attribute = Attribute {
    key: "network.flow.path.destination.mac",
    kind: Kind::StringArray,
    brief: "Destination of the first frame at each hop; empty for a device without link layer.",
};

/// Which side of the flow sent the packets that each hop saw.
pub const NETWORK_FLOW_PATH_DIRECTION: Attribute = Attribute {
    key: "network.flow.path.direction",
    kind: Kind::StringArray,
    brief: "Which side of the flow sent the packets that each hop saw.",
};

/// Whether the host received or sent the packets at each hop's interface.
pub const NETWORK_FLOW_PATH_INTERFACE_DIRECTION: Attribute = Attribute {
    key: "network.flow.path.interface.direction",
    kind: Kind::StringArray,
    brief: "Whether the host received or sent the packets at each hop's interface.",
};

/// Interface of each hop.
pub const NETWORK_FLOW_PATH_INTERFACE_NAME: Attribute = Attribute {
    key: "network.flow.path.interface.name",
    kind: Kind::StringArray,
    brief: "Interface of each hop.",
};

/// Packets of a side that the hop before counted and this one did not; 0 for its first hop.
pub const NETWORK_FLOW_PATH_LOST: Attribute = Attribute {
    key: "network.flow.path.lost",
    kind: Kind::IntArray,
    brief: "Packets of a side that the hop before counted and this one did not; 0 for its first hop.",
};

/// Packets of the interval at each hop.
pub const NETWORK_FLOW_PATH_PACKETS: Attribute = Attribute {
    key: "network.flow.path.packets",
    kind: Kind::IntArray,
    brief: "Packets of the interval at each hop.",
};

/// Source of the first frame at each hop; empty for a device without link layer.
pub const NETWORK_FLOW_PATH_SOURCE_MAC: Attribute = Attribute {
    key: "network.flow.path.source.mac",
    kind: Kind::StringArray,
    brief: "Source of the first frame at each hop; empty for a device without link layer.",
};

/// Of so many flows, one is counted.
pub const NETWORK_FLOW_SAMPLING_RATE: Attribute = Attribute {
    key: "network.flow.sampling.rate",
    kind: Kind::Int,
    brief: "Of so many flows, one is counted.",
};

/// Position of the record among the records of its flow, from 0.
pub const NETWORK_FLOW_SEQUENCE: Attribute = Attribute {
    key: "network.flow.sequence",
    kind: Kind::Int,
    brief: "Position of the record among the records of its flow, from 0.",
};

/// Time of the first packet of the flow's life, in ISO 8601.
pub const NETWORK_FLOW_START_TIME: Attribute = Attribute {
    key: "network.flow.start_time",
    kind: Kind::String,
    brief: "Time of the first packet of the flow's life, in ISO 8601.",
};

/// ICMP code, of either IP version, of the first packet that the source sent.
pub const NETWORK_ICMP_CODE: Attribute = Attribute {
    key: "network.icmp.code",
    kind: Kind::Int,
    brief: "ICMP code, of either IP version, of the first packet that the source sent.",
};

/// ICMP type, of either IP version, of the first packet that the source sent.
pub const NETWORK_ICMP_TYPE: Attribute = Attribute {
    key: "network.icmp.type",
    kind: Kind::Int,
    brief: "ICMP type, of either IP version, of the first packet that the source sent.",
};

/// Direction, at the accounting interface, of the packets that the source sends.
pub const NETWORK_INTERFACE_DIRECTION: Attribute = Attribute {
    key: "network.interface.direction",
    kind: Kind::String,
    brief: "Direction, at the accounting interface, of the packets that the source sends.",
};

/// Name of the network interface.
pub const NETWORK_INTERFACE_NAME: Attribute =
    Attribute { key: "network.interface.name", kind: Kind::String, brief: "Name of the network interface." };

/// Protocol of the application layer.
pub const NETWORK_PROTOCOL_NAME: Attribute = Attribute {
    key: "network.protocol.name",
    kind: Kind::String,
    brief: "Protocol of the application layer.",
};

/// Version of the protocol of the application layer, as it is said.
pub const NETWORK_PROTOCOL_VERSION: Attribute = Attribute {
    key: "network.protocol.version",
    kind: Kind::String,
    brief: "Version of the protocol of the application layer, as it is said.",
};

/// Time to connect in seconds (`s`): from the first SYN to the ACK, with what was sent again.
pub const NETWORK_TCP_CONNECT_DURATION: Attribute = Attribute {
    key: "network.tcp.connect.duration",
    kind: Kind::Double,
    brief: "Time to connect in seconds (`s`): from the first SYN to the ACK, with what was sent again.",
};

/// TCP flags seen in either direction within the record's interval.
pub const NETWORK_TCP_FLAGS: Attribute = Attribute {
    key: "network.tcp.flags",
    kind: Kind::StringArray,
    brief: "TCP flags seen in either direction within the record's interval.",
};

/// Which side's RST ended the connection.
pub const NETWORK_TCP_RESET_SIDE: Attribute = Attribute {
    key: "network.tcp.reset.side",
    kind: Kind::String,
    brief: "Which side's RST ended the connection.",
};

/// Time in seconds (`s`) from the SYN-ACK to the ACK: to the client and back.
pub const NETWORK_TCP_RTT_CLIENT: Attribute = Attribute {
    key: "network.tcp.rtt.client",
    kind: Kind::Double,
    brief: "Time in seconds (`s`) from the SYN-ACK to the ACK: to the client and back.",
};

/// Round-trip time in seconds (`s`) of the handshake: from the SYN to the ACK.
pub const NETWORK_TCP_RTT_HANDSHAKE: Attribute = Attribute {
    key: "network.tcp.rtt.handshake",
    kind: Kind::Double,
    brief: "Round-trip time in seconds (`s`) of the handshake: from the SYN to the ACK.",
};

/// Least round-trip time in seconds (`s`) of a TCP connection while it lives.
pub const NETWORK_TCP_RTT_MIN: Attribute = Attribute {
    key: "network.tcp.rtt.min",
    kind: Kind::Double,
    brief: "Least round-trip time in seconds (`s`) of a TCP connection while it lives.",
};

/// Time in seconds (`s`) from the SYN to the SYN-ACK: to the server and back.
pub const NETWORK_TCP_RTT_SERVER: Attribute = Attribute {
    key: "network.tcp.rtt.server",
    kind: Kind::Double,
    brief: "Time in seconds (`s`) from the SYN to the SYN-ACK: to the server and back.",
};

/// Smoothed round-trip time in seconds (`s`) of a TCP connection while it lives.
pub const NETWORK_TCP_RTT_SMOOTHED: Attribute = Attribute {
    key: "network.tcp.rtt.smoothed",
    kind: Kind::Double,
    brief: "Smoothed round-trip time in seconds (`s`) of a TCP connection while it lives.",
};

/// What the times of a TCP connection that lives are known by.
pub const NETWORK_TCP_RTT_VIEW: Attribute = Attribute {
    key: "network.tcp.rtt.view",
    kind: Kind::String,
    brief: "What the times of a TCP connection that lives are known by.",
};

/// Protocols that the client offered in its TLS handshake (ALPN), the best first.
pub const NETWORK_TLS_OFFERED_PROTOCOLS: Attribute = Attribute {
    key: "network.tls.offered_protocols",
    kind: Kind::StringArray,
    brief: "Protocols that the client offered in its TLS handshake (ALPN), the best first.",
};

/// Protocol of the transport layer.
pub const NETWORK_TRANSPORT: Attribute =
    Attribute { key: "network.transport", kind: Kind::String, brief: "Protocol of the transport layer." };

/// Protocol of the network layer.
pub const NETWORK_TYPE: Attribute =
    Attribute { key: "network.type", kind: Kind::String, brief: "Protocol of the network layer." };

/// VLAN identifier (1 to 4094) of the outer or only tag.
pub const NETWORK_VLAN_ID: Attribute = Attribute {
    key: "network.vlan.id",
    kind: Kind::Int,
    brief: "VLAN identifier (1 to 4094) of the outer or only tag.",
};

/// VLAN identifier (1 to 4094) of the inner tag of doubly tagged frames.
pub const NETWORK_VLAN_INNER_ID: Attribute = Attribute {
    key: "network.vlan.inner_id",
    kind: Kind::Int,
    brief: "VLAN identifier (1 to 4094) of the inner tag of doubly tagged frames.",
};

/// Type of the operating system.
pub const OS_TYPE: Attribute =
    Attribute { key: "os.type", kind: Kind::String, brief: "Type of the operating system." };

/// Name of the component, unique in the process.
pub const OTEL_COMPONENT_NAME: Attribute = Attribute {
    key: "otel.component.name",
    kind: Kind::String,
    brief: "Name of the component, unique in the process.",
};

/// Kind of the component.
pub const OTEL_COMPONENT_TYPE: Attribute =
    Attribute { key: "otel.component.type", kind: Kind::String, brief: "Kind of the component." };

/// Marks the one series that takes what found no series of its own; always `true`.
pub const OTEL_METRIC_OVERFLOW: Attribute = Attribute {
    key: "otel.metric.overflow",
    kind: Kind::Boolean,
    brief: "Marks the one series that takes what found no series of its own; always `true`.",
};

/// Host of the server, as its client names it.
pub const SERVER_ADDRESS: Attribute = Attribute {
    key: "server.address",
    kind: Kind::String,
    brief: "Host of the server, as its client names it.",
};

/// Port of the receiver.
pub const SERVER_PORT: Attribute =
    Attribute { key: "server.port", kind: Kind::Int, brief: "Port of the receiver." };

/// Identifier of the instance of the service.
pub const SERVICE_INSTANCE_ID: Attribute = Attribute {
    key: "service.instance.id",
    kind: Kind::String,
    brief: "Identifier of the instance of the service.",
};

/// Logical name of the service.
pub const SERVICE_NAME: Attribute =
    Attribute { key: "service.name", kind: Kind::String, brief: "Logical name of the service." };

/// Version of the service.
pub const SERVICE_VERSION: Attribute =
    Attribute { key: "service.version", kind: Kind::String, brief: "Version of the service." };

/// Address of the source.
pub const SOURCE_ADDRESS: Attribute =
    Attribute { key: "source.address", kind: Kind::String, brief: "Address of the source." };

/// Bytes (`By`) of the frames that the source sent within the record's interval.
pub const SOURCE_BYTES: Attribute = Attribute {
    key: "source.bytes",
    kind: Kind::Int,
    brief: "Bytes (`By`) of the frames that the source sent within the record's interval.",
};

/// Differentiated services code point (0 to 63) of the packets that the source sends.
pub const SOURCE_IP_DSCP: Attribute = Attribute {
    key: "source.ip.dscp",
    kind: Kind::Int,
    brief: "Differentiated services code point (0 to 63) of the packets that the source sends.",
};

/// ECN codepoints seen in the packets that the source sent within the record's interval.
pub const SOURCE_IP_ECN: Attribute = Attribute {
    key: "source.ip.ecn",
    kind: Kind::StringArray,
    brief: "ECN codepoints seen in the packets that the source sent within the record's interval.",
};

/// Hardware address of the source in the frames at the accounting point.
pub const SOURCE_MAC: Attribute = Attribute {
    key: "source.mac",
    kind: Kind::String,
    brief: "Hardware address of the source in the frames at the accounting point.",
};

/// Packets (`{packet}`) that the source sent within the record's interval.
pub const SOURCE_PACKETS: Attribute = Attribute {
    key: "source.packets",
    kind: Kind::Int,
    brief: "Packets (`{packet}`) that the source sent within the record's interval.",
};

/// Port number of the source.
pub const SOURCE_PORT: Attribute =
    Attribute { key: "source.port", kind: Kind::Int, brief: "Port number of the source." };

/// Segments (`{segment}`) of the source that came after one that was sent later.
pub const SOURCE_TCP_OUT_OF_ORDER: Attribute = Attribute {
    key: "source.tcp.out_of_order",
    kind: Kind::Int,
    brief: "Segments (`{segment}`) of the source that came after one that was sent later.",
};

/// Segments (`{segment}`) that the source sent again within the record's interval.
pub const SOURCE_TCP_RETRANSMITS: Attribute = Attribute {
    key: "source.tcp.retransmits",
    kind: Kind::Int,
    brief: "Segments (`{segment}`) that the source sent again within the record's interval.",
};

/// Payload bytes (`By`) that the source sent again within the record's interval.
pub const SOURCE_TCP_RETRANSMITTED_BYTES: Attribute = Attribute {
    key: "source.tcp.retransmitted_bytes",
    kind: Kind::Int,
    brief: "Payload bytes (`By`) that the source sent again within the record's interval.",
};

/// Least time in seconds (`s`) to the source and back, by timestamps.
pub const SOURCE_TCP_RTT_MIN: Attribute = Attribute {
    key: "source.tcp.rtt.min",
    kind: Kind::Double,
    brief: "Least time in seconds (`s`) to the source and back, by timestamps.",
};

/// Smoothed time in seconds (`s`) to the source and back, by timestamps.
pub const SOURCE_TCP_RTT_SMOOTHED: Attribute = Attribute {
    key: "source.tcp.rtt.smoothed",
    kind: Kind::Double,
    brief: "Smoothed time in seconds (`s`) to the source and back, by timestamps.",
};

/// Segments (`{segment}`) with which the source said that it has no room to receive.
pub const SOURCE_TCP_ZERO_WINDOWS: Attribute = Attribute {
    key: "source.tcp.zero_windows",
    kind: Kind::Int,
    brief: "Segments (`{segment}`) with which the source said that it has no room to receive.",
};

/// Name of the distribution that sends the telemetry.
pub const TELEMETRY_DISTRO_NAME: Attribute = Attribute {
    key: "telemetry.distro.name",
    kind: Kind::String,
    brief: "Name of the distribution that sends the telemetry.",
};

/// Version of the distribution that sends the telemetry.
pub const TELEMETRY_DISTRO_VERSION: Attribute = Attribute {
    key: "telemetry.distro.version",
    kind: Kind::String,
    brief: "Version of the distribution that sends the telemetry.",
};

/// Language of the SDK that makes the telemetry.
pub const TELEMETRY_SDK_LANGUAGE: Attribute = Attribute {
    key: "telemetry.sdk.language",
    kind: Kind::String,
    brief: "Language of the SDK that makes the telemetry.",
};

/// Name of the SDK that makes the telemetry.
pub const TELEMETRY_SDK_NAME: Attribute = Attribute {
    key: "telemetry.sdk.name",
    kind: Kind::String,
    brief: "Name of the SDK that makes the telemetry.",
};

/// Version of the SDK that makes the telemetry.
pub const TELEMETRY_SDK_VERSION: Attribute = Attribute {
    key: "telemetry.sdk.version",
    kind: Kind::String,
    brief: "Version of the SDK that makes the telemetry.",
};

/// Protocol that is tunneled, by its name in the IANA registry (ALPN).
pub const TLS_NEXT_PROTOCOL: Attribute = Attribute {
    key: "tls.next_protocol",
    kind: Kind::String,
    brief: "Protocol that is tunneled, by its name in the IANA registry (ALPN).",
};

/// Protocol that was negotiated: SSL or TLS.
pub const TLS_PROTOCOL_NAME: Attribute = Attribute {
    key: "tls.protocol.name",
    kind: Kind::String,
    brief: "Protocol that was negotiated: SSL or TLS.",
};

/// Number of the version of SSL or TLS that was negotiated.
pub const TLS_PROTOCOL_VERSION: Attribute = Attribute {
    key: "tls.protocol.version",
    kind: Kind::String,
    brief: "Number of the version of SSL or TLS that was negotiated.",
};
