//! What the kernel dropped, for the flow table.

use std::cell::LazyCell;

use super::{DropFate, Progress};
use crate::kernel::{ReadError, Reader, Topology};
use crate::table::FlowTable;

/// Takes what was dropped until the last reading.
pub(super) fn read(
    reader: &mut Reader,
    topology: Option<&Topology>,
    table: &mut FlowTable,
    progress: &Progress,
) -> Result<(), ReadError> {
    // Of few readings: most bring none.
    let scopes = LazyCell::new(|| topology.map(Topology::scopes).unwrap_or_default());
    reader.read_dropped(|number| scopes.get(&number).copied(), |dropped| table.note_dropped(dropped))?;
    for (fate, packets) in
        [DropFate::Unread, DropFate::Overflow, DropFate::Nested].into_iter().zip(reader.untold_drops()?)
    {
        progress.set_drops(fate, packets);
    }
    progress.set_drops(DropFate::Missed, reader.missed_drops()?);
    let fates = table.drop_fates();
    for (fate, packets) in [
        (DropFate::Placed, fates.placed),
        (DropFate::Unplaced, fates.unplaced),
        (DropFate::Refused, fates.refused),
    ] {
        progress.set_drops(fate, packets);
    }
    Ok(())
}
