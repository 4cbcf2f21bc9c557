//! What leaves the flow table.

use std::net::IpAddr;
use std::num::NonZeroU32;

use crate::clock::{MonotonicTime, WallTime};
use crate::flow::{
    Application, CommunityId, Connection, Counts, Disorder, DropCount, Ecn, FlowError, FlowId, Hook, HookId,
    Icmp, Mac, TcpFlags, Vlan,
};

/// One record, lent to the stage that writes it.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A flow.
    Flow(&'a FlowRecord<'a>),
    /// Packets of a hook without endpoints.
    Other(&'a OtherRecord<'a>),
}

/// Takes records as they are made.
pub trait RecordSink {
    /// Takes one record. `accounted` names each hook whose packets the record carries, with their counts.
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]);

    /// Whether one more record would cost no other one its place. If not, records are put off for a while, and then made all the
    /// same.
    fn has_room(&self) -> bool {
        true
    }
}

/// One flow in one interval, both directions.
#[derive(Clone, Debug)]
pub struct FlowRecord<'a> {
    /// The flow's identity.
    pub id: FlowId,
    /// 0 for the flow's first record, then 1, 2, ...
    pub sequence: u32,
    /// First packet of the flow's life.
    pub start: WallTime,
    /// Begin of the interval that the counts are for.
    pub interval_start: WallTime,
    /// Last packet of the interval; its begin if there was none.
    pub timestamp: WallTime,
    /// When the counts were read.
    pub observed: WallTime,
    /// From the flow's first packet to its last, in nanoseconds.
    pub duration: u64,
    /// Why there is a record.
    pub end_reason: EndReason,
    /// Why `source` is the initiator.
    pub evidence: Evidence,
    /// The initiator.
    pub source: Endpoint,
    /// The other end.
    pub destination: Endpoint,
    /// IP protocol number.
    pub protocol: u8,
    /// IP version: 4 or 6.
    pub ip_version: u8,
    /// What other tools call the flow, if that is asked for and its ports are known.
    pub community_id: Option<CommunityId>,
    /// Accounting point of the source's packets, else of the destination's.
    pub hook: Option<&'a Hook>,
    /// Direction of the source's packets at `hook`'s interface is the opposite of `hook.direction`: `hook` counts the
    /// destination's packets, the source's were not seen.
    pub hook_is_reverse: bool,
    /// VLAN tags of the source's first frame, else of the destination's.
    pub vlan: Vlan,
    /// TCP flags of both directions in the interval; `None` if the flow is not TCP.
    pub tcp_flags: Option<TcpFlags>,
    /// `None` if the flow is not TCP.
    pub connection: Option<Connection>,
    /// What its first bytes say, if they were seen.
    pub application: Option<&'a Application>,
    /// Of so many flows, this one is counted.
    pub sample: NonZeroU32,
    /// Message of the source's packets; `None` if the flow is not ICMP.
    pub icmp: Option<Icmp>,
    /// The hooks that the packets of the interval passed, in their order, the source's packets first. Empty unless there are more
    /// than one for a direction.
    pub path: &'a [Hop<'a>],
    /// Packets that the kernel dropped in the interval, the source's first.
    pub drops: &'a [DropCount],
    /// ICMP errors that quote packets of the flow, each once, those about the source's packets first.
    pub icmp_errors: &'a [FlowError],
}

/// What one hook saw of one direction in an interval.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// Where.
    pub hook: &'a Hook,
    /// The destination sent the packets.
    pub is_reverse: bool,
    /// Source and destination of the first frame, where the device has a link layer.
    pub macs: Option<(Mac, Mac)>,
    /// First packet, precise.
    pub first: MonotonicTime,
    /// Nanoseconds to that from the flow's first packet.
    pub offset: i64,
    /// How much.
    pub counts: Counts,
    /// Packets that the hop before counted and this one did not, since the flow was last silent; `None` in all hops of a record
    /// that does not know.
    pub lost: Option<u64>,
}

/// One end of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// IP address.
    pub address: IpAddr,
    /// Port, where it is known.
    pub port: Option<u16>,
    /// MAC of the frames that it sent, at the accounting point.
    pub mac: Option<Mac>,
    /// What it sent in the interval.
    pub counts: Counts,
    /// DSCP of the first packet that it sent in the interval.
    pub dscp: Option<u8>,
    /// ECN codepoints of the packets that it sent in the interval.
    pub ecn: Ecn,
    /// Segments that it sent in the interval and that were not simply the next one.
    pub disorder: Disorder,
}

/// Packets of a hook that no flow could take, in one interval.
#[derive(Clone, Debug)]
pub struct OtherRecord<'a> {
    /// Identity of this hook's packets of this reason, as of a flow.
    pub id: FlowId,
    /// 0 for the first record, then 1, 2, ...
    pub sequence: u32,
    /// When the first such packet was read.
    pub start: WallTime,
    /// Begin of the interval that the counts are for.
    pub interval_start: WallTime,
    /// When the counts were read.
    pub observed: WallTime,
    /// Why there is a record.
    pub end_reason: EndReason,
    /// Where, if the kernel had room to tell.
    pub hook: Option<&'a Hook>,
    /// Why the packets have no endpoints.
    pub reason: OtherReason,
    /// How much.
    pub counts: Counts,
}

/// Why a record is written (IPFIX `flowEndReason`, information element 136).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The flow goes on.
    ActiveTimeout,
    /// No packet came for the idle time-out.
    IdleTimeout,
    /// The connection was closed or reset.
    EndOfFlow,
    /// The agent stopped.
    ForcedEnd,
    /// The flow table was full.
    LackOfResources,
}

/// Why the source is taken for the initiator, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// The source sent a SYN, or the destination a SYN-ACK.
    Syn,
    /// The kernel's connection tracking saw the source open the connection.
    Conntrack,
    /// A socket of this machine listens at the destination's address and port.
    ListeningSocket,
    /// Only the destination's port is a well-known one.
    WellKnownPort,
    /// The source's packet was the first that was seen.
    FirstPacket,
}

/// Why packets have no endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OtherReason {
    /// The kernel's map was full.
    Overflow,
    /// The headers contradict themselves or end too early.
    Malformed,
}

impl EndReason {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        use semconv::value::network_flow_end_reason as value;
        match self {
            Self::ActiveTimeout => value::ACTIVE_TIMEOUT,
            Self::IdleTimeout => value::IDLE_TIMEOUT,
            Self::EndOfFlow => value::END_OF_FLOW,
            Self::ForcedEnd => value::FORCED_END,
            Self::LackOfResources => value::LACK_OF_RESOURCES,
        }
    }
}

impl Evidence {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        use semconv::value::network_flow_initiator_evidence as value;
        match self {
            Self::Syn => value::SYN,
            Self::Conntrack => value::CONNTRACK,
            Self::ListeningSocket => value::LISTENING_SOCKET,
            Self::WellKnownPort => value::WELL_KNOWN_PORT,
            Self::FirstPacket => value::FIRST_PACKET,
        }
    }
}

impl OtherReason {
    /// The attribute's value.
    #[must_use]
    pub fn name(self) -> &'static str {
        use semconv::value::network_flow_other_reason as value;
        match self {
            Self::Overflow => value::OVERFLOW,
            Self::Malformed => value::MALFORMED,
        }
    }
}
