//! A capture, whatever its format: frames in the order of the file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::{CaptureError, Problem};
use super::input::Input;
use super::link::LinkType;
use super::{pcap, pcapng};

/// What stands for the standard input.
const STANDARD_INPUT: &str = "-";
/// The most bytes of a frame or a block. Larger than any packet, and small enough to be kept whatever a broken file says.
pub(super) const LARGEST: usize = 16 << 20;

/// A capture that is read.
pub struct Capture {
    file: String,
    reading: Reading,
    format: Format,
}

/// Where reading is.
pub(super) struct Reading {
    pub(super) input: Input,
    pub(super) interfaces: Vec<Interface>,
    /// Frames that were read.
    pub(super) frames: u64,
}

enum Format {
    Pcap(pcap::Format),
    Pcapng(pcapng::Format),
}

/// An interface that a capture was made at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// What its frames begin with; `Err` with the number of one that is not known.
    pub link: Result<LinkType, u32>,
    /// Its name, where the capture says it.
    pub name: Option<Box<str>>,
}

/// A frame as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Nanoseconds since the Unix epoch.
    pub timestamp: u64,
    /// Its number among the interfaces that the capture has named so far.
    pub interface: usize,
    /// The interface's name, where the capture says it.
    pub name: Option<&'a str>,
    /// What its bytes begin with.
    pub link: LinkType,
    /// Its length on the wire.
    pub wire_len: u32,
    /// Its first bytes, or all.
    pub bytes: &'a [u8],
}

/// What a format's reader found: the frame's bytes are the next `len` ones of the input after `skip`, and `after` follow them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) timestamp: u64,
    pub(super) interface: usize,
    pub(super) wire_len: u32,
    pub(super) skip: usize,
    pub(super) len: usize,
    pub(super) after: usize,
}

impl Capture {
    /// Opens a file, or takes the standard input for `-`.
    ///
    /// # Errors
    /// [`CaptureError`], also if it is no capture.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let file = path.display().to_string();
        if file == STANDARD_INPUT {
            return Self::read("the standard input".to_owned(), io::stdin());
        }
        match File::open(path) {
            Ok(opened) => Self::read(file, opened),
            Err(error) => Err(CaptureError { file, problem: Problem::Open(error) }),
        }
    }

    /// Reads from elsewhere; errors name it `file`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(file: String, source: impl Read + 'static) -> Result<Self, CaptureError> {
        match Self::begin(source) {
            Ok((reading, format)) => Ok(Self { file, reading, format }),
            Err(problem) => Err(CaptureError { file, problem }),
        }
    }

    fn begin(source: impl Read + 'static) -> Result<(Reading, Format), Problem> {
        let input = Input::new(source).map_err(|source| Problem::Read { position: 0, source })?;
        let mut reading = Reading { input, interfaces: Vec::new(), frames: 0 };
        let format = if pcapng::is(reading.peek(pcapng::FIRST)?) {
            Format::Pcapng(pcapng::Format::default())
        } else {
            Format::Pcap(pcap::Format::begin(&mut reading)?)
        };
        Ok((reading, format))
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// [`CaptureError`]: there is nothing more to be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let Self { file, reading, format } = self;
        let found = match format {
            Format::Pcap(format) => format.next(reading),
            Format::Pcapng(format) => format.next(reading),
        };
        match found.and_then(|found| reading.frame(found)) {
            Ok(frame) => Ok(frame),
            Err(problem) => Err(CaptureError { file: file.clone(), problem }),
        }
    }

    /// Frames that were read.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.reading.frames
    }
}

impl Reading {
    /// The next `len` bytes, or fewer at the end.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8], Problem> {
        // Asked for before the borrow of the bytes begins.
        let position = self.input.read_position();
        self.input.peek(len).map_err(|source| Problem::Read { position, source })
    }

    /// The next `len` bytes of something that has to be whole.
    pub(super) fn whole(&mut self, len: usize, what: &'static str) -> Result<&[u8], Problem> {
        let (position, frames) = (self.input.position(), self.frames);
        let bytes = self.peek(len)?;
        if bytes.len() < len { Err(Problem::Cut { what, position, frames }) } else { Ok(bytes) }
    }

    pub(super) fn broken(&self, what: impl Into<String>) -> Problem {
        Problem::Broken { what: what.into(), position: self.input.position(), frames: self.frames }
    }

    fn frame(&mut self, found: Option<Found>) -> Result<Option<Frame<'_>>, Problem> {
        let Some(Found { timestamp, interface, wire_len, skip, len, after }) = found else { return Ok(None) };
        let Some(Interface { link, name }) = self.interfaces.get(interface) else {
            return Err(self.broken(format!("a frame of interface {interface}, which was not described")));
        };
        let link = link.map_err(|number| Problem::LinkType {
            number,
            position: self.input.position(),
            frames: self.frames,
        })?;
        self.frames += 1;
        let bytes = &self.input.take(skip + len + after)[skip..skip + len];
        let captured = u32::try_from(len).unwrap_or(u32::MAX);
        let name = name.as_deref();
        Ok(Some(Frame { timestamp, interface, name, link, wire_len: wire_len.max(captured), bytes }))
    }
}
