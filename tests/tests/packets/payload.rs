//! The first bytes of connections, as the programs ship them: of each connection once, and nothing from its middle.

use abi::Direction;
use abi::tcp_flags::{ACK, FIN, PSH, RST, SYN};
use anyhow::{Context, Result, ensure};
use crafted::layer::{CUSTOMER_TAG, IPV4, IPV6, TCP, ethernet, ipv4, ipv6, patched, tag, tcp};
use exporter::kernel::PacketContext;
use flow_tests::machine::{Input, Machine};
use packet::Link;

type Wrap = fn(&[u8]) -> Vec<u8>;

/// Plain packets, and one whose headers are copied.
const WRAPS: [(&str, Wrap); 3] = [
    ("IPv4", |segment| ethernet(IPV4, &ipv4(TCP, segment))),
    ("IPv6", |segment| ethernet(IPV6, &ipv6(TCP, segment))),
    ("tagged", |segment| ethernet(CUSTOMER_TAG, &tag(7, IPV4, &ipv4(TCP, segment)))),
];

/// One side of connections that have the same addresses and ports.
struct Side<'a> {
    machine: &'a mut Machine,
    wrap: Wrap,
    /// What it opens a connection with: a SYN, or a SYN-ACK where the other side asked.
    opening: u16,
}

impl Side<'_> {
    fn send(&mut self, sequence: u32, flags: u16, data: &[u8]) -> Result<()> {
        let segment = patched(tcp(flags, data), 4, &sequence.to_be_bytes());
        let bytes = (self.wrap)(&segment);
        let context = PacketContext::default();
        let input = Input { link: Link::Ethernet, direction: Direction::Ingress, bytes, context };
        ensure!(self.machine.send(&input)?, "too short for the kernel");
        Ok(())
    }

    /// A connection whose first data is this.
    fn connection(&mut self, sequence: u32, data: &[u8]) -> Result<()> {
        self.send(sequence, self.opening, &[])?;
        self.send(sequence.wrapping_add(1), ACK, &[])?;
        self.send(sequence.wrapping_add(1), ACK | PSH, data)?;
        let end = sequence.wrapping_add(1 + u32::try_from(data.len())?);
        self.send(end, ACK | PSH, b"more")?;
        self.send(end.wrapping_add(4), ACK | FIN, &[])
    }

    fn shipped(&mut self) -> Vec<Vec<u8>> {
        self.machine.payloads()
    }
}

/// Runs a story of so many connections for each kind of packet and each side, and compares what was shipped. Each connection has an entry
/// of its own.
fn tell(story: impl Fn(&mut Side<'_>) -> Result<()>, connections: usize, expected: &[&[u8]]) -> Result<()> {
    for (name, wrap) in WRAPS {
        for opening in [SYN, SYN | ACK] {
            let mut machine = Machine::new(64)?;
            let mut side = Side { machine: &mut machine, wrap, opening };
            story(&mut side).with_context(|| format!("{name}, {opening:x}"))?;
            let shipped = side.shipped();
            ensure!(shipped == expected, "{name}, {opening:x}: {shipped:?}");
            let entries = machine.observations()?.len();
            ensure!(entries == connections, "{name}, {opening:x}: {entries} entries");
        }
    }
    Ok(())
}

/// A connection that takes over addresses and ports before a reading is looked at as the one before was.
pub(crate) fn of_a_second_connection() -> Result<()> {
    let ends = |side: &mut Side<'_>| {
        side.connection(100, b"first")?;
        side.connection(9_000_000, b"second")?;
        // More than a side may send before its first data.
        for _ in 0..20 {
            side.send(9_000_100, ACK, &[])?;
        }
        // Its numbers are below those before.
        side.connection(50, b"third")
    };
    tell(ends, 3, &[b"first", b"second", b"third"])?;
    let reset = |side: &mut Side<'_>| {
        side.send(100, side.opening, &[])?;
        side.send(101, ACK | PSH, b"first")?;
        side.send(106, RST | ACK, &[])?;
        side.connection(9_000_000, b"second")
    };
    tell(reset, 2, &[b"first", b"second"])?;
    let silent = |side: &mut Side<'_>| {
        side.send(100, side.opening, &[])?;
        side.send(101, ACK | FIN, &[])?;
        side.connection(9_000_000, b"second")
    };
    tell(silent, 2, &[b"second"])
}

/// A side that only acknowledges is looked at no longer, until it opens a connection again.
pub(crate) fn of_who_acknowledges() -> Result<()> {
    let story = |side: &mut Side<'_>| {
        side.send(100, side.opening, &[])?;
        for _ in 0..40 {
            side.send(101, ACK, &[])?;
        }
        side.send(101, ACK | PSH, b"late")?;
        side.connection(100, b"first")
    };
    tell(story, 2, &[b"first"])
}

/// What is sent again, and what is behind a gap, is not a connection's first data, nor is that of the connection before.
pub(crate) fn of_the_middle() -> Result<()> {
    let story = |side: &mut Side<'_>| {
        side.connection(100, b"first")?;
        side.send(101, ACK | PSH, b"first")?;
        side.send(9_000_000, side.opening, &[])?;
        side.send(9_000_007, ACK | PSH, b"behind a gap")?;
        side.send(101, ACK | PSH, b"first")?;
        // A SYN that comes again, though its side has said more, opens the same once more.
        side.send(9_000_000, side.opening, &[])?;
        side.send(9_000_001, ACK | PSH, b"second")?;
        side.send(9_000_001, ACK | PSH, b"second")
    };
    tell(story, 3, &[b"first", b"second"])
}
