//! What shipped payloads say, for the flow table.

use super::{Fate, Pipeline};
use crate::flow::{IcmpError, Tuple};
use crate::kernel::{Payload, ReadError};
use crate::payload::{self, Outcome};

/// Port of DNS (RFC 1035).
const DNS: u16 = 53;

impl<O> Pipeline<O> {
    /// Takes what was shipped since the last time. Often, as the ring is small.
    pub(super) fn read_payloads(&mut self) -> Result<(), ReadError> {
        let Self { reader, table, progress, .. } = self;
        reader.read_payloads(|payload| {
            let Payload { tuple, seen, bytes, len } = *payload;
            if let Some(icmp) = tuple.icmp {
                // Of ICMP, errors alone are shipped.
                let quoted = payload::read_quoted(bytes, tuple.ip_version);
                progress.add_payloads(if quoted.is_some() { Fate::Parsed } else { Fate::Incomplete }, 1);
                if let Some(quoted) = quoted {
                    let error = IcmpError { ip_version: tuple.ip_version, icmp, sender: tuple.source };
                    table.note_icmp_error(&quoted, seen.time, error);
                }
                return;
            }
            let (start, outcome) = match (tuple.is_tcp(), has_port(&tuple, DNS)) {
                (true, false) => payload::read(bytes, len),
                (true, true) => payload::read_dns_stream(bytes, len),
                // Of other protocols, DNS alone is shipped.
                (false, _) => payload::read_dns(bytes),
            };
            progress.add_payloads(Fate::from(outcome), 1);
            table.learn(&tuple, seen, start);
        });
        progress.add_payloads(Fate::Unshipped, reader.unshipped()?);
        let (lost, errors) = (table.lost_payloads(), table.lost_icmp_errors());
        progress.set_payloads(Fate::Unplaced, lost.unplaced + errors.unplaced);
        progress.set_payloads(Fate::Refused, lost.refused + errors.refused);
        Ok(())
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
