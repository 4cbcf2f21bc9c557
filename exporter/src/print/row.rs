//! One record cut into the cells of chosen columns.

use std::ops::Range;

use semconv::Attribute;

use crate::clock::WallTime;
use crate::flow::{AttributeSink, Record, timestamp};
use crate::print::columns::{Column, Columns};
use crate::print::value::Style;

/// The end of the interval that a record is for: what an OTLP log record carries as its time.
pub(super) fn time_of(record: Record<'_>) -> WallTime {
    match record {
        Record::Flow(record) => record.timestamp,
        Record::Other(record) => record.observed,
    }
}

/// The values of one record in the order of the columns, in memory that is used again for the next.
#[derive(Debug)]
pub(super) struct Row {
    columns: Columns,
    style: Style,
    /// All values, one behind the other, in the order of arrival.
    values: String,
    /// Where in `values` each column's value is; `None` if the record has none.
    cells: Vec<Option<Range<usize>>>,
    /// Column behind the last one that was found. Attributes come in the registry's order, as columns mostly do.
    next: usize,
}

impl Row {
    pub(super) fn new(columns: Columns, style: Style) -> Self {
        Self { columns, style, values: String::new(), cells: Vec::new(), next: 0 }
    }

    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Replaces the cells by those of `record`.
    pub(super) fn fill(&mut self, record: Record<'_>) {
        self.values.clear();
        self.cells.clear();
        self.cells.resize(self.columns.as_slice().len(), None);
        self.next = 0;
        self.put(Column::Timestamp, |style, out| style.text(out, &timestamp(time_of(record))));
        record.attributes(self);
    }

    /// Every column with its value, if the record has one.
    pub(super) fn cells(&self) -> impl Iterator<Item = (Column, Option<&str>)> {
        let values = self.cells.iter().map(|cell| cell.clone().map(|range| &self.values[range]));
        self.columns.as_slice().iter().copied().zip(values)
    }

    fn put(&mut self, column: Column, write: impl FnOnce(Style, &mut String)) {
        let Some(index) = self.columns.position(column, self.next) else { return };
        self.next = index + 1;
        let start = self.values.len();
        write(self.style, &mut self.values);
        self.cells[index] = Some(start..self.values.len());
    }
}

impl AttributeSink for Row {
    fn text(&mut self, attribute: Attribute, value: &str) {
        self.put(Column::Attribute(attribute), |style, out| style.text(out, value));
    }

    fn int(&mut self, attribute: Attribute, value: i64) {
        self.put(Column::Attribute(attribute), |_, out| Style::int(out, value));
    }

    fn double(&mut self, attribute: Attribute, value: f64) {
        self.put(Column::Attribute(attribute), |style, out| style.double(out, value));
    }

    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone) {
        self.put(Column::Attribute(attribute), |style, out| style.texts(out, values));
    }

    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone) {
        self.put(Column::Attribute(attribute), |style, out| style.ints(out, values));
    }

    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone) {
        self.put(Column::Attribute(attribute), |style, out| style.doubles(out, values));
    }
}
