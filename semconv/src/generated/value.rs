//! Known values of attributes, a module for each attribute.
//!
//! Generated from `semconv/model` by `cargo run -p flow-semconv --example generate`: do not edit.

/// Values of `error.type`.
pub mod error_type {
    /// A RST answered the SYN.
    pub const REFUSED: &str = "refused";

    /// A RST ended the connection, or its opening after the SYN-ACK.
    pub const RESET: &str = "reset";

    /// Nothing answered the SYN for as long as an idle TCP flow is kept.
    pub const TIMED_OUT: &str = "timed_out";

    /// An ICMP error said that there is no way to the other end, and nothing else answered the SYN.
    pub const HOST_UNREACHABLE: &str = "host_unreachable";

    /// The map of the kernel was full.
    pub const OVERFLOW: &str = "overflow";

    /// The headers contradict themselves or end too early.
    pub const MALFORMED: &str = "malformed";

    /// The queue before the exporter was full.
    pub const QUEUE_FULL: &str = "queue_full";

    /// The receiver refused it.
    pub const REJECTED: &str = "rejected";

    /// The receiver did not take it in time.
    pub const UNDELIVERED: &str = "undelivered";

    /// The output to print to took no more.
    pub const OUTPUT: &str = "output";

    /// The interface left meanwhile.
    pub const VANISHED: &str = "vanished";

    /// The process may not.
    pub const PRIVILEGE: &str = "privilege";

    /// The kernel has no memory for it.
    pub const MEMORY: &str = "memory";

    /// The kernel has no such mechanism.
    pub const UNSUPPORTED: &str = "unsupported";

    /// Filters of another program are in the place.
    pub const OCCUPIED: &str = "occupied";

    /// Anything else.
    pub const OTHER: &str = "other";
}

/// Values of `flow_exporter.drop.fate`.
pub mod flow_exporter_drop_fate {
    /// A record of its flow says it, or will.
    pub const PLACED: &str = "placed";

    /// No interface has seen its flow, or the flow is not reported.
    pub const UNPLACED: &str = "unplaced";

    /// Its flow's record has as many reasons as one may have.
    pub const REFUSED: &str = "refused";

    /// It is not IP, or its headers cannot be read.
    pub const UNREAD: &str = "unread";

    /// The kernel's map of dropped packets was full.
    pub const OVERFLOW: &str = "overflow";

    /// The program was busy with another packet on the same CPU.
    pub const NESTED: &str = "nested";

    /// As `nested`, and the kernel left the program out (since Linux 6.2): perhaps not a drop, or of no network.
    pub const MISSED: &str = "missed";
}

/// Values of `flow_exporter.feature.name`.
pub mod flow_exporter_feature_name {
    /// Hooks are TCX links, of which nothing is left however the process ends; else they are clsact filters.
    pub const TCX: &str = "tcx";

    /// All network namespaces are observed; else the agent's own alone.
    pub const NAMESPACES: &str = "namespaces";

    /// What the kernel drops is told.
    pub const DROPS: &str = "drops";

    /// A listening socket may tell who began a flow.
    pub const LISTENING_SOCKET: &str = "listening_socket";

    /// The kernel's connection tracking may tell who began a flow.
    pub const CONNTRACK: &str = "conntrack";
}

/// Values of `flow_exporter.kernel.map.name`.
pub mod flow_exporter_kernel_map_name {
    /// One entry for what a hook sees of a flow; of the generation that the programs write.
    pub const OBSERVATIONS: &str = "observations";

    /// One entry for each hook and reason of a loss.
    pub const LOSSES: &str = "losses";
}

/// Values of `flow_exporter.memory.kind`.
pub mod flow_exporter_memory_kind {
    /// Anonymous memory of the process that is resident: pages of files are not in it, which the kernel can take back.
    pub const ANONYMOUS: &str = "anonymous";

    /// The maps of the kernel programs, as the kernel accounts for them.
    pub const KERNEL_MAPS: &str = "kernel_maps";
}

/// Values of `flow_exporter.payload.fate`.
pub mod flow_exporter_payload_fate {
    /// It is a known protocol's, and all that is looked for was there.
    pub const PARSED: &str = "parsed";

    /// It is a known protocol's, or may be, and ends too early.
    pub const INCOMPLETE: &str = "incomplete";

    /// It is nothing that is known.
    pub const UNKNOWN: &str = "unknown";

    /// It found no room in the ring from the kernel.
    pub const UNSHIPPED: &str = "unshipped";

