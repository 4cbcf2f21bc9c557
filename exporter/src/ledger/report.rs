//! The ledger as a text for people: what `run` and `flows` say when they end.

use std::fmt;

use crate::flow::{Counts, Hooks};
use crate::ledger::{Account, Ledger, LossReason, Row};

/// What an incomplete ledger does not know.
const UNREAD: &str = "what the hooks counted since the last reading that succeeded is missing";

/// A snapshot of the ledger with the names of the hooks. Displayed as an aligned table of packets (bytes), a line of totals,
/// and a sentence that says whether it balances. A column or a row that holds nothing is left out.
#[derive(Debug)]
pub struct Report<'a> {
    rows: Vec<(Account, Row)>,
    hooks: &'a Hooks,
    complete: bool,
}

impl Ledger {
    /// All rows at one moment, to be displayed. `complete` says that the ledger has all that the hooks counted.
    #[must_use]
    pub fn report<'a>(&self, hooks: &'a Hooks, complete: bool) -> Report<'a> {
        Report { rows: self.snapshot(), hooks, complete }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = self.rows.iter().filter(|(_, row)| *row != Row::default()).collect();
        let mut total = Row::default();
        for (_, row) in &rows {
            total.add(row);
        }

        let columns: Vec<Column> = columns()
            .into_iter()
            .filter(|column| column.always || !(column.value)(&total).is_zero())
            .collect();
        let mut lines = vec![Line::of("hook", columns.iter().map(|column| column.title.clone()))];
        for (account, row) in &rows {
            lines
                .push(Line::of(&self.name(*account), columns.iter().map(|column| cell((column.value)(row)))));
        }
        lines.push(Line::of("total", columns.iter().map(|column| cell((column.value)(&total)))));
        write_aligned(formatter, &lines)?;

        let mut balances = true;
        for (account, row) in rows {
            if !row.balances() {
                balances = false;
                let (seen, held) = (cell(row.seen), cell(row.held()));
                writeln!(
                    formatter,
                    "does not balance: {}: seen {seen}, accounted for {held}",
                    self.name(*account)
                )?;
            }
        }
        match (balances, self.complete) {
            (true, true) => writeln!(formatter, "balances: every packet seen is accounted for"),
            (true, false) => writeln!(formatter, "balances as far as it goes: {UNREAD}"),
            (false, true) => Ok(()),
            (false, false) => writeln!(formatter, "incomplete: {UNREAD}"),
        }
    }
}

impl Report<'_> {
    fn name(&self, account: Account) -> String {
        match account {
            Account::Hook(hook) => self.hooks.get(hook).to_string(),
            Account::Gone => "interfaces that left".to_owned(),
            Account::Unknown => "not told apart".to_owned(),
        }
    }
}

struct Column {
    title: String,
    always: bool,
    value: Box<dyn Fn(&Row) -> Counts>,
}

fn columns() -> Vec<Column> {
    fn column(title: &str, always: bool, value: fn(&Row) -> Counts) -> Column {
        Column { title: title.to_owned(), always, value: Box::new(value) }
    }
    let mut columns = vec![
        column("seen", true, |row| row.seen),
        column("delivered", true, |row| row.delivered),
        column("path", false, |row| row.path),
        column("not IP", false, |row| row.not_ip),
        column("filtered", false, |row| row.filtered),
        column("sampled out", false, |row| row.sampled_out),
        column("own export", false, |row| row.excluded),
        column("in table", false, |row| row.table),
        column("queued", false, |row| row.queued),
    ];
    columns.extend(LossReason::ALL.into_iter().map(|reason| Column {
        title: format!("lost: {}", reason.name()),
        always: false,
        value: Box::new(move |row| row.lost[reason as usize]),
    }));
    columns
}

fn cell(counts: Counts) -> String {
    format!("{} ({})", counts.packets, counts.bytes)
}

struct Line(Vec<String>);

impl Line {
    fn of(name: &str, cells: impl Iterator<Item = String>) -> Self {
        Self(std::iter::once(name.to_owned()).chain(cells).collect())
    }
}

