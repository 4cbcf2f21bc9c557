//! Records as text: a table for people, JSON lines and CSV for programs.
//!
//! Every printer takes records one by one and appends each, as one line, to a buffer of the caller's, who writes it somewhere.

mod columns;
mod csv;
mod json;
mod metrics;
mod row;
#[cfg(test)]
mod sample;
mod table;
mod value;
mod width;

pub use self::columns::{Columns, ColumnsError};
pub use self::csv::Csv;
pub use self::json::Json;
pub(crate) use self::metrics::metric_point;
pub use self::table::{PlainTable, Table};
pub use self::width::Width;

use crate::flow::Record;

/// How records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines that fit the terminal, for people.
    #[default]
    Table,
    /// One JSON object a line.
    Json,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
}

/// Makes text of records.
pub trait Print {
    /// Appends what stands before the first record even if none comes. To be called once, first.
    fn begin(&mut self, _out: &mut String) {}

    /// Appends a record as one line with its line end; before it the header, where one is due.
    fn record(&mut self, record: Record<'_>, out: &mut String);
}

/// A printer of this format.
///
/// Without `columns` each format has its own default. `width` matters to the table only.
#[must_use]
pub fn printer(format: Format, columns: Option<Columns>, width: Width) -> Box<dyn Print + Send> {
    match (format, columns) {
        (Format::Table, None) => Box::new(Table::new(width)),
        (Format::Table, Some(columns)) => Box::new(PlainTable::new(columns, width)),
        (Format::Json, columns) => Box::new(Json::new(columns)),
        (Format::Csv, columns) => Box::new(Csv::new(columns.unwrap_or_default())),
    }
}