    /// It was read, but its flow was over.
    pub const UNPLACED: &str = "unplaced";

    /// It was read, but what it says found no room in the memory for that.
    pub const REFUSED: &str = "refused";
}

/// Values of `flow_exporter.stage.name`.
pub mod flow_exporter_stage_name {
    /// Turning the generation, waiting for the programs to leave it, reading losses.
    pub const READING: &str = "reading";

    /// Reading observations and merging them into flows.
    pub const TABLE: &str = "table";

    /// Making the records that are due: encoding, compressing, queueing; or printing, with waits for the output.
    pub const ENCODING: &str = "encoding";
}

/// Values of `host.arch`.
pub mod host_arch {
    /// 64-bit x86.
    pub const AMD64: &str = "amd64";

    /// 64-bit ARM.
    pub const ARM64: &str = "arm64";
}

/// Values of `network.connection.state`.
pub mod network_connection_state {
    /// An end has asked for a connection, and waits for the answer.
    pub const SYN_SENT: &str = "syn_sent";

    /// An end has answered, and waits for the acknowledgement.
    pub const SYN_RECEIVED: &str = "syn_received";

    /// The connection is open.
    pub const ESTABLISHED: &str = "established";

    /// An end has closed its side, and waits for the other one to, or for the acknowledgement.
    pub const FIN_WAIT_1: &str = "fin_wait_1";

    /// The other end has closed its side.
    pub const CLOSE_WAIT: &str = "close_wait";

    /// There is no connection any more.
    pub const CLOSED: &str = "closed";
}

/// Values of `network.flow.direction`.
pub mod network_flow_direction {
    /// Sent by the source.
    pub const FORWARD: &str = "forward";

    /// Sent by the destination.
    pub const REVERSE: &str = "reverse";
}

/// Values of `network.flow.encryption`.
pub mod network_flow_encryption {
    /// It began with a TLS handshake, as QUIC always does, or agreed in its own protocol to go on with one.
    pub const TLS: &str = "tls";

    /// It began as SSH, which encrypts by itself.
    pub const SSH: &str = "ssh";

    /// It began with words of a readable protocol that does not turn to TLS later.
    pub const NONE: &str = "none";

    /// Its first bytes do not tell: an unknown protocol, or one that may turn to TLS later.
    pub const UNKNOWN: &str = "unknown";
}

/// Values of `network.flow.end_reason`.
pub mod network_flow_end_reason {
    /// The flow goes on: an interim record at the end of an interval.
    pub const ACTIVE_TIMEOUT: &str = "active_timeout";

    /// No packet came for the idle timeout.
    pub const IDLE_TIMEOUT: &str = "idle_timeout";

    /// The transport closed the flow, by FIN or RST.
    pub const END_OF_FLOW: &str = "end_of_flow";

    /// The exporter stopped, or stopped watching the interface.
    pub const FORCED_END: &str = "forced_end";

    /// The flow table was full and the flow had to make room.
    pub const LACK_OF_RESOURCES: &str = "lack_of_resources";
}

/// Values of `network.flow.initiator.evidence`.
pub mod network_flow_initiator_evidence {
    /// A TCP SYN without ACK came from the source.
    pub const SYN: &str = "syn";

    /// The kernel's connection tracking has it as the origin.
    pub const CONNTRACK: &str = "conntrack";

    /// The destination's address and port belong to a listening socket of this host.
    pub const LISTENING_SOCKET: &str = "listening_socket";

    /// The source sent a request that carries a trace context.
    pub const TRACEPARENT: &str = "traceparent";

    /// Only the destination's port is a well-known one.
    pub const WELL_KNOWN_PORT: &str = "well_known_port";

    /// The first packet that was seen came from the source: the last resort.
    pub const FIRST_PACKET: &str = "first_packet";
}

/// Values of `network.flow.other.reason`.
pub mod network_flow_other_reason {
    /// The kernel's flow map was full, so the packet counted without its addresses.
    pub const OVERFLOW: &str = "overflow";

    /// The packet's headers could not be parsed.
    pub const MALFORMED: &str = "malformed";
}

/// Values of `network.interface.direction`.
pub mod network_interface_direction {
    /// Received by the host through the interface.
    pub const INGRESS: &str = "ingress";

    /// Sent by the host through the interface.
    pub const EGRESS: &str = "egress";
}

/// Values of `network.protocol.name`.
pub mod network_protocol_name {
    /// HTTP.
    pub const HTTP: &str = "http";

