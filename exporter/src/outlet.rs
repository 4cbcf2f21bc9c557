//! Where the pipeline's records go: to a printer, as OTLP requests into the export queue, and into metrics.

mod console;
mod exporting;
mod metering;
mod outlets;
mod printing;
mod writer;

pub(crate) use self::console::Console;
pub(crate) use self::exporting::Exporting;
pub(crate) use self::metering::Metering;
pub(crate) use self::outlets::{MetricsOutlet, Outlets};
pub(crate) use self::printing::Printing;
pub(crate) use self::writer::Writer;
