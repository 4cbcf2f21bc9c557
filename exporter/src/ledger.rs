//! Where every packet went: per hook, seen = not IP + filtered + sampled out + excluded + table + path + queued + delivered + lost with a reason.
//!
//! Each entry is one transfer under one lock, so the equation holds at every moment, in every thread. A transfer that takes
//! more from a column than the column holds leaves the column at zero and still arrives in full: the row then holds more than
//! was seen, for good, and [`Row::balances`] says so. It is no panic, not even in a debug build: the wrong figures are what
//! somebody must see, and the tests assert the balance itself.

mod report;

use std::sync::{Mutex, MutexGuard};

use semconv::value::error_type;

use crate::flow::{Counts, HookId, OtherReason};
use crate::sync::lock;

pub use self::report::Report;

/// The accounts of all hooks. Shared between the thread that reads the kernel and the task that exports.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Rows>);

#[derive(Debug, Default)]
struct Rows {
    /// By number.
    hooks: Vec<Row>,
    /// The sum of the hooks that are forgotten.
    gone: Row,
    /// What the kernel had no room to tell apart by hook.
    unknown: Row,
}

/// Whose a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// One hook's.
    Hook(HookId),
    /// That of all hooks that left.
    Gone,
    /// That of packets whose hook is not known.
    Unknown,
}

/// The account of one hook, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What the kernel saw.
    pub seen: Counts,
    /// What no flow takes because it is no IP packet.
    pub not_ip: Counts,
    /// What the user's filter leaves out.
    pub filtered: Counts,
    /// What is of flows that are not among those that are counted.
    pub sampled_out: Counts,
    /// What is left out on purpose: the traffic of this agent's own export.
    pub excluded: Counts,
    /// What is in the flow table and in no record yet.
    pub table: Counts,
    /// What another hook accounts for.
    pub path: Counts,
    /// What is in records that nobody has acknowledged yet.
    pub queued: Counts,
    /// What is in records that were acknowledged, or written to the output.
    pub delivered: Counts,
    /// What is in no flow's record and never will be, indexed by [`LossReason`].
    pub lost: [Counts; LossReason::COUNT],
}

/// Why packets are in no flow's record that was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossReason {
    /// The kernel's map was full.
    Overflow,
    /// The headers contradict themselves or end too early.
    Malformed,
    /// The export queue was full, or what waits to be printed.
    QueueFull,
    /// The receiver refused the record.
    Rejected,
    /// The receiver was not reached before the deadline.
    Undelivered,
    /// The output that the record was to be printed to took no more.
    Output,
}

impl Ledger {
    /// Packets were read from the kernel into the flow table.
    pub fn observed(&self, hook: HookId, counts: Counts) {
        self.row(hook, |row| {
            row.seen += counts;
            row.table += counts;
        });
    }

    /// Packets were counted in the kernel, but without a flow; `None` if the kernel does not say where.
    pub fn lost_in_kernel(&self, hook: Option<HookId>, reason: LossReason, counts: Counts) {
        self.row_or_unknown(hook, |row| {
            row.seen += counts;
            row.lost[reason as usize] += counts;
        });
    }

    /// Packets were counted in the kernel that are not IP; `None` if the kernel does not say where.
    pub fn not_ip(&self, hook: Option<HookId>, counts: Counts) {
        self.row_or_unknown(hook, |row| {
            row.seen += counts;
            row.not_ip += counts;
        });
    }

    /// Packets were counted in the kernel that the user's filter leaves out; `None` if the kernel does not say where.
    pub fn filtered(&self, hook: Option<HookId>, counts: Counts) {
        self.row_or_unknown(hook, |row| {
            row.seen += counts;
            row.filtered += counts;
        });
    }

    /// Packets were counted in the kernel whose flows are not among those that are counted; `None` if the kernel does not say where.
    pub fn sampled_out(&self, hook: Option<HookId>, counts: Counts) {
        self.row_or_unknown(hook, |row| {
            row.seen += counts;
            row.sampled_out += counts;
        });
    }

    /// Packets of the table are of a flow that is not reported.
    pub fn excluded(&self, hook: HookId, counts: Counts) {
        self.row(hook, |row| transfer(counts, &mut row.table, &mut row.excluded));
    }

    /// Packets of the table are accounted for at another hook.
    pub fn on_path(&self, hook: HookId, counts: Counts) {
        self.row(hook, |row| transfer(counts, &mut row.table, &mut row.path));
    }

