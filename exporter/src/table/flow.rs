//! One flow: what it adds up between two records, and what it remembers for life.

mod closing;

use smallvec::SmallVec;

use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{
    Application, CommunityId, Connection, Disorder, Dropped, EndReason, Endpoint, FlowId, FlowRecord, Hooks,
    NetworkId, Observation, Record, RecordSink, RoundTrips, TcpFlags, Tuple,
};
use crate::ledger::Ledger;
use crate::table::Output;
use crate::table::accounting::{Accounting, Share};
use crate::table::conversation::{self, Side, Sides};
use crate::table::facts::Facts;
use crate::table::handshake::Handshake;
use crate::table::index::Key;
use crate::table::mishaps::Mishaps;
use crate::table::quality::Quality;
use crate::table::reuse::Reading;
use crate::table::settings::{Phase, Settings};
use crate::table::shared::Shared;
use crate::table::stretch::{Readings, Way};
use crate::table::tcp::Tcp;

pub(super) use self::closing::Closing;

#[derive(Debug)]
pub(super) struct Flow {
    id: FlowId,
    phase: Phase,
    /// Both are its [`Key`], which would have to be padded. The conversation is the tuple of [`Side::Along`].
    network: NetworkId,
    conversation: Tuple,
    /// First packet of its life. Both move only until the first record.
    start: WallTime,
    first: MonotonicTime,
    /// Last packet, at any hook.
    last: MonotonicTime,
    /// End of the previous record's interval.
    interval_start: WallTime,
    /// No record is due before; of a closing flow: it ends then at the latest.
    not_before: MonotonicTime,
    accounting: Accounting,
    tcp: Tcp,
    handshake: Handshake,
    /// Of few flows, and then large.
    application: Option<Box<Application>>,
    quality: Quality,
    mishaps: Mishaps,
    /// A record has said how the connection's opening ended.
    is_opening_told: bool,
    /// Fixed by the first record.
    facts: Option<Facts>,
    /// Of the next record.
    sequence: u32,
    /// `None` if its records have no path.
    way: Option<Way>,
    /// Of an own connection: it has no record, no tallies and no leads.
    excluded: bool,
    /// The reading that brought the end of its connection.
    closed: Reading,
    /// Closing, and the running drain brought something of a side.
    stirred: Sides,
}

impl Flow {
    pub(super) fn new(
        id: FlowId,
        phase: Phase,
        Key { network, conversation }: Key,
        first: MonotonicTime,
        way: Option<Way>,
        clock: Clock,
    ) -> Self {
        let start = clock.wall_at(first);
        Self {
            id,
            phase,
            network,
            conversation,
            start,
            first,
            last: first,
            interval_start: start,
            not_before: MonotonicTime::default(),
            accounting: Accounting::default(),
            tcp: Tcp::default(),
            handshake: Handshake::default(),
            application: None,
            quality: Quality::default(),
            mishaps: Mishaps::default(),
            is_opening_told: false,
            facts: None,
            sequence: 0,
            way,
            excluded: false,
            closed: Reading::NEVER,
            stirred: Sides::NONE,
        }
    }

    pub(super) fn conversation(&self) -> &Tuple {
        &self.conversation
    }

    pub(super) fn key(&self) -> Key {
        Key { network: self.network, conversation: self.conversation }
    }

    /// Goes to the network of the hooks that account for it, and says whether that is another one.
    pub(super) fn follow(&mut self, hooks: &Hooks) -> bool {
        let network = self.accounting.network(self.network, hooks);
        std::mem::replace(&mut self.network, network) != network
    }

    pub(super) fn tcp(&self) -> Tcp {
        self.tcp
    }

    pub(super) fn set_opener(&mut self, opener: Side) {
        self.tcp.set_tracked(opener);
    }

    pub(super) fn set_server(&mut self, server: Side) {
        self.tcp.set_server(server);
    }

    /// Interfaces that account for its packets: network namespace and index.
    pub(super) fn seen_at(&self, hooks: &Hooks) -> SmallVec<[(u32, u32); 2]> {
        let leads = Side::BOTH.into_iter().filter_map(|side| self.accounting.lead(side));
        let hooks = leads.map(|lead| hooks.get(lead.hook));
        hooks.map(|hook| (hook.scope, hook.ifindex)).collect()
    }

