//! The hooks that a record's packets passed, as attributes: lists of equal length.

use semconv::attribute;
use smallvec::SmallVec;

use crate::flow::attributes::{AttributeSink, direction_name, flow_direction, integer, seconds};
use crate::flow::{FlowRecord, Hop, text};

/// Gives the path of a record that has one.
pub(super) fn path(record: &FlowRecord<'_>, sink: &mut impl AttributeSink) {
    let hops = record.path.iter();
    sink.alike(|key| write_key(record.path, key), |sink| places(record.path, sink));
    sink.ints(attribute::NETWORK_FLOW_PATH_BYTES, hops.clone().map(|hop| integer(hop.counts.bytes)));
    sink.ints(attribute::NETWORK_FLOW_PATH_PACKETS, hops.clone().map(|hop| integer(hop.counts.packets)));
    // Later on, the first packet of the interval at one hook need not be that at the next.
    if record.sequence == 0 {
        let begin = |is_reverse| {
            record.path.iter().filter(move |hop| hop.is_reverse == is_reverse).map(|hop| hop.first).min()
        };
        let begins = [begin(false), begin(true)];
        let delay = |hop: &Hop<'_>| {
            seconds(begins[usize::from(hop.is_reverse)].map_or(0, |begin| hop.first.since(begin)))
        };
        sink.doubles(attribute::NETWORK_FLOW_PATH_DELAY, hops.clone().map(delay));
    }
    sink.doubles(attribute::NETWORK_FLOW_PATH_START_OFFSET, hops.clone().map(offset));
    if hops.clone().all(|hop| hop.lost.is_some()) {
        sink.ints(attribute::NETWORK_FLOW_PATH_LOST, hops.filter_map(|hop| hop.lost).map(integer));
    }
}

/// Where the packets passed, and in which frames: most flows take one of few ways.
fn places(path: &[Hop<'_>], sink: &mut impl AttributeSink) {
    let hops = path.iter();
    let directions = hops.clone().map(|hop| flow_direction(hop.is_reverse));
    sink.texts(attribute::NETWORK_FLOW_PATH_DIRECTION, directions);
    sink.texts(attribute::NETWORK_FLOW_PATH_INTERFACE_NAME, hops.clone().map(|hop| &*hop.hook.interface));
    let direction = |hop: &Hop<'_>| direction_name(hop.hook.direction);
    sink.texts(attribute::NETWORK_FLOW_PATH_INTERFACE_DIRECTION, hops.clone().map(direction));
    if hops.clone().any(|hop| hop.macs.is_some()) {
        let macs: SmallVec<[_; 8]> =
            hops.map(|hop| hop.macs.map(|(a, b)| (text::mac(a), text::mac(b)))).collect();
        let macs: SmallVec<[[&str; 2]; 8]> =
            macs.iter().map(|macs| macs.as_ref().map_or([""; 2], |(a, b)| [&**a, &**b])).collect();
        sink.texts(attribute::NETWORK_FLOW_PATH_SOURCE_MAC, macs.iter().map(|[source, _]| *source));
        let destination = macs.iter().map(|[_, destination]| *destination);
        sink.texts(attribute::NETWORK_FLOW_PATH_DESTINATION_MAC, destination);
    }
}

/// All that [`places`] depends on: equal keys are those of equal attributes.
fn write_key(path: &[Hop<'_>], key: &mut Vec<u8>) {
    for Hop { hook, is_reverse, macs, .. } in path {
        let [source, destination] =
            macs.map_or([[0; 6]; 2], |(source, destination)| [source.0, destination.0]);
        let mut of_hop = [0; 23];
        of_hop[..3].copy_from_slice(&[u8::from(*is_reverse), u8::from(macs.is_some()), hook.direction as u8]);
        of_hop[3..9].copy_from_slice(&source);
        of_hop[9..15].copy_from_slice(&destination);
        // So that it is known where the name ends.
        of_hop[15..].copy_from_slice(&(hook.interface.len() as u64).to_le_bytes());
        key.extend_from_slice(&of_hop);
        key.extend_from_slice(hook.interface.as_bytes());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a double holds 104 days in nanoseconds exactly")]
fn offset(hop: &Hop<'_>) -> f64 {
    hop.offset as f64 / 1e9
}