    /// Packets of the table went into a record.
    pub fn queued(&self, hook: HookId, counts: Counts) {
        self.row(hook, |row| transfer(counts, &mut row.table, &mut row.queued));
    }

    /// A record's packets were acknowledged, or written to the output.
    pub fn delivered(&self, hook: HookId, counts: Counts) {
        self.row(hook, |row| transfer(counts, &mut row.queued, &mut row.delivered));
    }

    /// A record was given up, with its packets.
    pub fn lost_after_queue(&self, hook: HookId, reason: LossReason, counts: Counts) {
        self.row(hook, |row| transfer(counts, &mut row.queued, &mut row.lost[reason as usize]));
    }

    /// Adds the row of a hook that left to the sum of those, unless packets of it are still on their way: in the table, or in a
    /// record that nobody has acknowledged. The number's row is then a new one.
    #[must_use]
    pub fn close(&self, hook: HookId) -> bool {
        let mut rows = self.rows();
        let Rows { hooks, gone, .. } = &mut *rows;
        let Some(row) = hooks.get_mut(hook.0 as usize) else { return true };
        let is_settled = row.table.is_zero() && row.queued.is_zero();
        if is_settled {
            gone.add(row);
            *row = Row::default();
        }
        is_settled
    }

    /// The sum of all rows at one moment.
    #[must_use]
    pub fn total(&self) -> Row {
        let rows = self.rows();
        let mut total = Row::default();
        for row in rows.hooks.iter().chain([&rows.gone, &rows.unknown]) {
            total.add(row);
        }
        total
    }

    /// All rows at one moment: the hooks by number, then what is no hook's.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(Account, Row)> {
        let rows = self.rows();
        let hooks = (0..).map(|number| Account::Hook(HookId(number))).zip(rows.hooks.iter().copied());
        hooks.chain([(Account::Gone, rows.gone), (Account::Unknown, rows.unknown)]).collect()
    }

    fn row_or_unknown(&self, hook: Option<HookId>, change: impl FnOnce(&mut Row)) {
        match hook {
            Some(hook) => self.row(hook, change),
            None => change(&mut self.rows().unknown),
        }
    }

    fn row(&self, hook: HookId, change: impl FnOnce(&mut Row)) {
        let hooks = &mut self.rows().hooks;
        let index = hook.0 as usize;
        if hooks.len() <= index {
            hooks.resize(index + 1, Row::default());
        }
        change(&mut hooks[index]);
    }

    /// A thread that panicked under the lock left at worst a row that does not balance, and that is worth seeing.
    fn rows(&self) -> MutexGuard<'_, Rows> {
        lock(&self.0)
    }
}

impl Row {
    /// Whether the row's places hold exactly what was seen.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.held() == self.seen
    }

    /// What all places hold together.
    #[must_use]
    pub fn held(&self) -> Counts {
        self.not_ip
            + self.filtered
            + self.sampled_out
            + self.excluded
            + self.table
            + self.path
            + self.queued
            + self.delivered
            + self.all_lost()
    }

    /// What was lost for any reason.
    #[must_use]
    pub fn all_lost(&self) -> Counts {
        self.lost.into_iter().sum()
    }

    fn add(&mut self, other: &Self) {
        self.seen += other.seen;
        self.not_ip += other.not_ip;
        self.filtered += other.filtered;
        self.sampled_out += other.sampled_out;
        self.excluded += other.excluded;
        self.table += other.table;
        self.path += other.path;
        self.queued += other.queued;
        self.delivered += other.delivered;
        for (sum, lost) in self.lost.iter_mut().zip(other.lost) {
            *sum += lost;
        }
    }
}

impl LossReason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All reasons, in the order of [`Row::lost`].
    pub const ALL: [Self; 6] =
        [Self::Overflow, Self::Malformed, Self::QueueFull, Self::Rejected, Self::Undelivered, Self::Output];

    /// The reason in one word: as `error.type` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overflow => error_type::OVERFLOW,
            Self::Malformed => error_type::MALFORMED,
            Self::QueueFull => error_type::QUEUE_FULL,
            Self::Rejected => error_type::REJECTED,
            Self::Undelivered => error_type::UNDELIVERED,
            Self::Output => error_type::OUTPUT,
        }
    }
}

