//! The flow table: observations of hooks in, records of flows out.
//!
//! Observations are deltas and come in any order; what a record says does not depend on it. A flow is found by its
//! conversation's tuple ([`conversation`]) in its network ([`networks`]) until a new connection takes it ([`reuse`]), it adds up ([`flow`]), its one timer ([`wheel`]) says when to look at it, and the
//! [`Output`] takes its records. The ledger is kept in step: packets enter its table column in [`FlowTable::apply`], and leave
//! it for the path here, or for a record in the [`RecordSink`].

mod accounting;
mod applications;
mod conversation;
mod crossings;
mod drops;
mod echoes;
mod facts;
mod flow;
mod handshake;
mod icmp_errors;
mod index;
mod mishaps;
mod networks;
mod openers;
mod others;
mod path;
mod ports;
mod quality;
mod reuse;
mod settings;
mod shared;
mod slab;
mod stretch;
mod tcp;
#[cfg(test)]
mod tests;
mod uses;
mod wheel;

use std::sync::Arc;

use crate::clock::{Clock, MonotonicTime};
use crate::connections::OwnConnections;
use crate::flow::{
    EndReason, FlowIds, HookId, Hooks, NetworkId, Observation, OtherReason, RecordSink, Unattributed,
};
use crate::ledger::{Ledger, LossReason};

use self::applications::Applications;
use self::conversation::Side;
use self::drops::DropNotes;
use self::flow::{Closing, Flow};
use self::icmp_errors::IcmpNotes;
use self::index::{Index, Key};
use self::others::Others;
use self::reuse::Reading;
use self::settings::{Phase, Settings};
use self::shared::Shared;
use self::slab::{Slab, Slot};
use self::stretch::{Readings, Way};
use self::wheel::Wheel;

pub use self::applications::Losses;
pub use self::drops::DropFates;
pub use self::settings::Config;

/// All live flows.
#[derive(Debug)]
pub struct FlowTable {
    settings: Settings,
    ids: FlowIds,
    flows: Slab<Flow>,
    index: Index,
    /// When to look at a flow that is not closing.
    wheel: Wheel,
    /// Flows whose connection is closed and whose last packets may still come.
    closing: Vec<Slot>,
    /// The running one.
    reading: Reading,
    readings: Readings,
    /// The running one brought packets for which the kernel had no room.
    overflows: bool,
    /// When the turn before the running reading was over.
    turned: MonotonicTime,
    /// What may be a new connection's, until the reading is over.
    held: Vec<Observation>,
    others: Others,
    shared: Shared,
    applications: Applications,
    drops: DropNotes,
    icmp_errors: IcmpNotes,
    /// Flows of these are not reported.
    excluded: Arc<OwnConnections>,
    /// New conversations whose opening was not seen.
    unopened: Vec<Key>,
}

/// Where records go, and what it takes to make them. One reading of the clock serves one step: all observations of a drain share
/// one, and the records that are made after it have a later one, because a drain may take long.
#[derive(Debug)]
pub struct Output<'a, S> {
    /// Now.
    pub clock: Clock,
    /// Names of the hooks.
    pub hooks: &'a Hooks,
    /// Learns what goes where. The sink enters what it takes as `queued`; the table enters all that comes before.
    pub ledger: &'a Ledger,
    /// Takes the records.
    pub sink: &'a mut S,
}

impl FlowTable {
    /// An empty table.
    #[must_use]
    pub fn new(config: &Config, ids: FlowIds) -> Self {
        Self {
            settings: Settings::new(config),
            ids,
            flows: Slab::new(),
            index: Index::default(),
            wheel: Wheel::new(),
            closing: Vec::new(),
            reading: Reading::FIRST,
            readings: Readings { complete: Reading::FIRST, is_running: false, overflowed: None },
            overflows: false,
            turned: MonotonicTime::default(),
            held: Vec::new(),
            others: Others::default(),
            shared: Shared::default(),
            applications: Applications::new(config.application_bytes),
            drops: DropNotes::default(),
            icmp_errors: IcmpNotes::default(),
            excluded: Arc::default(),
            unopened: Vec::new(),
        }
    }

    /// This table, which makes no records of flows of these connections. Their packets are in the ledger as excluded.
    #[must_use]
    pub fn excluding(self, own: Arc<OwnConnections>) -> Self {
        Self { excluded: own, ..self }
    }

    /// Says that no program counts any more what is about to be applied, from this moment on. To be called before a reading.
    pub fn turned(&mut self, moment: MonotonicTime) {
        self.turned = moment;
    }

