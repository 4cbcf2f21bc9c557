//! A table on a bench: it is given observations, and its records are kept.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use abi::Direction;

use crate::clock::{Clock, WallTime};
use crate::connections::OwnConnections;
use crate::flow::{
    Application, Connection, Counts, Disorder, DropCount, Ecn, EndReason, Evidence, FlowError, FlowId,
    FlowIds, FlowRecord, Hook, HookId, Hooks, Icmp, Mac, Observation, OtherReason, Record, RecordSink, Role,
    TcpFlags, Unattributed, Unopened, Vlan,
};
use crate::ledger::Ledger;
use crate::table::{Config, FlowTable, Output};

pub(in crate::table) use super::observations::*;

/// What tests ask of a record.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::table) struct Seen {
    pub(in crate::table) id: FlowId,
    pub(in crate::table) sequence: u32,
    pub(in crate::table) start: WallTime,
    pub(in crate::table) interval_start: WallTime,
    pub(in crate::table) timestamp: WallTime,
    pub(in crate::table) duration: u64,
    pub(in crate::table) end_reason: EndReason,
    /// Packets of source and destination.
    pub(in crate::table) packets: (u64, u64),
    pub(in crate::table) bytes: (u64, u64),
    pub(in crate::table) accounted: Vec<(HookId, Counts)>,
    /// `None` if it is not known.
    pub(in crate::table) hook: Option<String>,
    /// `None` for an `other` record.
    pub(in crate::table) flow: Option<SeenFlow>,
    pub(in crate::table) other: Option<OtherReason>,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::table) struct SeenFlow {
    pub(in crate::table) evidence: Evidence,
    pub(in crate::table) source: (IpAddr, Option<u16>),
    pub(in crate::table) destination: (IpAddr, Option<u16>),
    pub(in crate::table) protocol: u8,
    pub(in crate::table) macs: (Option<Mac>, Option<Mac>),
    pub(in crate::table) dscp: (Option<u8>, Option<u8>),
    pub(in crate::table) ecn: (Ecn, Ecn),
    pub(in crate::table) disorder: (Disorder, Disorder),
    pub(in crate::table) hook: String,
    pub(in crate::table) hook_is_reverse: bool,
    pub(in crate::table) vlan: Vlan,
    pub(in crate::table) flags: Option<TcpFlags>,
    pub(in crate::table) connection: Option<Connection>,
    pub(in crate::table) application: Option<Application>,
    pub(in crate::table) icmp: Option<Icmp>,
    /// Name of each hop, who sent its packets, how many.
    pub(in crate::table) path: Vec<(String, bool, u64)>,
    /// When each hop saw its first packet, after the flow's first one.
    pub(in crate::table) offsets: Vec<i64>,
    pub(in crate::table) drops: Vec<DropCount>,
    pub(in crate::table) icmp_errors: Vec<FlowError>,
    /// What was lost before each hop.
    pub(in crate::table) lost: Vec<Option<u64>>,
}

impl SeenFlow {
    fn of(record: &FlowRecord<'_>) -> Self {
        let (source, destination) = (&record.source, &record.destination);
        Self {
            evidence: record.evidence,
            source: (source.address, source.port),
            destination: (destination.address, destination.port),
            protocol: record.protocol,
            macs: (source.mac, destination.mac),
            dscp: (source.dscp, destination.dscp),
            ecn: (source.ecn, destination.ecn),
            disorder: (source.disorder, destination.disorder),
            hook: record.hook.map(ToString::to_string).unwrap_or_default(),
            hook_is_reverse: record.hook_is_reverse,
            vlan: record.vlan,
            flags: record.tcp_flags,
            connection: record.connection,
            application: record.application.cloned(),
            icmp: record.icmp,
            path: record
                .path
                .iter()
                .map(|hop| (hop.hook.to_string(), hop.is_reverse, hop.counts.packets))
                .collect(),
            drops: record.drops.to_vec(),
            icmp_errors: record.icmp_errors.to_vec(),
            offsets: record.path.iter().map(|hop| hop.offset).collect(),
            lost: record.path.iter().map(|hop| hop.lost).collect(),
        }
    }
}

