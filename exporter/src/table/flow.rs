//! One flow: what it adds up between two records, and what it remembers for life.

use smallvec::SmallVec;

use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{
    Application, CommunityId, Connection, Counts, Disorder, Dropped, EndReason, Endpoint, FlowId, FlowRecord,
    HookId, Hooks, Hop, IcmpError, Listeners, Observation, Record, RecordSink, RoundTrips, TcpFlags, Tuple,
};
use crate::ledger::Ledger;
use crate::table::Output;
use crate::table::accounting::{Accounting, Settled, Share, Tally};
use crate::table::conversation::{Side, Sides};
use crate::table::drops::Drops;
use crate::table::facts::Facts;
use crate::table::handshake::Handshake;
use crate::table::icmp_errors::IcmpErrors;
use crate::table::quality::Quality;
use crate::table::reuse::{self, Reading};
use crate::table::settings::Settings;
use crate::table::tcp::{Silence, Tcp};
use crate::table::uses::Uses;

/// How long a closed connection may still get packets of one end if every drain brings some, in nanoseconds.
const LINGER: u64 = 5_000_000_000;

/// In nanoseconds: a step of the wall clock below this is its adjustment, which a record hides.
const ADJUSTMENT: u64 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct Flow {
    id: FlowId,
    /// Its name: the tuple of [`Side::Along`].
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
    /// Of few flows.
    drops: Option<Box<Drops>>,
    /// Of few flows.
    icmp_errors: Option<Box<IcmpErrors>>,
    /// A record has said how the connection's opening ended.
    is_opening_told: bool,
    /// Fixed by the first record.
    facts: Option<Facts>,
    /// Of the next record.
    sequence: u32,
    /// Of an own connection: it has no record, no tallies and no leads.
    excluded: bool,
    /// The reading that brought the end of its connection.
    closed: Reading,
    /// Closing, and the running drain brought something of a side.
    stirred: Sides,
}

/// What becomes of a closing flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// More may come.
    Lingers,
    /// It is over.
    Ends,
    /// It is not over: both ends still talk.
    GoesOn,
}

impl Flow {
    pub(super) fn new(id: FlowId, conversation: Tuple, first: MonotonicTime, clock: Clock) -> Self {
        let start = clock.wall_at(first);
        Self {
            id,
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
            drops: None,
            icmp_errors: None,
            is_opening_told: false,
            facts: None,
            sequence: 0,
            excluded: false,
            closed: Reading::NEVER,
            stirred: Sides::NONE,
        }
    }

    pub(super) fn conversation(&self) -> &Tuple {
        &self.conversation
    }

    pub(super) fn tcp(&self) -> Tcp {
        self.tcp
    }