    /// The first packet that a record would carry or tell of.
    pub(super) fn first(&self) -> Option<MonotonicTime> {
        self.accounting.first().into_iter().chain(self.mishaps.first()).min()
    }

    /// Whether a record would carry packets.
    pub(super) fn is_pending(&self) -> bool {
        self.first().is_some()
    }

    /// This flow, of which no record is made.
    pub(super) fn excluded(self) -> Self {
        Self { excluded: true, ..self }
    }

    pub(super) fn is_excluded(&self) -> bool {
        self.excluded
    }

    /// Whether it had begun by then.
    pub(super) fn had_begun(&self, moment: MonotonicTime) -> bool {
        self.first <= moment
    }

    /// What is known of its application.
    pub(super) fn application(&self) -> Option<&Application> {
        self.application.as_deref()
    }

    pub(super) fn set_application(&mut self, application: Application) {
        self.application = Some(Box::new(application));
    }

    /// Whether its end needs a record: a TCP connection says that it is over even if nothing came since its last record; others
    /// just fall silent.
    pub(super) fn is_to_be_told(&self) -> bool {
        !self.excluded && (self.is_pending() || self.conversation.is_tcp())
    }

    /// Takes an observation of the packets that `side` sent. Says whether [`first`](Self::first) may be another one than before.
    pub(super) fn absorb(
        &mut self,
        side: Side,
        observation: &Observation,
        reading: Reading,
        hooks: &Hooks,
        shared: &mut Shared,
    ) -> bool {
        if self.is_closing() {
            self.stirred.add(side);
        }
        self.live_at(observation.first, observation.last);
        if let Some(way) = &mut self.way {
            way.hear(observation, reading);
        }
        if self.conversation.is_tcp() {
            self.tcp.absorb(side, observation, reading);
            self.handshake.absorb(side, observation, hooks.get(observation.hook));
        }
        if self.excluded {
            return false;
        }
        self.quality.absorb(side, observation, hooks.get(observation.hook));
        self.accounting.take(side, observation, hooks, shared)
    }

    /// Takes packets that `side` sent and the kernel dropped. Says whether there was room.
    pub(super) fn lose(&mut self, side: Side, dropped: &Dropped) -> bool {
        self.live_at(dropped.first, dropped.last);
        self.mishaps.lose(side, dropped)
    }

    pub(super) fn mishaps(&mut self) -> &mut Mishaps {
        &mut self.mishaps
    }

    /// When to look at the flow next. Packets that come meanwhile can make it later, never earlier, unless they change
    /// [`first`](Self::first).
    pub(super) fn deadline(&self, settings: &Settings) -> MonotonicTime {
        let idle = self.last.after(settings.idle_timeout(self.conversation.is_tcp()));
        self.record_due(settings).map_or(idle, |due| due.min(idle))
    }

    pub(super) fn is_due(&self, now: MonotonicTime, settings: &Settings) -> bool {
        self.record_due(settings).is_some_and(|due| due <= now)
    }

    pub(super) fn is_idle(&self, now: MonotonicTime, settings: &Settings) -> bool {
        now.since(self.last) >= settings.idle_timeout(self.conversation.is_tcp())
    }

    pub(super) fn not_before(&self) -> MonotonicTime {
        self.not_before
    }