impl Seen {
    pub(in crate::table) fn flow(&self) -> &SeenFlow {
        self.flow.as_ref().unwrap()
    }

    /// What the record says of a TCP connection.
    pub(in crate::table) fn connection(&self) -> Connection {
        self.flow().connection.unwrap()
    }

    /// What the records of a flow have in common over its life.
    pub(in crate::table) fn key(&self) -> ((IpAddr, Option<u16>), u8) {
        let flow = self.flow();
        // The server is the same for all: the client tells flows apart.
        (flow.source.max(flow.destination), flow.protocol)
    }
}

/// Keeps records and delivers them at once.
struct Keeper<'a> {
    records: &'a mut Vec<Seen>,
    ledger: &'a Ledger,
    has_room: bool,
}

impl RecordSink for Keeper<'_> {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        for &(hook, counts) in accounted {
            self.ledger.queued(hook, counts);
            self.ledger.delivered(hook, counts);
        }
        let accounted = accounted.to_vec();
        self.records.push(match record {
            Record::Flow(record) => Seen {
                id: record.id,
                sequence: record.sequence,
                start: record.start,
                interval_start: record.interval_start,
                timestamp: record.timestamp,
                duration: record.duration,
                end_reason: record.end_reason,
                packets: (record.source.counts.packets, record.destination.counts.packets),
                bytes: (record.source.counts.bytes, record.destination.counts.bytes),
                accounted,
                hook: record.hook.map(ToString::to_string),
                flow: Some(SeenFlow::of(record)),
                other: None,
            },
            Record::Other(record) => Seen {
                id: record.id,
                sequence: record.sequence,
                start: record.start,
                interval_start: record.interval_start,
                timestamp: record.observed,
                duration: record.observed.0 - record.start.0,
                end_reason: record.end_reason,
                packets: (record.counts.packets, 0),
                bytes: (record.counts.bytes, 0),
                accounted,
                hook: record.hook.map(ToString::to_string),
                flow: None,
                other: Some(record.reason),
            },
        });
    }

    fn has_room(&self) -> bool {
        self.has_room
    }
}

/// A table with four hooks, all it needs, and all it gave.
pub(in crate::table) struct Bench {
    pub(in crate::table) table: FlowTable,
    pub(in crate::table) ledger: Ledger,
    pub(in crate::table) records: Vec<Seen>,
    /// Wall clock less monotonic clock.
    pub(in crate::table) offset: u64,
    pub(in crate::table) hooks: Hooks,
    /// Of the sink.
    pub(in crate::table) has_room: bool,
    /// Where sockets wait, wherever it is asked.
    pub(in crate::table) servers: Vec<Server>,
    /// Of which flows it was asked after the last drain.
    pub(in crate::table) asked: Vec<Unopened>,
}

/// Protocol, address and port.
pub(in crate::table) type Server = (u8, Ipv6Addr, u16);

impl Bench {
    /// Hooks 0 and 2 are ingress, 1 and 3 egress.
    pub(in crate::table) fn new() -> Self {
        Self::with(&Config::default())
    }

