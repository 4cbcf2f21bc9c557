//! Which columns a line has room for, and how wide each is.

use crate::print::table::fit::{Align, Cut, GAP};

/// An IPv4 address with a port: `255.255.255.255:65535`.
pub(super) const ADDRESS_MIN: usize = 21;
/// An IPv6 address with a port: 39 digits and colons, brackets, and `:65535`.
const ADDRESS_MAX: usize = 47;
/// Address columns grow by this much at a time, so that headers do not come with every line.
const ADDRESS_STEP: usize = 8;

/// A column of the table, in the order of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Time,
    Transport,
    Source,
    Destination,
    PacketsSent,
    BytesSent,
    PacketsReceived,
    BytesReceived,
    Duration,
    Flags,
    Interface,
    EndReason,
}

/// Columns beside the addresses, the most wanted first.
const PRIORITY: [Field; 10] = [
    Field::BytesSent,
    Field::BytesReceived,
    Field::Transport,
    Field::Time,
    Field::Duration,
    Field::PacketsSent,
    Field::PacketsReceived,
    Field::Interface,
    Field::Flags,
    Field::EndReason,
];

/// So many of them stay when a long address wants room.
const ESSENTIAL: usize = 4;

impl Field {
    pub(super) const COUNT: usize = 12;

    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Time => "TIME UTC",
            Self::Transport => "PROTO",
            Self::Source => "SOURCE",
            Self::Destination => "-> DESTINATION",
            Self::PacketsSent => "PKTS>",
            Self::BytesSent => "BYTES>",
            Self::PacketsReceived => "<PKTS",
            Self::BytesReceived => "<BYTES",
            Self::Duration => "LASTED",
            Self::Flags => "FLAGS",
            Self::Interface => "INTERFACE",
            Self::EndReason => "END",
        }
    }

    pub(super) fn alignment(self) -> Align {
        match self {
            Self::PacketsSent
            | Self::BytesSent
            | Self::PacketsReceived
            | Self::BytesReceived
            | Self::Duration => Align::Right,
            _ => Align::Left,
        }
    }

    /// An address without its end has no port, one without its begin no network.
    pub(super) fn cut(self) -> Cut {
        match self {
            Self::Source | Self::Destination | Self::Interface => Cut::Middle,
            _ => Cut::End,
        }
    }

    fn width(self) -> usize {
        match self {
            Self::Time => 8,
            Self::Source | Self::Destination => ADDRESS_MIN,
            Self::PacketsSent | Self::PacketsReceived | Self::Flags => 5,
            Self::Transport | Self::BytesSent | Self::BytesReceived | Self::Duration | Self::EndReason => 6,
            Self::Interface => 14,
        }
    }
}

/// Columns with their widths, in the order of the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout(Vec<(Field, usize)>);

impl Layout {
    /// The best line of at most `width` for addresses that want `wanted`. Columns are dropped, least wanted first, until
    /// the addresses have their room or only the essential ones are left; what is over goes to the addresses.
    pub(super) fn fit(width: usize, wanted: [usize; 2]) -> Self {
        let addresses = |[source, destination]: [usize; 2]| source + GAP + destination;
        let (least, best) = (addresses([ADDRESS_MIN; 2]), addresses(wanted));
        let mut columns = Vec::with_capacity(Field::COUNT);
        let mut used = 0;
        for (rank, field) in PRIORITY.into_iter().enumerate() {
            let more = field.width() + GAP;
            let needed = if rank < ESSENTIAL { least } else { best };
            // A column that has no room ends the list: a less wanted one in its place would be odd.
            if used + more + needed > width {
                break;
            }
            used += more;
            columns.push((field, field.width()));
        }
        let [source, destination] = share(width.saturating_sub(used + GAP), wanted);
        columns.push((Field::Source, source));
        columns.push((Field::Destination, destination));
        columns.sort_unstable_by_key(|&(field, _)| field);
        Self(columns)
    }

    pub(super) fn columns(&self) -> &[(Field, usize)] {
        &self.0
    }
}

/// The room that an address of this width asks for.
pub(super) fn address_room(width: usize) -> usize {
    let steps = width.saturating_sub(ADDRESS_MIN).div_ceil(ADDRESS_STEP);
    (ADDRESS_MIN + steps * ADDRESS_STEP).min(ADDRESS_MAX)
}

/// Shares `room` between the two addresses. Neither gets more than any address can fill.
fn share(room: usize, wanted: [usize; 2]) -> [usize; 2] {
    let half = room / 2;
    let source = match wanted {
        [source, destination] if source + destination <= room => source + (room - source - destination) / 2,
        [source, _] if source <= half => source,
        [_, destination] if destination <= half => room - destination,
        _ => half,
    }
    .min(ADDRESS_MAX);
    [source, (room - source).min(ADDRESS_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headings(width: usize, wanted: [usize; 2]) -> Vec<Field> {
        Layout::fit(width, wanted).columns().iter().map(|&(field, _)| field).collect()
    }

    #[test]
    fn eighty_cells_have_room_for_the_essentials() {
        let (time, transport) = (Field::Time, Field::Transport);
        let (source, destination) = (Field::Source, Field::Destination);
        let (sent, received) = (Field::BytesSent, Field::BytesReceived);
        let expected = [time, transport, source, destination, sent, received, Field::Duration];
        assert_eq!(headings(80, [ADDRESS_MIN; 2]), expected);
        assert_eq!(headings(80, [ADDRESS_MAX; 2]), expected[..6]);
    }

    #[test]
    fn a_wide_terminal_has_room_for_everything() {
        assert_eq!(headings(160, [ADDRESS_MIN; 2]).len(), Field::COUNT);
        assert_eq!(headings(180, [ADDRESS_MAX; 2]).len(), Field::COUNT);
    }

    #[test]
    fn a_long_address_takes_the_room_of_a_short_one_first() {
        assert_eq!(share(60, [47, 10]), [47, 13]);
        assert_eq!(share(60, [10, 55]), [10, 47]);
        assert_eq!(share(60, [47, 47]), [30, 30]);
    }
}