    /// Takes what a hook saw of a tuple, and enters it in the ledger as observed. Makes a record only if a flow has to end for a
    /// new one: if the table is full, or for many new connections of old tuples.
    pub fn apply<S: RecordSink>(&mut self, observation: &Observation, out: &mut Output<'_, S>) {
        out.ledger.observed(observation.hook, observation.counts);
        self.readings.is_running = true;
        let (key, side) = Key::of(observation, out.hooks);
        let slot = self.index.find(&key, &self.flows);
        let is_flow = |slot: Slot| !self.flows[slot].may_give_way(side, observation, self.reading);
        if slot.is_none_or(is_flow) {
            self.count(key, side, slot, observation, out);
            return;
        }
        self.held.push(*observation);
        if self.held.len() >= reuse::MOST_HELD {
            self.settle_held(out);
        }
    }

    /// Takes packets that the kernel counted without a flow, and enters them in the ledger as lost.
    pub fn apply_unattributed<S: RecordSink>(&mut self, packets: &Unattributed, out: &mut Output<'_, S>) {
        out.ledger.lost_in_kernel(packets.hook, LossReason::from(packets.reason), packets.counts);
        if packets.reason == OtherReason::Overflow {
            self.overflows = true;
        }
        self.others.apply(packets, &mut self.ids, &mut self.shared.uses, out.clock);
    }