    pub(in crate::table) fn with(config: &Config) -> Self {
        let mut hooks = Hooks::default();
        for (ifindex, interface) in [(1, "eth0"), (2, "veth0")] {
            hooks.register(Hook::named(0, ifindex, Direction::Ingress, interface));
            hooks.register(Hook::named(0, ifindex, Direction::Egress, interface));
        }
        Self {
            table: FlowTable::new(config, FlowIds::seeded(1, 1)),
            ledger: Ledger::default(),
            records: Vec::new(),
            offset: OFFSET,
            hooks,
            has_room: true,
            servers: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Gives the interfaces of hooks 0 and 1, and of 2 and 3, roles.
    pub(in crate::table) fn with_roles(mut self, roles: [Role; 2]) -> Self {
        for (ifindex, role) in (1..).zip(roles) {
            for direction in [Direction::Ingress, Direction::Egress] {
                let interface = if ifindex == 1 { "eth0" } else { "veth0" };
                self.hooks.register(Hook { role, ..Hook::named(0, ifindex, direction, interface) });
            }
        }
        self
    }

    /// Flows of these connections are not reported.
    pub(in crate::table) fn excluding(own: &Arc<OwnConnections>) -> Self {
        let bench = Self::new();
        Self { table: bench.table.excluding(Arc::clone(own)), ..bench }
    }

    pub(in crate::table) fn full_at(max_flows: usize) -> Self {
        Self::with(&Config { max_flows, ..Config::default() })
    }

    /// Applies a drain at a moment in milliseconds and asks for what is due.
    pub(in crate::table) fn drain(&mut self, moment: u64, observations: &[Observation]) -> Vec<Seen> {
        let before = self.records.len();
        self.step(moment, |table, out| {
            for observation in observations {
                table.apply(observation, out);
            }
        });
        self.ask(moment);
        self.step(moment, |table, out| {
            table.emit_due(out);
        });
        self.records[before..].to_vec()
    }

    /// Asks who began the new flows whose opening was not seen.
    fn ask(&mut self, moment: u64) {
        let mut asked = Vec::new();
        self.step(moment, |table, out| asked = table.take_unopened(out));
        for unopened in &asked {
            let protocol = unopened.packets.protocol;
            let waits = |address, port| self.servers.contains(&(protocol, address, port));
            if let Some(server) = unopened.server(waits) {
                self.table.set_server(unopened.network, &server);
            }
        }
        self.asked = asked;
    }

    /// Has flows follow hooks to other networks, as a reading does before its observations.
    pub(in crate::table) fn regroup(&mut self, moment: u64) -> Vec<Seen> {
        if !self.hooks.regroup() {
            return Vec::new();
        }
        self.step(moment, |table, out| {
            table.follow_hooks(out);
        })
    }

    /// Applies observations of a reading that ends early.
    pub(in crate::table) fn end_reading(&mut self, moment: u64, observations: &[Observation]) -> Vec<Seen> {
        self.step(moment, |table, out| {
            for observation in observations {
                table.apply(observation, out);
            }
            table.end_reading(out);
        })
    }

    /// Asks for what is due at a moment between two drains.
    pub(in crate::table) fn between(&mut self, moment: u64) -> Vec<Seen> {
        self.step(moment, |table, out| {
            table.emit_between(out);
        })
    }

    /// Drains every second that bring nothing, `until` included.
    pub(in crate::table) fn quiet(&mut self, from: u64, until: u64) -> Vec<Seen> {
        (from..=until).step_by(1_000).flat_map(|moment| self.drain(moment, &[])).collect()
    }

    pub(in crate::table) fn unattributed(&mut self, moment: u64, packets: &Unattributed) -> Vec<Seen> {
        self.step(moment, |table, out| {
            table.apply_unattributed(packets, out);
            table.emit_due(out);
        })
    }

    pub(in crate::table) fn finish(&mut self, moment: u64) -> Vec<Seen> {
        let before = self.records.len();
        self.ask(moment);
        self.step(moment, |table, out| {
            table.finish(out);
        });
        self.records[before..].to_vec()
    }

    /// Every hook's row balances.
    pub(in crate::table) fn assert_balance(&self) {
        for (account, row) in self.ledger.snapshot() {
            assert!(row.balances(), "{account:?} {row:?}");
        }
    }

    fn step(
        &mut self,
        moment: u64,
        work: impl FnOnce(&mut FlowTable, &mut Output<'_, Keeper<'_>>),
    ) -> Vec<Seen> {
        let before = self.records.len();
        let now = milliseconds(moment);
        let mut sink = Keeper { records: &mut self.records, ledger: &self.ledger, has_room: self.has_room };
        let mut out = Output {
            clock: Clock::at(now, WallTime(self.offset + now.0)),
            hooks: &self.hooks,
            ledger: &self.ledger,
            sink: &mut sink,
        };
        work(&mut self.table, &mut out);
        self.assert_balance();
        self.records[before..].to_vec()
    }
}

/// One interval of the default configuration, in milliseconds, with the wheel's tick.
pub(in crate::table) const INTERVAL: u64 = 10_020;

pub(in crate::table) fn short_interval() -> Config {
    Config { interval: Duration::from_secs(1), ..Config::default() }
}
