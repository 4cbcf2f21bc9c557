//! What shipped payloads say, for the flow table.

use super::{Fate, Pipeline};
use crate::flow::{IcmpError, Sighting, Start, Tuple};
use crate::kernel::{Payload, ReadError};
use crate::payload::{self, Outcome};
use crate::table::FlowTable;

/// Port of DNS (RFC 1035).
const DNS: u16 = 53;

impl<O> Pipeline<O> {
    /// Takes what was shipped since the last time. Often, as the ring is small.
    pub(super) fn read_payloads(&mut self) -> Result<(), ReadError> {
        let Self { reader, table, progress, .. } = self;
        reader.read_payloads(|payload| {
            let outcome = note(payload, payload.seen, table);
            progress.add_payloads(Fate::from(outcome), 1);
        });
        progress.add_payloads(Fate::Unshipped, reader.unshipped()?);
        let (lost, errors) = (table.lost_payloads(), table.lost_icmp_errors());
        progress.set_payloads(Fate::Unplaced, lost.unplaced + errors.unplaced);
        progress.set_payloads(Fate::Refused, lost.refused + errors.refused);
        Ok(())
    }
}

/// Has the table know what a payload says that was seen there, and tells how far it could be read.
pub(super) fn note(payload: &Payload<'_>, seen: Sighting, table: &mut FlowTable) -> Outcome {
    let Payload { tuple, bytes, .. } = payload;
    let Some(icmp) = tuple.icmp else {
        let (start, outcome) = understand(payload);
        table.learn(tuple, seen, start);
        return outcome;
    };
    // Of ICMP, errors alone are shipped.
    let Some(quoted) = payload::read_quoted(bytes, tuple.ip_version) else { return Outcome::Incomplete };
    let error = IcmpError { ip_version: tuple.ip_version, icmp, sender: tuple.source };
    table.note_icmp_error(&quoted, seen, error);
    Outcome::Parsed
}

/// What a payload says, and how far it could be read.
fn understand(payload: &Payload<'_>) -> (Start, Outcome) {
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
