//! The format pcapng: sections of blocks, which describe interfaces and hold their frames.

use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, InterfaceDescriptionBlock, OptionCode, parse_block_be, parse_block_le};

use super::capture::{Found, Interface, LARGEST, Reading};
use super::error::Problem;
use super::link::LinkType;

/// Bytes that tell the format: a section's type, length and byte order.
pub(super) const FIRST: usize = 12;
/// Type of the block that begins a section; the same in both byte orders.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const LITTLE_ENDIAN: [u8; 4] = 0x1a2b_3c4d_u32.to_le_bytes();
const BIG_ENDIAN: [u8; 4] = 0x1a2b_3c4d_u32.to_be_bytes();
/// Type and length at the begin of a block, length again at its end.
const SMALLEST_BLOCK: usize = 12;
/// What stands before the packet's bytes in a block of either kind.
const ENHANCED_HEADER: usize = 28;
const SIMPLE_HEADER: usize = 12;

const SECOND: u64 = 1_000_000_000;

/// Whether these bytes begin a file of this format.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(&SECTION)
}

/// The section that is read.
#[derive(Default)]
pub(super) struct Format {
    is_big_endian: bool,
    /// The number of its first interface among all.
    first_interface: usize,
    clocks: Vec<Clock>,
    /// When the last frame was captured. A simple packet has no time of its own.
    last: u64,
}

/// How an interface counts time.
#[derive(Clone, Copy)]
struct Clock {
    units_per_second: u128,
    /// In seconds.
    offset: i64,
}

impl Format {
    pub(super) fn next(&mut self, reading: &mut Reading) -> Result<Option<Found>, Problem> {
        loop {
            let first = reading.peek(FIRST)?;
            if first.is_empty() {
                return Ok(None);
            }
            let first: [u8; FIRST] = match first.try_into() {
                Ok(first) => first,
                Err(_) => return Err(reading.whole(FIRST, "a block").err().unwrap_or(Problem::NoCapture)),
            };
            let is_section = is(&first);
            if is_section {
                self.is_big_endian = match [first[8], first[9], first[10], first[11]] {
                    LITTLE_ENDIAN => false,
                    BIG_ENDIAN => true,
                    _ => return Err(reading.broken("a section of no byte order")),
                };
                self.first_interface = reading.interfaces.len();
                self.clocks.clear();
            }
            let word = [first[4], first[5], first[6], first[7]];
            let len = (if self.is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
                as usize;
            if !(SMALLEST_BLOCK..=LARGEST).contains(&len) {
                return Err(reading.broken(format!("a block of {len} bytes")));
            }
            if let Some(found) = self.block(reading, len)? {
                return Ok(Some(found));
            }
            reading.input.take(len);
        }
    }

    /// Takes in what a block says; gives where the frame is if there is one in it.
    fn block(&mut self, reading: &mut Reading, len: usize) -> Result<Option<Found>, Problem> {
        let bytes = reading.whole(len, "a block")?;
        let parse = if self.is_big_endian { parse_block_be } else { parse_block_le };
        // All of it is there: a parser that wants more has found an inner length that is wrong.
        let Ok((_, block)) = parse(bytes) else {
            return Err(reading.broken("a block that contradicts itself"));
        };
        match block {
            Block::InterfaceDescription(description) => {
                let (interface, clock) =
                    (interface(&description), Clock::of(&description, self.is_big_endian));
                let Some(clock) = clock else {
                    return Err(reading.broken("an interface of no resolution of time"));
                };
                reading.interfaces.push(interface);
                self.clocks.push(clock);
                Ok(None)
            }
            Block::EnhancedPacket(packet) => {
                let (interface, units) = (packet.if_id as usize, [packet.ts_high, packet.ts_low]);
                let (wire_len, captured) = (packet.origlen, packet.packet_data().len());
                let Some(clock) = self.clocks.get(interface) else {
                    return Err(
                        reading.broken(format!("a frame of interface {interface}, which was not described"))
                    );
                };
                self.last = clock.nanoseconds(units);
                Ok(Some(self.found(interface, wire_len, ENHANCED_HEADER, captured, len)))
            }
            Block::SimplePacket(packet) => {
                let (wire_len, captured) = (packet.origlen, packet.packet_data().len());
                Ok(Some(self.found(0, wire_len, SIMPLE_HEADER, captured, len)))
            }
            _ => Ok(None),
        }
    }

    fn found(&self, interface: usize, wire_len: u32, skip: usize, len: usize, block: usize) -> Found {
        Found {
            timestamp: self.last,
            interface: self.first_interface + interface,
            wire_len,
            skip,
            len,
            after: block - skip - len,
        }
    }
}

fn interface(description: &InterfaceDescriptionBlock<'_>) -> Interface {
    let number = description.linktype.0.cast_unsigned();
    let name = description.if_name().and_then(Result::ok).map(|name| name.trim_end_matches('\0'));
    Interface {
        link: LinkType::of(number).ok_or(number),
        name: name.filter(|name| !name.is_empty()).map(Box::from),
    }
}

impl Clock {
    /// `None` for a resolution beyond any use.
    fn of(description: &InterfaceDescriptionBlock<'_>, is_big_endian: bool) -> Option<Self> {
        /// The resolution is a power of two.
        const BINARY: u8 = 0x80;
        let resolution = description.if_tsresol;
        let exponent = u32::from(resolution & !BINARY);
        let base: u128 = if resolution & BINARY == 0 { 10 } else { 2 };
        // Read here, because the parser takes it for little-endian in every section.
        let offset = description.options.iter().find(|option| option.code == OptionCode::IfTsoffset);
        let offset = offset.and_then(|option| option.value().first_chunk()).map_or(0, |bytes| {
            if is_big_endian { i64::from_be_bytes(*bytes) } else { i64::from_le_bytes(*bytes) }
        });
        Some(Self { units_per_second: base.checked_pow(exponent)?, offset })
    }

    /// Since the Unix epoch; a time that does not fit is the nearest that does.
    fn nanoseconds(self, [high, low]: [u32; 2]) -> u64 {
        let units = u128::from(high) << 32 | u128::from(low);
        let since = units.saturating_mul(SECOND.into()) / self.units_per_second;
        let offset = i128::from(self.offset) * i128::from(SECOND);
        let since = i128::try_from(since).unwrap_or(i128::MAX).saturating_add(offset);
        u64::try_from(since.max(0)).unwrap_or(u64::MAX)
    }
}