impl From<OtherReason> for LossReason {
    fn from(reason: OtherReason) -> Self {
        match reason {
            OtherReason::Overflow => Self::Overflow,
            OtherReason::Malformed => Self::Malformed,
        }
    }
}

fn transfer(counts: Counts, from: &mut Counts, to: &mut Counts) {
    from.packets = from.packets.saturating_sub(counts.packets);
    from.bytes = from.bytes.saturating_sub(counts.bytes);
    *to += counts;
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOOK: HookId = HookId(1);

    fn counts(packets: u64) -> Counts {
        Counts { packets, bytes: 100 * packets }
    }

    fn row(ledger: &Ledger) -> Row {
        ledger.snapshot()[HOOK.0 as usize].1
    }

    #[test]
    fn every_transfer_keeps_the_balance() {
        let ledger = Ledger::default();
        let steps: [fn(&Ledger); 10] = [
            |ledger| ledger.observed(HOOK, counts(10)),
            |ledger| ledger.lost_in_kernel(Some(HOOK), LossReason::Overflow, counts(2)),
            |ledger| ledger.not_ip(Some(HOOK), counts(1)),
            |ledger| ledger.filtered(Some(HOOK), counts(5)),
            |ledger| ledger.sampled_out(Some(HOOK), counts(8)),
            |ledger| ledger.on_path(HOOK, counts(3)),
            |ledger| ledger.excluded(HOOK, counts(1)),
            |ledger| ledger.queued(HOOK, counts(6)),
            |ledger| ledger.delivered(HOOK, counts(4)),
            |ledger| ledger.lost_after_queue(HOOK, LossReason::Rejected, counts(2)),
        ];
        for step in steps {
            step(&ledger);
            assert!(row(&ledger).balances(), "{:?}", row(&ledger));
        }
        let row = row(&ledger);
        assert_eq!(row.seen, counts(26));
        assert_eq!((row.table, row.path, row.queued), (counts(0), counts(3), counts(0)));
        assert_eq!((row.delivered, row.all_lost(), row.not_ip), (counts(4), counts(4), counts(1)));
        assert_eq!((row.excluded, row.filtered, row.sampled_out), (counts(1), counts(5), counts(8)));
    }

    #[test]
    fn a_transfer_of_more_than_there_is_never_balances_again() {
        let ledger = Ledger::default();
        ledger.queued(HOOK, counts(3));
        assert!(!row(&ledger).balances());
        ledger.observed(HOOK, counts(3));
        assert!(!row(&ledger).balances(), "the late entry does not hide the wrong order");
        ledger.delivered(HOOK, counts(3));
        assert!(!row(&ledger).balances());
    }

    #[test]
    fn what_no_hook_is_known_of_has_a_row_of_its_own() {
        let ledger = Ledger::default();
        ledger.lost_in_kernel(None, LossReason::Malformed, counts(2));
        ledger.not_ip(None, counts(1));
        ledger.filtered(None, counts(4));
        ledger.sampled_out(None, counts(5));
        let rows = ledger.snapshot();
        let [_, (Account::Unknown, row)] = rows[..] else { panic!("{rows:?}") };
        assert!(row.balances());
        assert_eq!((row.seen, row.all_lost(), row.not_ip), (counts(12), counts(2), counts(1)));
        assert_eq!((row.filtered, row.sampled_out), (counts(4), counts(5)));
    }

    #[test]
    fn a_row_is_closed_when_nothing_of_it_is_on_its_way() {
        let ledger = Ledger::default();
        ledger.observed(HOOK, counts(3));
        assert!(!ledger.close(HOOK), "in the table");
        ledger.queued(HOOK, counts(3));
        assert!(!ledger.close(HOOK), "in a record");
        ledger.delivered(HOOK, counts(3));
        let before = row(&ledger);
        assert!(ledger.close(HOOK));
        ledger.observed(HOOK, counts(1));
        assert_eq!(ledger.total().seen, counts(4), "what is closed is in the total");
        let rows = ledger.snapshot();
        assert_eq!(rows[2], (Account::Gone, before));
        assert_eq!(rows[1].1.seen, counts(1));
        assert!(ledger.close(HookId(7)), "a hook of which nothing was ever seen");
    }

    #[test]
    fn reasons_index_their_own_column() {
        for (index, reason) in LossReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{}", reason.name());
        }
    }
}