    /// Gives the record of the interval and begins the next one.
    pub(super) fn emit<S: RecordSink>(
        &mut self,
        reason: EndReason,
        settings: &Settings,
        readings: Readings,
        shared: &mut Shared,
        out: &mut Output<'_, S>,
    ) {
        let facts = *self.facts.get_or_insert_with(|| {
            let of = (&self.accounting, &self.mishaps);
            Facts::of(&self.conversation, self.tcp, of)
        });
        let mishaps = self.mishaps.settle(facts.source);
        let settled = self.accounting.settle(readings, out.hooks, out.ledger, &mut shared.uses);
        let path = self.way.as_mut().map_or_else(SmallVec::new, |way| {
            let passed = way.settle(&settled.hops, readings, out.hooks, &mut shared.uses);
            settled.path(facts.source, self.first, passed.as_deref(), out.hooks)
        });
        let shares = settled.shares;
        let (interval_start, timestamp) = self.interval(shares, !mishaps.drops.is_empty(), out.clock);
        self.interval_start = timestamp;
        self.not_before = settings.record_after(out.clock.monotonic(), self.phase);

        let (round_trips, disorder) =
            self.quality.settle(&settled.accounted, facts.source, self.tcp.is_opened());
        let connection =
            self.conversation.is_tcp().then(|| self.connection(reason, facts.source, round_trips));
        let shown = self.accounting.lead(facts.shown);
        let (source, destination) = (facts.source, facts.source.other());
        let record = FlowRecord {
            id: self.id,
            sequence: self.sequence,
            start: self.start,
            interval_start,
            timestamp,
            observed: out.clock.wall(),
            duration: self.last.since(self.first),
            end_reason: reason,
            evidence: facts.evidence,
            source: self.endpoint(source, &shares, &disorder),
            destination: self.endpoint(destination, &shares, &disorder),
            protocol: self.conversation.protocol,
            ip_version: self.conversation.ip_version,
            community_id: settings
                .community_id_seed
                .and_then(|seed| CommunityId::of(&self.conversation, seed)),
            hook: shown.map(|lead| out.hooks.get(lead.hook)),
            hook_is_reverse: facts.shown != source,
            vlan: shown.map(|lead| lead.vlan).unwrap_or_default(),
            tcp_flags: self
                .conversation
                .is_tcp()
                .then(|| TcpFlags(shares[0].tcp_flags.0 | shares[1].tcp_flags.0)),
            connection,
            application: self.application.as_deref(),
            sample: settings.sample,
            icmp: conversation::sent_by(source, &self.conversation).icmp,
            path: &path,
            drops: &mishaps.drops,
            icmp_errors: &mishaps.icmp_errors,
        };
        out.sink.record(Record::Flow(&record), &settled.by_hook(source));
        shared.take_back(settled.hops);
        self.sequence += 1;
        self.application.iter_mut().for_each(|application| application.told());
    }

    /// The flow is over, and its last record made. What other hooks saw since then is on the path.
    pub(super) fn end(self, shared: &mut Shared, ledger: &Ledger) {
        self.accounting.end(ledger, &mut shared.uses);
        if let Some(way) = self.way {
            way.end(&mut shared.uses);
        }
    }

    /// What a record of this reason says of the connection.
    fn connection(&mut self, reason: EndReason, source: Side, round_trips: RoundTrips) -> Connection {
        let client = self.tcp.client();
        let is_answered = client.is_none_or(|client| self.accounting.lead(client.other()).is_some());
        let silence = self.mishaps.silence(is_answered);
        let opening = self.tcp.opening(reason, silence).filter(|_| !self.is_opening_told);
        self.is_opening_told |= opening.is_some();
        match client {
            Some(client) if opening.is_none() && reason == EndReason::ActiveTimeout => {
                self.handshake.go_on(client);
            }
            _ => self.handshake.end(client),
        }
        Connection {
            state: self.tcp.state(source),
            error: self.tcp.error(reason, silence),
            reset: self.tcp.reset(reason, source),
            times: self.handshake.times(),
            round_trips,
            opening,
        }
    }

    fn live_at(&mut self, first: MonotonicTime, last: MonotonicTime) {
        // The kernel's cheap clock may lie behind the precise one of the first packet.
        self.last = self.last.max(last).max(first);
        if self.facts.is_none() && first < self.first {
            // By the distance and not by the clock, which may have been stepped since the flow was made.
            self.start.0 = self.start.0.saturating_sub(self.first.since(first));
            self.first = first;
            self.interval_start = self.start;
        }
    }

    fn record_due(&self, settings: &Settings) -> Option<MonotonicTime> {
        Some(settings.record_after(self.first()?, self.phase).max(self.not_before))
    }

    /// Begin and end of the interval.
    fn interval(&self, shares: [Share; 2], has_drops: bool, clock: Clock) -> (WallTime, WallTime) {
        if !has_drops && shares.iter().all(|share| share.counts.is_zero()) {
            return (self.interval_start, self.interval_start);
        }
        self.interval_start.until(clock.wall_at(self.last))
    }

    fn endpoint(&self, side: Side, shares: &[Share; 2], disorder: &[Disorder; 2]) -> Endpoint {
        let tuple = conversation::sent_by(side, &self.conversation);
        let share = shares[side as usize];
        Endpoint {
            address: tuple.source_address(),
            port: tuple.source_port,
            mac: self.accounting.lead(side).and_then(|lead| lead.mac),
            counts: share.counts,
            dscp: share.dscp,
            ecn: share.ecn,
            disorder: disorder[side as usize],
        }
    }
}
