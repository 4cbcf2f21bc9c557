//! Packets that the kernel counted without a flow: they leave as `other` records, per hook and reason.

use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{
    Counts, EndReason, FlowId, FlowIds, HookId, OtherReason, OtherRecord, Record, RecordSink, Unattributed,
};
use crate::table::Output;
use crate::table::settings::{Phase, Settings};
use crate::table::uses::Uses;

/// One entry per hook and reason that has such packets: a handful, so a list is searched.
#[derive(Debug, Default)]
pub(super) struct Others(Vec<Other>);

#[derive(Debug)]
struct Other {
    /// `None` if the kernel had no room to tell.
    hook: Option<HookId>,
    reason: OtherReason,
    id: FlowId,
    sequence: u32,
    start: WallTime,
    interval_start: WallTime,
    /// Since the last record.
    counts: Counts,
    /// When the first of `counts` was read; stale if there are none.
    pending_since: MonotonicTime,
    /// When such packets were last read.
    last: MonotonicTime,
    not_before: MonotonicTime,
}

impl Others {
    pub(super) fn apply(&mut self, packets: &Unattributed, ids: &mut FlowIds, uses: &mut Uses, clock: Clock) {
        let same = |other: &&mut Other| other.hook == packets.hook && other.reason == packets.reason;
        if let Some(other) = self.0.iter_mut().find(same) {
            other.add(packets.counts, clock.monotonic());
        } else {
            packets.hook.inspect(|&hook| uses.add(hook));
            self.0.push(Other::new(ids.next_id(), packets, clock));
        }
    }

    pub(super) fn emit_due<S: RecordSink>(
        &mut self,
        settings: &Settings,
        uses: &mut Uses,
        out: &mut Output<'_, S>,
    ) {
        let now = out.clock.monotonic();
        self.0.retain_mut(|other| {
            let is_idle = now.since(other.last) >= settings.idle_timeout(false);
            if is_idle {
                other.emit(EndReason::IdleTimeout, out);
                other.hook.inspect(|&hook| uses.remove(hook));
            } else if other.due(settings).is_some_and(|due| due <= now) {
                other.emit(EndReason::ActiveTimeout, out);
                other.not_before = settings.record_after(now, Phase::FIRST);
            }
            !is_idle
        });
    }

    pub(super) fn finish<S: RecordSink>(&mut self, uses: &mut Uses, out: &mut Output<'_, S>) {
        for mut other in self.0.drain(..) {
            other.emit(EndReason::ForcedEnd, out);
            other.hook.inspect(|&hook| uses.remove(hook));
        }
    }

    pub(super) fn next_due(&self, settings: &Settings) -> Option<MonotonicTime> {
        let deadline = |other: &Other| {
            let idle = other.last.after(settings.idle_timeout(false));
            other.due(settings).map_or(idle, |due| due.min(idle))
        };
        self.0.iter().map(deadline).min()
    }
}

impl Other {
    fn new(id: FlowId, packets: &Unattributed, clock: Clock) -> Self {
        let now = clock.monotonic();
        Self {
            hook: packets.hook,
            reason: packets.reason,
            id,
            sequence: 0,
            start: clock.wall(),
            interval_start: clock.wall(),
            counts: packets.counts,
            pending_since: now,
            last: now,
            not_before: now,
        }
    }

    fn add(&mut self, counts: Counts, now: MonotonicTime) {
        if self.counts.is_zero() {
            self.pending_since = now;
        }
        self.counts += counts;
        self.last = now;
    }

    fn due(&self, settings: &Settings) -> Option<MonotonicTime> {
        let due = || settings.record_after(self.pending_since, Phase::FIRST).max(self.not_before);
        (!self.counts.is_zero()).then(due)
    }

    /// Gives a record, unless there is nothing to say.
    fn emit<S: RecordSink>(&mut self, reason: EndReason, out: &mut Output<'_, S>) {
        if self.counts.is_zero() {
            return;
        }
        let record = OtherRecord {
            id: self.id,
            sequence: self.sequence,
            start: self.start,
            interval_start: self.interval_start,
            observed: out.clock.wall(),
            end_reason: reason,
            hook: self.hook.map(|hook| out.hooks.get(hook)),
            reason: self.reason,
            counts: self.counts,
        };
        // The ledger has them as lost: a record about them accounts for no packets.
        out.sink.record(Record::Other(&record), &[]);
        self.counts = Counts::default();
        self.sequence += 1;
        self.interval_start = out.clock.wall();
    }
}
