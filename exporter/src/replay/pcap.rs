//! The format pcap: one interface, frames one after the other.

use pcap_parser::{
    LegacyPcapBlock, PcapError, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::capture::{Found, Interface, LARGEST, Reading};
use super::error::Problem;
use super::link::LinkType;

/// Of the file, and of a frame in the common form and in that of some old systems.
const FILE_HEADER: usize = 24;
const FRAME_HEADER: usize = 16;
const MODIFIED_FRAME_HEADER: usize = 24;
/// The upper bits say whether frames have their check sequence.
const LINK_TYPE: u32 = 0x03ff_ffff;

const SECOND: u64 = 1_000_000_000;

/// What the header of the file says of its frames.
pub(super) struct Format {
    frame_header: usize,
    is_big_endian: bool,
    /// Nanoseconds of a fraction's unit.
    unit: u64,
    parse: Parse,
}

type Parse = fn(&[u8]) -> Parsed<'_>;
type Parsed<'a> = pcap_parser::nom::IResult<&'a [u8], LegacyPcapBlock<'a>, PcapError<&'a [u8]>>;

impl Format {
    pub(super) fn begin(reading: &mut Reading) -> Result<Self, Problem> {
        let bytes = reading.peek(FILE_HEADER)?;
        let header = match parse_pcap_header(bytes) {
            Ok((_, header)) => header,
            // The first word is right, or it would not ask for more.
            Err(pcap_parser::nom::Err::Incomplete(_)) if bytes.len() >= size_of::<u32>() => {
                return Err(Problem::Cut { what: "its header", position: 0, frames: 0 });
            }
            Err(_) => return Err(Problem::NoCapture),
        };
        reading.input.take(FILE_HEADER);
        let number = header.network.0.cast_unsigned() & LINK_TYPE;
        let link = LinkType::of(number).ok_or(number);
        reading.interfaces.push(Interface { link, name: None });
        Ok(Self::of(&header))
    }

    fn of(header: &PcapHeader) -> Self {
        let (frame_header, parse): (_, Parse) = if header.is_modified_format() {
            (MODIFIED_FRAME_HEADER, parse_pcap_frame_modified)
        } else if header.is_bigendian() {
            (FRAME_HEADER, parse_pcap_frame_be)
        } else {
            (FRAME_HEADER, parse_pcap_frame)
        };
        Self {
            frame_header,
            is_big_endian: header.is_bigendian(),
            unit: if header.is_nanosecond_precision() { 1 } else { 1000 },
            parse,
        }
    }

    pub(super) fn next(&self, reading: &mut Reading) -> Result<Option<Found>, Problem> {
        if reading.peek(1)?.is_empty() {
            return Ok(None);
        }
        let header = reading.whole(self.frame_header, "a frame's header")?;
        let len = self.captured(header);
        if len > LARGEST {
            return Err(reading.broken(format!("a frame of {len} bytes")));
        }
        let bytes = reading.whole(self.frame_header + len, "a frame")?;
        let Ok((_, frame)) = (self.parse)(bytes) else { return Err(reading.broken("no frame")) };
        Ok(Some(Found {
            timestamp: u64::from(frame.ts_sec) * SECOND + u64::from(frame.ts_usec) * self.unit,
            interface: 0,
            wire_len: frame.origlen,
            skip: self.frame_header,
            len,
            after: 0,
        }))
    }

    /// Bytes of the frame that this header is of.
    fn captured(&self, header: &[u8]) -> usize {
        // Read here, because the parser gives no header without its frame.
        let word = [header[8], header[9], header[10], header[11]];
        (if self.is_big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }) as usize
    }
}