    /// Makes the records that are due. To be called once after each drain: a closed connection ends with the first drain that
    /// brings nothing for it.
    pub fn emit_due<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        let now = out.clock.monotonic();
        self.settle(out);
        self.end_closed(now, out);
        while let Some(slot) = self.wheel.take_due(self.settings.due_by(now, out.sink)) {
            if self.flows[slot].is_idle(now, &self.settings) {
                self.end(slot, EndReason::IdleTimeout, out);
            } else {
                self.emit_if_due(slot, now, out);
            }
        }
        self.others.emit_due(&self.settings, &mut self.shared.uses, out);
        self.reading = self.reading.next();
    }

    /// Ends a reading early, and makes no records: for who can tell that an opening segment which comes next is of a new connection. To
    /// be called instead of [`emit_due`](Self::emit_due), when all that was counted so far was taken.
    pub fn end_reading<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        self.settle(out);
        self.reading = self.reading.next();
    }

    /// Makes the records that fall due between two drains, when they do: those of a whole drain at once would be more than a queue
    /// holds. No flow ends, as what was counted since the last drain is not known.
    pub fn emit_between<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        let now = out.clock.monotonic();
        let mut idle = Vec::new();
        while let Some(slot) = self.wheel.take_due(self.settings.due_by(now, out.sink)) {
            if self.flows[slot].is_idle(now, &self.settings) {
                // Set again when all are looked at, or it would be due at once.
                idle.push(slot);
            } else {
                self.emit_if_due(slot, now, out);
            }
        }
        for slot in idle {
            self.wheel.set(slot, self.flows[slot].deadline(&self.settings));
        }
    }

    /// Ends every flow. A connection that was closed ends as such, the others because they have to.
    pub fn finish<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        self.settle_held(out);
        self.readings.is_running = false;
        self.place_said(out.hooks);
        self.place_dropped(out);
        self.place_icmp_errors(out.hooks);
        for slot in std::mem::take(&mut self.closing) {
            self.end(slot, EndReason::EndOfFlow, out);
        }
        let mut from = 0;
        while let Some(slot) = self.flows.first_from(from) {
            self.end(slot, EndReason::ForcedEnd, out);
            from = slot.0;
        }
        self.others.finish(&mut self.shared.uses, out);
    }

    /// Number of live flows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is no live flow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether records to come may name the hook. Its packets in the table are in the ledger.
    #[must_use]
    pub fn names(&self, hook: HookId) -> bool {
        !self.shared.uses.are_none(hook)
    }

    /// When [`Self::emit_due`] may have something to do at the earliest, if no observation comes before.
    #[must_use]
    pub fn next_due(&self) -> Option<MonotonicTime> {
        let closing = self.closing.iter().map(|&slot| self.flows[slot].not_before());
        let flows = self.wheel.next().map(|(_, deadline)| deadline);
        closing.chain(flows).chain(self.others.next_due(&self.settings)).min()
    }

    /// Adds packets to their conversation's flow.
    fn count<S: RecordSink>(
        &mut self,
        key: Key,
        side: Side,
        slot: Option<Slot>,
        observation: &Observation,
        out: &mut Output<'_, S>,
    ) {
        let slot = slot.unwrap_or_else(|| {
            let slot = self.admit(key, reuse::opening(observation), observation.first, out);
            self.wonder(slot, observation);
            slot
        });
        let flow = &mut self.flows[slot];
        let is_first = flow.absorb(side, observation, self.reading, out.hooks, &mut self.shared);
        if flow.is_excluded() {
            out.ledger.excluded(observation.hook, observation.counts);
        }
        if flow.is_closing() {
            return;
        }
        if flow.tcp().is_over() {
            flow.close(out.clock.monotonic(), self.reading);
            self.wheel.cancel(slot);
            self.closing.push(slot);
        } else if flow.is_excluded() || is_first {
            self.look_at(slot);
        }
    }

    /// Gives what waits for the end of a reading to its flows.
    fn settle<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        self.settle_held(out);
        self.readings.complete = self.reading;
        self.readings.is_running = false;
        self.shared.parted = self.turned;
        if std::mem::take(&mut self.overflows) {
            self.readings.overflowed = Some(out.clock.monotonic());
        }
        self.place_said(out.hooks);
        self.place_dropped(out);
        self.place_icmp_errors(out.hooks);
    }

    /// Sets a flow's timer, or moves it.
    fn look_at(&mut self, slot: Slot) {
        self.wheel.set(slot, self.flows[slot].deadline(&self.settings));
    }

    /// Adds what is told of a flow beside its packets. What it then has to tell earlier moves its timer.
    fn tell<T>(&mut self, slot: Slot, add: impl FnOnce(&mut Flow) -> T) -> T {
        let flow = &mut self.flows[slot];
        let before = flow.first();
        let told = add(flow);
        if !flow.is_closing() && flow.first() != before {
            self.look_at(slot);
        }
        told
    }

    /// Makes a flow for a key that has none.
    fn admit<S: RecordSink>(
        &mut self,
        key: Key,
        opened: Option<MonotonicTime>,
        first: MonotonicTime,
        out: &mut Output<'_, S>,
    ) -> Slot {
        if self.flows.len() >= self.settings.max_flows {
            self.make_room(out);
        }
        self.wheel.turn_empty(out.clock.monotonic());
        let phase = Phase::of(self.flows.next());
        let way = self.settings.with_path.then(|| Way::new(self.reading));
        let flow = Flow::new(self.ids.next_id(), phase, key, first, way, out.clock);
        let is_own = NetworkId::OF_THE_AGENT.contains(&key.network)
            && self.excluded.have(&key.conversation, opened, first);
        let slot = self.flows.insert(if is_own { flow.excluded() } else { flow });
        self.index.insert(slot, &self.flows);
        slot
    }

    /// Ends the flow that would end or be written next.
    fn make_room<S: RecordSink>(&mut self, out: &mut Output<'_, S>) {
        if self.closing.is_empty() {
            if let Some((slot, _)) = self.wheel.next() {
                self.end(slot, EndReason::LackOfResources, out);
            }
        } else {
            let slot = self.closing.swap_remove(0);
            self.end(slot, EndReason::EndOfFlow, out);
        }
    }

    fn end_closed<S: RecordSink>(&mut self, now: MonotonicTime, out: &mut Output<'_, S>) {
        let mut position = 0;
        while let Some(&slot) = self.closing.get(position) {
            match self.flows[slot].closing(now) {
                Closing::Lingers => position += 1,
                Closing::Ends if !out.sink.has_room() && now < self.flows[slot].not_before() => position += 1,
                Closing::Ends => {
                    self.closing.swap_remove(position);
                    self.end(slot, EndReason::EndOfFlow, out);
                }
                Closing::GoesOn => {
                    self.closing.swap_remove(position);
                    self.look_at(slot);
                }
            }
        }
    }

    /// Makes the record of a flow whose timer went off, if it is due, and sets the timer again.
    fn emit_if_due<S: RecordSink>(&mut self, slot: Slot, now: MonotonicTime, out: &mut Output<'_, S>) {
        let flow = &mut self.flows[slot];
        if flow.is_due(now, &self.settings) {
            flow.emit(EndReason::ActiveTimeout, &self.settings, self.readings, &mut self.shared, out);
        }
        self.look_at(slot);
    }

    /// Forgets a flow, after its last record if there is one.
    fn end<S: RecordSink>(&mut self, slot: Slot, reason: EndReason, out: &mut Output<'_, S>) {
        self.wheel.cancel(slot);
        let mut flow = self.flows.remove(slot);
        self.index.remove(flow.conversation(), slot);
        if flow.is_to_be_told() {
            flow.emit(reason, &self.settings, self.readings, &mut self.shared, out);
        }
        if let Some(application) = flow.application() {
            self.applications.release(application);
        }
        flow.end(&mut self.shared, out.ledger);
        self.shared.shrink(self.flows.len());
    }
}
