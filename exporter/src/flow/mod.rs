//! The words of the program: what a hook is, what it observed, what a record says. All stages speak them; they know no stage.

mod application;
mod attributes;
mod community;
mod connection;
mod counts;
mod dns;
mod dropped;
mod hook;
mod hooks;
mod icmp_error;
mod identity;
mod metric;
mod network;
mod networks;
mod observation;
mod quality;
mod quic;
mod record;
mod record_counts;
mod role;
#[cfg(test)]
pub(crate) mod samples;
mod tcp;
mod text;
mod tuple;
mod unopened;

pub use self::application::{Application, Protocol, Start, Tls, TlsRequest, TlsVersion};
pub use self::attributes::AttributeSink;
pub use self::community::CommunityId;
pub use self::connection::{
    Connection, ConnectionError, ConnectionState, HandshakeTimes, Opening, ResetSide,
};
pub use self::counts::Counts;
pub use self::dns::{Dns, DnsMessage, Question, Sighting};
pub use self::dropped::{DropCount, DropReason, Dropped};
pub use self::hook::{Hook, HookId, OWN_SCOPE};
pub use self::hooks::Hooks;
pub use self::icmp_error::{FlowError, IcmpError};
pub use self::identity::{FlowId, FlowIds};
pub(crate) use self::metric::{Buckets, HistogramPoint, MetricPoint, MetricValue, SeriesValue};
pub use self::metric::{HistogramKind, Temporality};
pub use self::network::NetworkId;
pub use self::networks::Exits;
pub use self::observation::{Handshake, Observation, Unattributed};
pub use self::quality::{Disorder, EchoView, Quality, RoundTripView, RoundTrips, SocketView, Way};
pub use self::quic::{ConnectionId, QuicHeader, QuicVersion};
pub use self::record::{
    EndReason, Endpoint, Evidence, FlowRecord, Hop, OtherReason, OtherRecord, Record, RecordSink,
};
pub use self::record_counts::RecordCounts;
pub use self::role::Role;
pub use self::tcp::{Ecn, TcpFlags};
pub(crate) use self::text::protocol_number;
pub use self::text::{Text, timestamp};
pub use self::tuple::{Icmp, Mac, Tuple, Vlan};
pub use self::unopened::Unopened;

pub use abi::Direction;
