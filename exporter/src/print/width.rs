//! How much room a line has.

use std::io::{self, IsTerminal};

use rustix::termios::tcgetwinsize;

/// Room of a line, in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    /// Cells a line may fill.
    pub cells: usize,
    /// Somebody watches: headers are repeated, and the layout may change on the way.
    pub terminal: bool,
}

impl Width {
    /// Room in a file or a pipe if nobody says otherwise.
    pub const DEFAULT: Self = Self { cells: 160, terminal: false };

    /// Room on standard output: the terminal's width, else `columns` (what the environment says in `COLUMNS`), else the
    /// default.
    #[must_use]
    pub fn of_stdout(columns: Option<&str>) -> Self {
        let stdout = io::stdout();
        let size = tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        Self::from_parts(size, columns, stdout.is_terminal())
    }

    fn from_parts(size: Option<usize>, columns: Option<&str>, terminal: bool) -> Self {
        // A serial console answers with 0: it does not know.
        let cells = size
            .filter(|&cells| cells > 0)
            .or_else(|| columns?.trim().parse().ok().filter(|&cells| cells > 0))
            .unwrap_or(Self::DEFAULT.cells);
        Self { cells, terminal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_knows_best_then_the_environment_then_the_default() {
        let cells = |size, columns| Width::from_parts(size, columns, true).cells;
        assert_eq!(cells(Some(80), Some("120")), 80);
        assert_eq!(cells(Some(0), Some("120")), 120);
        assert_eq!(cells(None, Some("120")), 120);
        assert_eq!(cells(None, Some("wide")), 160);
        assert_eq!(cells(None, Some("0")), 160);
        assert_eq!(cells(None, None), 160);
    }
}
