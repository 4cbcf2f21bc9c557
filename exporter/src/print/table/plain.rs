//! The table of chosen attributes, with their values as they are.

use semconv::{Kind, attribute};

use crate::flow::Record;
use crate::print::Print;
use crate::print::columns::{Column, Columns};
use crate::print::row::Row;
use crate::print::table::Header;
use crate::print::table::fit::{Align, Cut, GAP, Line};
use crate::print::value::Style;
use crate::print::width::Width;

/// Writes exactly the chosen columns. If they want more room than there is, the widest give it.
#[derive(Debug)]
pub struct PlainTable {
    terminal: bool,
    row: Row,
    widths: Vec<usize>,
    header: Header,
    line: Line,
}

impl PlainTable {
    /// A table of these columns and this width.
    #[must_use]
    pub fn new(columns: Columns, width: Width) -> Self {
        Self {
            terminal: width.terminal,
            widths: widths(&columns, width.cells),
            row: Row::new(columns, Style::Plain),
            header: Header::default(),
            line: Line::new(width.cells),
        }
    }

    fn write_header(&mut self, out: &mut String) {
        for (column, &width) in self.row.columns().as_slice().iter().zip(&self.widths) {
            // The end of a name tells more than its begin.
            self.line.push(column.name(), width, alignment(*column), Cut::Start);
        }
        out.push_str(self.line.end());
    }
}

impl Print for PlainTable {
    fn record(&mut self, record: Record<'_>, out: &mut String) {
        if self.header.is_due(self.terminal) {
            self.write_header(out);
        }
        self.row.fill(record);
        for ((column, value), &width) in self.row.cells().zip(&self.widths) {
            self.line.push(value.unwrap_or("-"), width, alignment(column), Cut::End);
        }
        out.push_str(self.line.end());
    }
}

fn alignment(column: Column) -> Align {
    match column {
        Column::Attribute(attribute) if matches!(attribute.kind, Kind::Int | Kind::Double) => Align::Right,
        _ => Align::Left,
    }
}

/// What each column gets of a line: what it wants, or, where that is too much, the same as the other wide ones.
fn widths(columns: &Columns, room: usize) -> Vec<usize> {
    let wanted: Vec<usize> = columns.as_slice().iter().map(|&column| wanted(column)).collect();
    let mut by_width: Vec<usize> = (0..wanted.len()).collect();
    by_width.sort_unstable_by_key(|&index| wanted[index]);
    let mut widths = vec![0; wanted.len()];
    let mut left = room.saturating_sub(GAP * wanted.len().saturating_sub(1));
    for (done, index) in by_width.into_iter().enumerate() {
        widths[index] = wanted[index].min((left / (wanted.len() - done)).max(1));
        left = left.saturating_sub(widths[index]);
    }
    if let Some(last) = widths.last_mut() {
        // Nothing stands behind it.
        *last += left;
    }
    widths
}

/// Room for the name and for the values that are to be expected.
fn wanted(column: Column) -> usize {
    let values = match column {
        Column::Attribute(attribute::SOURCE_ADDRESS | attribute::DESTINATION_ADDRESS) => 39,
        Column::Attribute(attribute::SOURCE_MAC | attribute::DESTINATION_MAC) => 17,
        Column::Attribute(attribute::NETWORK_FLOW_ID) => 32,
        Column::Attribute(attribute::LOG_RECORD_UID) => 36,
        Column::Timestamp
        | Column::Attribute(
            attribute::NETWORK_FLOW_START_TIME | attribute::NETWORK_FLOW_INTERVAL_START_TIME,
        ) => 30,
        Column::Attribute(attribute) => match attribute.kind {
            Kind::Boolean => 5,
            Kind::Int | Kind::Double => 10,
            _ => 16,
        },
    };
    values.max(column.name().len())
}
