//! Where lines go, and what remembers that they did not arrive.

use std::io;

/// A writer whose first error is kept until somebody asks.
#[derive(Debug)]
pub(super) struct Output<W> {
    writer: W,
    error: Option<io::Error>,
}

impl<W: io::Write> Output<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, error: None }
    }

    /// Writes a line that has its line end. Nothing is written behind an error: a gap must not look like data.
    pub(super) fn write(&mut self, line: &str) {
        if self.error.is_none() {
            self.error = self.writer.write_all(line.as_bytes()).err();
        }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.writer.flush(),
        }
    }

    #[cfg(test)]
    pub(super) fn into_inner(self) -> W {
        self.writer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe whose reader goes after some bytes.
    struct Pipe {
        room: usize,
        taken: Vec<u8>,
    }

    impl io::Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.taken.len() + bytes.len() > self.room {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.taken.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_write_error_waits_for_the_flush_and_stops_the_output() {
        let mut output = Output::new(Pipe { room: 6, taken: Vec::new() });
        output.write("one\n");
        output.write("two\n");
        output.write("3\n");
        assert_eq!(output.writer.taken, b"one\n");
        assert_eq!(output.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn without_an_error_a_flush_succeeds() {
        let mut output = Output::new(Vec::new());
        output.write("one\n");
        assert!(output.flush().is_ok());
        assert_eq!(output.writer, b"one\n");
    }
}