    /// SSH.
    pub const SSH: &str = "ssh";

    /// SMTP.
    pub const SMTP: &str = "smtp";

    /// FTP, its control connection.
    pub const FTP: &str = "ftp";

    /// Telnet.
    pub const TELNET: &str = "telnet";

    /// Redis.
    pub const REDIS: &str = "redis";

    /// PostgreSQL.
    pub const POSTGRESQL: &str = "postgresql";

    /// MySQL.
    pub const MYSQL: &str = "mysql";

    /// DNS over UDP or TCP.
    pub const DNS: &str = "dns";

    /// QUIC.
    pub const QUIC: &str = "quic";
}

/// Values of `network.tcp.flags`.
pub mod network_tcp_flags {
    /// No more data from the sender.
    pub const FIN: &str = "fin";

    /// Opens a connection.
    pub const SYN: &str = "syn";

    /// Aborts the connection.
    pub const RST: &str = "rst";

    /// Hands the data to the application at once.
    pub const PSH: &str = "psh";

    /// The acknowledgement number is valid.
    pub const ACK: &str = "ack";

    /// The urgent pointer is valid.
    pub const URG: &str = "urg";

    /// The receiver saw congestion; with `syn`, it can use ECN.
    pub const ECE: &str = "ece";

    /// The sender lowered its congestion window.
    pub const CWR: &str = "cwr";

    /// Accurate ECN; the former nonce sum bit.
    pub const AE: &str = "ae";
}

/// Values of `network.tcp.reset.side`.
pub mod network_tcp_reset_side {
    /// The source's address sent the RST.
    pub const SOURCE: &str = "source";

    /// The destination's address sent the RST.
    pub const DESTINATION: &str = "destination";
}

/// Values of `network.tcp.rtt.view`.
pub mod network_tcp_rtt_view {
    /// A socket of this machine.
    pub const SOCKET: &str = "socket";

    /// Timestamps in segments that this machine forwards.
    pub const TIMESTAMPS: &str = "timestamps";
}

/// Values of `network.transport`.
pub mod network_transport {
    /// TCP.
    pub const TCP: &str = "tcp";

    /// UDP.
    pub const UDP: &str = "udp";

    /// SCTP.
    pub const SCTP: &str = "sctp";

    /// ICMP for IPv4.
    pub const ICMP: &str = "icmp";

    /// ICMP for IPv6.
    pub const ICMPV6: &str = "icmpv6";
}

/// Values of `network.type`.
pub mod network_type {
    /// IPv4.
    pub const IPV4: &str = "ipv4";

    /// IPv6.
    pub const IPV6: &str = "ipv6";
}

/// Values of `os.type`.
pub mod os_type {
    /// Linux.
    pub const LINUX: &str = "linux";
}

/// Values of `otel.component.type`.
pub mod otel_component_type {
    /// A queue before an exporter of log records.
    pub const BATCHING_LOG_PROCESSOR: &str = "batching_log_processor";

    /// Log records by OTLP over gRPC.
    pub const OTLP_GRPC_LOG_EXPORTER: &str = "otlp_grpc_log_exporter";

    /// Log records by OTLP over HTTP with protobuf.
    pub const OTLP_HTTP_LOG_EXPORTER: &str = "otlp_http_log_exporter";

    /// Metrics by OTLP over gRPC.
    pub const OTLP_GRPC_METRIC_EXPORTER: &str = "otlp_grpc_metric_exporter";

    /// Metrics by OTLP over HTTP with protobuf.
    pub const OTLP_HTTP_METRIC_EXPORTER: &str = "otlp_http_metric_exporter";
}

/// Values of `source.ip.ecn` and `destination.ip.ecn`.
pub mod ip_ecn {
    /// Transport without ECN (00).
    pub const NOT_ECT: &str = "not_ect";

    /// ECN-capable transport, codepoint ECT(0) (10).
    pub const ECT_0: &str = "ect_0";

    /// ECN-capable transport, codepoint ECT(1) (01).
    pub const ECT_1: &str = "ect_1";

    /// Congestion experienced (11), set by a router on the way.
    pub const CE: &str = "ce";
}

/// Values of `telemetry.sdk.language`.
pub mod telemetry_sdk_language {
    /// Rust.
    pub const RUST: &str = "rust";
}

/// Values of `tls.protocol.name`.
pub mod tls_protocol_name {
    /// SSL.
    pub const SSL: &str = "ssl";

    /// TLS.
    pub const TLS: &str = "tls";
}