    /// The first packet that a record would carry or tell of.
    pub(super) fn first(&self) -> Option<MonotonicTime> {
        let dropped = self.drops.as_ref().and_then(|drops| drops.first());
        let error = self.icmp_errors.as_ref().and_then(|errors| errors.first());
        self.accounting.first().into_iter().chain(dropped).chain(error).min()
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

    /// Takes an observation of the packets that `side` sent.
    pub(super) fn absorb(
        &mut self,
        side: Side,
        observation: &Observation,
        reading: Reading,
        hooks: &Hooks,
        uses: &mut Uses,
    ) {
        if self.is_closing() {
            self.stirred.add(side);
        }
        self.live_at(observation.first, observation.last);
        if self.conversation.is_tcp() {
            self.tcp.absorb(side, observation, reading);
            self.handshake.absorb(side, observation, hooks.get(observation.hook));
        }
        if !self.excluded {
            self.quality.absorb(side, observation);
            self.accounting.take(side, observation, hooks, uses);
        }
    }

    /// Takes packets that `side` sent and the kernel dropped. Says whether there was room.
    pub(super) fn lose(&mut self, side: Side, dropped: &Dropped) -> bool {
        self.live_at(dropped.first, dropped.last);
        self.drops.get_or_insert_default().absorb(side, dropped)
    }

    /// Takes an ICMP error that is about a packet of `side`. Says whether there was room.
    pub(super) fn is_told(&mut self, side: Side, error: IcmpError, time: MonotonicTime) -> bool {
        self.icmp_errors.get_or_insert_default().absorb(side, error, time)
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

    pub(super) fn is_closing(&self) -> bool {
        self.closed != Reading::NEVER
    }

    /// Whether these packets may be those of a new connection: see [`reuse`].
    pub(super) fn may_give_way(&self, observation: &Observation, reading: Reading) -> bool {
        let is_past_opening = || Side::BOTH.into_iter().any(|side| self.tcp.is_past_opening(side, reading));
        self.closed < reading || (reuse::opening(observation).is_some() && is_past_opening())
    }

    /// When the packets that `side` sent opened a new connection, if they did.
    pub(super) fn replaced_at(
        &self,
        side: Side,
        observation: &Observation,
        reading: Reading,
    ) -> Option<MonotonicTime> {
        let is_replaced = self.closed < reading || self.tcp.is_past_opening(side, reading);
        reuse::opening(observation).filter(|_| is_replaced)
    }

    /// The connection is over. The flow takes its last packets until a drain brings none, for [`LINGER`] at most.
    pub(super) fn close(&mut self, now: MonotonicTime, reading: Reading) {
        self.closed = reading;
        self.stirred = Sides::BOTH;
        self.not_before = now.after(LINGER);
    }

    /// What becomes of a closing flow, asked at the end of each drain.
    pub(super) fn closing(&mut self, now: MonotonicTime) -> Closing {
        match std::mem::take(&mut self.stirred) {
            Sides::NONE => Closing::Ends,
            _ if now < self.not_before => Closing::Lingers,
            Sides::BOTH => {
                self.closed = Reading::NEVER;
                self.tcp.go_on();
                Closing::GoesOn
            }
            _ => Closing::Ends,
        }
    }

    pub(super) fn not_before(&self) -> MonotonicTime {
        self.not_before
    }

    /// Gives the record of the interval and begins the next one.
    pub(super) fn emit<S: RecordSink>(
        &mut self,
        reason: EndReason,
        settings: &Settings,
        listeners: &Listeners,
        uses: &mut Uses,
        out: &mut Output<'_, S>,
    ) {
        let facts = *self.facts.get_or_insert_with(|| {
            let dropped = self.drops.as_deref();
            Facts::of(&self.conversation, self.tcp, (&self.accounting, dropped), listeners, out.hooks)
        });
        let drops = self.drops.as_mut().map_or_else(Vec::new, |drops| drops.settle(facts.source));
        let icmp_errors =
            self.icmp_errors.as_mut().map_or_else(Vec::new, |errors| errors.settle(facts.source));
        let Settled { shares, accounted, hops } = self.accounting.settle(out.ledger, uses);
        let path = if settings.with_path { path(&hops, facts.source, out.hooks) } else { SmallVec::new() };
        let (interval_start, timestamp) = self.interval(shares, !drops.is_empty(), out.clock);
        self.interval_start = timestamp;
        self.not_before = settings.record_after(out.clock.monotonic(), self.id);

        let (round_trips, disorder) = self.quality.settle(&accounted, self.tcp.is_opened());
        let connection = self.conversation.is_tcp().then(|| self.connection(reason, round_trips));
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
            icmp: self.tuple(source).icmp,
            path: &path,
            drops: &drops,
            icmp_errors: &icmp_errors,
        };
        out.sink.record(Record::Flow(&record), &by_hook(&accounted, source));
        self.sequence += 1;
    }

    /// The flow is over, and its last record made. What other hooks saw since then is on the path.
    pub(super) fn end(mut self, uses: &mut Uses, ledger: &Ledger) {
        self.accounting.settle(ledger, uses);
        self.accounting.end(uses);
    }

    /// What a record of this reason says of the connection.
    fn connection(&mut self, reason: EndReason, round_trips: RoundTrips) -> Connection {
        let client = self.tcp.client();
        let is_answered = client.is_none_or(|client| self.accounting.lead(client.other()).is_some());
        let silence = match &self.icmp_errors {
            _ if is_answered => Silence::None,
            Some(errors) if errors.is_unreachable => Silence::Unreachable,
            _ => Silence::Unexplained,
        };
        let opening = self.tcp.opening(reason, silence).filter(|_| !self.is_opening_told);
        self.is_opening_told |= opening.is_some();
        match client {
            Some(client) if opening.is_none() && reason == EndReason::ActiveTimeout => {
                self.handshake.go_on(client);
            }
            _ => self.handshake.end(client),
        }
        Connection {
            state: self.tcp.state(),
            error: self.tcp.error(reason, silence),
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
        Some(settings.record_after(self.first()?, self.id).max(self.not_before))
    }

    /// Begin and end of the interval. A wall clock that was stepped back between begin and end leaves an interval of no length.
    fn interval(&self, shares: [Share; 2], has_drops: bool, clock: Clock) -> (WallTime, WallTime) {
        if !has_drops && shares.iter().all(|share| share.counts.is_zero()) {
            return (self.interval_start, self.interval_start);
        }
        let timestamp = clock.wall_at(self.last);
        if timestamp >= self.interval_start {
            (self.interval_start, timestamp)
        } else if self.interval_start.0 - timestamp.0 < ADJUSTMENT {
            (self.interval_start, self.interval_start)
        } else {
            (timestamp, timestamp)
        }
    }

    fn endpoint(&self, side: Side, shares: &[Share; 2], disorder: &[Disorder; 2]) -> Endpoint {
        let tuple = self.tuple(side);
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

    /// The tuple of the packets that `side` sends.
    fn tuple(&self, side: Side) -> Tuple {
        match side {
            Side::Along => self.conversation,
            // An ICMP message that nothing answers has another end all the same.
            Side::Against => self.conversation.reverse().unwrap_or(Tuple {
                source: self.conversation.destination,
                destination: self.conversation.source,
                source_port: self.conversation.destination_port,
                destination_port: self.conversation.source_port,
                ..self.conversation
            }),
        }
    }
}

/// The hooks whose packets a record carries, the source's first; one that counts both directions once.
fn by_hook(accounted: &[(Side, HookId, Counts)], source: Side) -> SmallVec<[(HookId, Counts); 2]> {
    let mut sums = SmallVec::<[(HookId, Counts); 2]>::new();
    for side in [source, source.other()] {
        for &(_, hook, counts) in accounted.iter().filter(|(of, ..)| *of == side) {
            match sums.iter_mut().find(|(known, _)| *known == hook) {
                Some((_, sum)) => *sum += counts,
                None => sums.push((hook, counts)),
            }
        }
    }
    sums
}

/// The hooks that the packets passed, in their order, the source's packets first. Empty if one hook saw all there was to see of
/// each direction.
fn path<'a>(hops: &[Tally], source: Side, hooks: &'a Hooks) -> SmallVec<[Hop<'a>; 4]> {
    let of = |side| hops.iter().filter(move |hop: &&Tally| hop.side == side);
    if Side::BOTH.into_iter().all(|side| of(side).count() < 2) {
        return SmallVec::new();
    }
    let mut path = SmallVec::new();
    for side in [source, source.other()] {
        let mut of_side: SmallVec<[&Tally; 4]> = of(side).collect();
        of_side.sort_unstable_by_key(|hop| (hop.first, hop.hook));
        path.extend(of_side.into_iter().map(|hop| Hop {
            hook: hooks.get(hop.hook),
            is_reverse: side != source,
            macs: hop.macs,
            first: hop.first,
            counts: hop.counts,
        }));
    }
    path
}
