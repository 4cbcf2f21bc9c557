//! Records as text: a table for people, JSON lines and CSV for programs.
//!
//! Every printer takes records one by one and writes each as one line from a buffer that it keeps. Taking a record cannot
//! fail, so a write error waits for [`Print::flush`].

mod columns;
mod csv;
mod json;
mod output;
mod row;
#[cfg(test)]
mod sample;
mod table;
mod value;
mod width;

use std::io;

pub use self::columns::{Columns, ColumnsError};
pub use self::csv::Csv;
pub use self::json::Json;
pub use self::table::{PlainTable, Table};
pub use self::width::Width;

use crate::flow::RecordSink;

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

/// A sink that writes.
pub trait Print: RecordSink {
    /// Hands everything on to the writer.
    ///
    /// # Errors
    ///
    /// The first write error since the last flush, also if it happened while a record was taken; nothing was written
    /// after it until now. [`io::ErrorKind::BrokenPipe`] means that the reader had enough.
    fn flush(&mut self) -> io::Result<()>;
}

/// A printer of this format.
///
/// Without `columns` each format has its own default. `width` matters to the table only.
pub fn printer<'w, W>(
    format: Format,
    columns: Option<Columns>,
    width: Width,
    writer: W,
) -> Box<dyn Print + Send + 'w>
where
    W: io::Write + Send + 'w,
{
    match (format, columns) {
        (Format::Table, None) => Box::new(Table::new(width, writer)),
        (Format::Table, Some(columns)) => Box::new(PlainTable::new(columns, width, writer)),
        (Format::Json, columns) => Box::new(Json::new(columns, writer)),
        (Format::Csv, columns) => Box::new(Csv::new(columns.unwrap_or_default(), writer)),
    }
}
