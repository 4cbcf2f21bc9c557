//! One flow: what it adds up between two records, and what it remembers for life.

use smallvec::SmallVec;

use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{
    Counts, Ecn, EndReason, Endpoint, FlowId, FlowRecord, HookId, Observation, Record, RecordSink, TcpFlags,
    Tuple,
};
use crate::table::Output;
use crate::table::conversation::{Side, Sides};
use crate::table::facts::Facts;
use crate::table::reuse::{self, Reading};
use crate::table::settings::Settings;
use crate::table::tally::{Lead, Place, Tally};
use crate::table::tcp::Tcp;

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
    leads: [Option<Lead>; 2],
    /// What was counted since the last record. Two hooks see two directions; more are rare.
    tallies: SmallVec<[Tally; 4]>,
    tcp: Tcp,
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

/// One direction's share of a record.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    counts: Counts,
    ecn: Ecn,
    tcp_flags: TcpFlags,
    dscp: Option<u8>,
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
            leads: [None, None],
            tallies: SmallVec::new(),
            tcp: Tcp::default(),
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

    /// The hook of a direction's earliest packet, which records name.
    pub(super) fn hook(&self, side: Side) -> Option<HookId> {
        self.leads[side as usize].map(|lead| lead.hook)
    }

    /// This flow, of which no record is made.
    pub(super) fn excluded(self) -> Self {
        Self { excluded: true, ..self }
    }

    /// Whether its end needs a record: a TCP connection says that it is over even if nothing came since its last record; others
    /// just fall silent.
    pub(super) fn is_to_be_told(&self) -> bool {
        !self.excluded && (!self.tallies.is_empty() || self.conversation.is_tcp())
    }

    /// Takes an observation of the packets that `side` sent.
    pub(super) fn absorb(&mut self, side: Side, observation: &Observation, reading: Reading) -> Place {
        if self.is_closing() {
            self.stirred.add(side);
        }
        self.live_at(observation);
        if self.conversation.is_tcp() {
            self.tcp.absorb(side, observation, reading);
        }
        if self.excluded {
            return Place::Excluded;
        }
        let place = self.lead(side, observation);
        if place != Place::Path {
            let same = |tally: &&mut Tally| tally.hook == observation.hook && tally.side == side;
            match self.tallies.iter_mut().find(same) {
                Some(tally) => tally.add(observation),
                None => self.tallies.push(Tally::of(side, observation)),
            }
        }
        place
    }

    /// When to look at the flow next. Packets that come meanwhile can make it later, never earlier, unless they are
    /// [`Place::Lead`].
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
        out: &mut Output<'_, S>,
    ) {
        let facts = *self.facts.get_or_insert_with(|| Facts::of(self.tcp, &self.leads));
        let shares = self.settle(out);
        let accounted = self.accounted(facts.source, &shares);
        let (interval_start, timestamp) = self.interval(shares, out.clock);
        self.interval_start = timestamp;
        self.not_before = settings.record_after(out.clock.monotonic(), self.id);

        let shown = self.leads[facts.shown as usize];
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
            source: self.endpoint(source, &shares),
            destination: self.endpoint(destination, &shares),
            protocol: self.conversation.protocol,
            ip_version: self.conversation.ip_version,
            hook: shown.map(|lead| out.hooks.get(lead.hook)),
            hook_is_reverse: facts.shown != source,
            vlan: shown.map(|lead| lead.vlan).unwrap_or_default(),
            tcp_flags: self
                .conversation
                .is_tcp()
                .then(|| TcpFlags(shares[0].tcp_flags.0 | shares[1].tcp_flags.0)),
            icmp: self.tuple(source).icmp,
        };
        out.sink.record(Record::Flow(&record), &accounted);
        self.sequence += 1;
    }

    fn live_at(&mut self, observation: &Observation) {
        // The kernel's cheap clock may lie behind the precise one of the first packet.
        self.last = self.last.max(observation.last).max(observation.first);
        if self.facts.is_none() && observation.first < self.first {
            // By the distance and not by the clock, which may have been stepped since the flow was made.
            self.start.0 = self.start.0.saturating_sub(self.first.since(observation.first));
            self.first = observation.first;
            self.interval_start = self.start;
        }
    }

    /// Keeps the earliest observation of a direction.
    fn lead(&mut self, side: Side, observation: &Observation) -> Place {
        let new = Lead::of(observation);
        let Some(lead) = &mut self.leads[side as usize] else {
            self.leads[side as usize] = Some(new);
            return Place::Lead;
        };
        if !lead.fixed {
            if !new.is_before(lead) {
                return Place::Tally;
            }
            *lead = new;
            return Place::Lead;
        }
        if lead.hook != observation.hook {
            return Place::Path;
        }
        let is_tallied = self.tallies.iter().any(|tally| tally.side == side);
        if is_tallied && (lead.first, lead.dscp) <= (new.first, new.dscp) {
            return Place::Tally;
        }
        (lead.first, lead.dscp) = (new.first, new.dscp);
        Place::Lead
    }

    fn record_due(&self, settings: &Settings) -> Option<MonotonicTime> {
        let first =
            Side::BOTH.into_iter().filter_map(|side| self.tallied(side)).map(|lead| lead.first).min()?;
        Some(settings.record_after(first, self.id).max(self.not_before))
    }

    /// The lead of a direction that was seen in this interval.
    fn tallied(&self, side: Side) -> Option<&Lead> {
        let lead = self.leads[side as usize].as_ref()?;
        self.tallies.iter().any(|tally| tally.side == side).then_some(lead)
    }

    /// Fixes which hook accounts for each direction that was seen, takes its tallies, and leaves the others to the path.
    fn settle<S>(&mut self, out: &Output<'_, S>) -> [Share; 2] {
        let mut shares = [Share::default(); 2];
        for tally in &self.tallies {
            let Some(lead) = &mut self.leads[tally.side as usize] else { continue };
            lead.fixed = true;
            if tally.hook == lead.hook {
                shares[tally.side as usize] = Share {
                    counts: tally.counts,
                    ecn: tally.ecn,
                    tcp_flags: tally.tcp_flags,
                    dscp: Some(lead.dscp),
                };
            } else {
                out.ledger.on_path(tally.hook, tally.counts);
            }
        }
        // From now on there are two at most: what a third hook took from the heap goes back.
        self.tallies = SmallVec::new();
        shares
    }

    /// The hooks whose packets a record carries, the source's first; one that counts both directions once.
    fn accounted(&self, source: Side, shares: &[Share; 2]) -> SmallVec<[(HookId, Counts); 2]> {
        let mut accounted = SmallVec::<[(HookId, Counts); 2]>::new();
        for side in [source, source.other()] {
            let counts = shares[side as usize].counts;
            let Some(lead) = self.leads[side as usize].filter(|_| !counts.is_zero()) else { continue };
            match accounted.iter_mut().find(|(hook, _)| *hook == lead.hook) {
                Some((_, sum)) => *sum += counts,
                None => accounted.push((lead.hook, counts)),
            }
        }
        accounted
    }

    /// Begin and end of the interval. A wall clock that was stepped back between begin and end leaves an interval of no length.
    fn interval(&self, shares: [Share; 2], clock: Clock) -> (WallTime, WallTime) {
        if shares.iter().all(|share| share.counts.is_zero()) {
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

    fn endpoint(&self, side: Side, shares: &[Share; 2]) -> Endpoint {
        let tuple = self.tuple(side);
        let share = shares[side as usize];
        Endpoint {
            address: tuple.source_address(),
            port: tuple.source_port,
            mac: self.leads[side as usize].and_then(|lead| lead.mac),
            counts: share.counts,
            dscp: share.dscp,
            ecn: share.ecn,
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
