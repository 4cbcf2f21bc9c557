//! A file's bytes in order, decompressed, a piece at a time.

use std::io::{self, BufReader, Cursor, ErrorKind, Read};

use flate2::read::MultiGzDecoder;

/// First bytes of a gzip file (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Bytes that are asked for at a time.
const CHUNK: usize = 256 << 10;

/// Bytes of which some are in memory.
pub(super) struct Input {
    source: Box<dyn Read>,
    buffer: Vec<u8>,
    /// What of the buffer was not taken.
    start: usize,
    end: usize,
    /// Bytes that were taken.
    position: u64,
}

impl Input {
    /// Decompresses what begins as a compressed file.
    ///
    /// # Errors
    /// The source's.
    pub(super) fn new(mut source: impl Read + 'static) -> io::Result<Self> {
        let mut first = Vec::new();
        source.by_ref().take(GZIP.len() as u64).read_to_end(&mut first)?;
        let is_compressed = first == GZIP;
        let source = Cursor::new(first).chain(source);
        let source: Box<dyn Read> = if is_compressed {
            Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, source)))
        } else {
            Box::new(source)
        };
        Ok(Self { source, buffer: vec![0; CHUNK], start: 0, end: 0, position: 0 })
    }

    /// Bytes that were taken.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes that were read.
    pub(super) fn read_position(&self) -> u64 {
        self.position + (self.end - self.start) as u64
    }

    /// The next `len` bytes, or those up to the end if there are fewer.
    ///
    /// # Errors
    /// The source's.
    pub(super) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        if self.end - self.start < len {
            self.fill(len)?;
        }
        let end = self.end.min(self.start + len);
        Ok(&self.buffer[self.start..end])
    }

    /// Takes bytes that were [peeked](Self::peek) at.
    pub(super) fn take(&mut self, len: usize) -> &[u8] {
        let taken = &self.buffer[self.start..self.start + len];
        self.start += len;
        self.position += len as u64;
        taken
    }

    fn fill(&mut self, len: usize) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        while self.end < len {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
