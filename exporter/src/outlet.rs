//! Where the pipeline's records go: to a printer, or as OTLP requests into the export queue.

mod exporting;
mod printing;
mod writer;

pub(crate) use self::exporting::Exporting;
pub(crate) use self::printing::Printing;
pub(crate) use self::writer::Writer;
