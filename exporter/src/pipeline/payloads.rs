//! What shipped payloads say, for the flow table.

use super::{Fate, Pipeline};
use crate::flow::{Start, Tuple};
use crate::kernel::{Payload, ReadError};
use crate::payload::{self, Outcome};

/// Port of DNS (RFC 1035).
const DNS: u16 = 53;

impl<O> Pipeline<O> {
    /// Takes what was shipped since the last time. Often, as the ring is small.
    pub(super) fn read_payloads(&mut self) -> Result<(), ReadError> {
        let Self { reader, table, progress, .. } = self;
        reader.read_payloads(|payload| {
            let (start, outcome) = understand(payload);
            progress.add_payloads(Fate::from(outcome), 1);
            table.learn(&payload.tuple, payload.seen, start);
        });
        progress.add_payloads(Fate::Unshipped, reader.unshipped()?);
        let lost = table.lost_payloads();
        progress.set_payloads(Fate::Unplaced, lost.unplaced);
        progress.set_payloads(Fate::Refused, lost.refused);
        Ok(())
    }
}

/// What a payload says, and how far it could be read.
pub(super) fn understand(payload: &Payload<'_>) -> (Start, Outcome) {
    let Payload { tuple, bytes, len, .. } = payload;
    match (tuple.is_tcp(), has_port(tuple, DNS)) {
        (true, false) => payload::read(bytes, *len),
        (true, true) => payload::read_dns_stream(bytes, *len),
        (false, true) => payload::read_dns(bytes),
        (false, false) => payload::read_datagram(bytes, *len),
    }
}

fn has_port(tuple: &Tuple, port: u16) -> bool {
    [tuple.source_port, tuple.destination_port].contains(&Some(port))
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
