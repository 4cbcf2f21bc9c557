//! The table for people: one line for each record, fitted to the room there is.

mod cells;
mod fit;
mod layout;
mod plain;
mod units;

pub use self::plain::PlainTable;

use self::cells::Cells;
use self::fit::Line;
use self::layout::{ADDRESS_MIN, Field, Layout};
use crate::flow::Record;
use crate::print::Print;
use crate::print::width::Width;

/// Lines between two headers on a terminal: fewer than a usual window has.
const LINES_PER_HEADER: usize = 40;

/// Writes the facts that people ask for first, short. Names and numbers in full are in the other formats.
#[derive(Debug)]
pub struct Table {
    width: Width,
    layout: Layout,
    header: Header,
    cells: Cells,
    line: Line,
    /// Room that the longest source and destination since the last header want.
    wanted: [usize; 2],
}

impl Table {
    /// A table of this width.
    #[must_use]
    pub fn new(width: Width) -> Self {
        Self {
            width,
            layout: Layout::fit(width.cells, [ADDRESS_MIN; 2]),
            header: Header::default(),
            cells: Cells::default(),
            line: Line::new(width.cells),
            wanted: [ADDRESS_MIN; 2],
        }
    }

    /// Gives longer addresses more room where somebody watches. In a file the columns stay as they are.
    fn follow_addresses(&mut self) {
        let wanted =
            [Field::Source, Field::Destination].map(|field| layout::address_room(self.cells.width(field)));
        let grown = [wanted[0].max(self.wanted[0]), wanted[1].max(self.wanted[1])];
        if grown == self.wanted || !self.width.terminal {
            return;
        }
        self.wanted = grown;
        let layout = Layout::fit(self.width.cells, grown);
        if layout != self.layout {
            self.layout = layout;
            self.header.force();
        }
    }

    fn write_header(&mut self, out: &mut String) {
        if self.width.terminal {
            // Long addresses that went away give their room back. The line that comes now is in `cells`.
            self.wanted = [Field::Source, Field::Destination]
                .map(|field| layout::address_room(self.cells.width(field)));
            self.layout = Layout::fit(self.width.cells, self.wanted);
        }
        for &(field, width) in self.layout.columns() {
            self.line.push(field.heading(), width, field.alignment(), fit::Cut::End);
        }
        out.push_str(self.line.end());
    }
}

impl Print for Table {
    fn record(&mut self, record: Record<'_>, out: &mut String) {
        self.cells.fill(record);
        self.follow_addresses();
        if self.header.is_due(self.width.terminal) {
            self.write_header(out);
        }
        for &(field, width) in self.layout.columns() {
            self.line.push(self.cells.get(field), width, field.alignment(), field.cut());
        }
        out.push_str(self.line.end());
    }
}

/// When a header is due: at the start, on a terminal again and again, and when the columns changed.
#[derive(Debug, Default)]
struct Header {
    lines_since: Option<usize>,
}

impl Header {
    fn force(&mut self) {
        self.lines_since = None;
    }

    /// Asked once for each line.
    fn is_due(&mut self, terminal: bool) -> bool {
        match &mut self.lines_since {
            Some(lines) if *lines < LINES_PER_HEADER || !terminal => {
                *lines += 1;
                false
            }
            since => {
                *since = Some(1);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests;