fn write_aligned(formatter: &mut fmt::Formatter<'_>, lines: &[Line]) -> fmt::Result {
    let width =
        |column: usize| lines.iter().map(|Line(cells)| cells[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].0.len()).map(width).collect();
    for Line(cells) in lines {
        write!(formatter, "{:<1$}", cells[0], widths[0])?;
        for (cell, width) in cells.iter().zip(&widths).skip(1) {
            write!(formatter, "  {cell:>width$}")?;
        }
        writeln!(formatter)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Hook, HookId};
    use abi::Direction;

    fn counts(packets: u64) -> Counts {
        Counts { packets, bytes: 100 * packets }
    }

    fn hooks() -> Hooks {
        let mut hooks = Hooks::default();
        hooks.register(Hook::named(0, 1, Direction::Ingress, "eth0"));
        hooks.register(Hook::named(0, 2, Direction::Ingress, "quiet0"));
        hooks.register(Hook::named(0, 3, Direction::Egress, "veth1234"));
        hooks
    }

    #[test]
    fn a_report_is_aligned_and_leaves_out_what_is_empty() {
        let ledger = Ledger::default();
        ledger.observed(HookId(0), counts(7));
        ledger.queued(HookId(0), counts(7));
        ledger.delivered(HookId(0), counts(7));
        ledger.observed(HookId(2), counts(12));
        ledger.on_path(HookId(2), counts(12));
        ledger.observed(HookId(2), counts(3));
        ledger.excluded(HookId(2), counts(3));
        ledger.lost_in_kernel(Some(HookId(2)), LossReason::Overflow, counts(1));
        let expected = "\
hook                  seen  delivered       path  own export  lost: overflow
eth0 ingress       7 (700)    7 (700)      0 (0)       0 (0)           0 (0)
veth1234 egress  16 (1600)      0 (0)  12 (1200)     3 (300)         1 (100)
total            23 (2300)    7 (700)  12 (1200)     3 (300)         1 (100)
balances: every packet seen is accounted for
";
        assert_eq!(ledger.report(&hooks(), true).to_string(), expected);
    }

    #[test]
    fn a_report_sums_up_the_interfaces_that_left_and_what_has_none() {
        let ledger = Ledger::default();
        ledger.lost_in_kernel(None, LossReason::Overflow, counts(1));
        for hook in [HookId(0), HookId(2)] {
            ledger.observed(hook, counts(2));
            ledger.on_path(hook, counts(2));
            assert!(ledger.close(hook));
        }
        let expected = "\
hook                     seen  delivered     path  lost: overflow
interfaces that left  4 (400)      0 (0)  4 (400)           0 (0)
not told apart        1 (100)      0 (0)    0 (0)         1 (100)
total                 5 (500)      0 (0)  4 (400)         1 (100)
balances: every packet seen is accounted for
";
        assert_eq!(ledger.report(&hooks(), true).to_string(), expected);
    }

    #[test]
    fn a_report_names_the_hook_that_does_not_balance() {
        let ledger = Ledger::default();
        ledger.delivered(HookId(0), counts(2));
        let report = ledger.report(&hooks(), true).to_string();
        assert!(
            report.ends_with("does not balance: eth0 ingress: seen 0 (0), accounted for 2 (200)\n"),
            "{report}"
        );
    }

    #[test]
    fn an_incomplete_report_does_not_claim_every_packet() {
        let ledger = Ledger::default();
        ledger.observed(HookId(0), counts(2));
        let report = ledger.report(&hooks(), false).to_string();
        assert!(report.ends_with(&format!("balances as far as it goes: {UNREAD}\n")), "{report}");
        ledger.delivered(HookId(0), counts(2));
        let report = ledger.report(&hooks(), false).to_string();
        assert!(
            report.contains("does not balance") && report.ends_with(&format!("incomplete: {UNREAD}\n")),
            "{report}"
        );
    }
}
