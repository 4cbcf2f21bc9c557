//! What shipped payloads say, for the flow table.

use super::{Fate, Pipeline};
use crate::kernel::ReadError;
use crate::payload::{self, Outcome};

impl<O> Pipeline<O> {
    /// Takes what was shipped since the last time. Often, as the ring is small.
    pub(super) fn read_payloads(&mut self) -> Result<(), ReadError> {
        let Self { reader, table, progress, .. } = self;
        reader.read_payloads(|payload| {
            let (start, outcome) = payload::read(payload.bytes, payload.len);
            progress.add_payloads(Fate::from(outcome), 1);
            table.learn(&payload.tuple, payload.time, start);
        });
        progress.add_payloads(Fate::Unshipped, reader.unshipped()?);
        let lost = table.lost_payloads();
        progress.set_payloads(Fate::Unplaced, lost.unplaced);
        progress.set_payloads(Fate::Refused, lost.refused);
        Ok(())
    }
}

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Parsed => Self::Parsed,
            Outcome::Incomplete => Self::Incomplete,
            Outcome::Unknown => Self::Unknown,
        }
    }
}
