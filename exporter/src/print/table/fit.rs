//! Text of any length in cells of a given width.

use unicode_width::UnicodeWidthChar;

/// Cells between two columns.
pub(super) const GAP: usize = 1;

const ELLIPSIS: char = '…';

/// Which end of a cell is filled up with spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// Where a text that is too long loses characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Start,
    Middle,
    End,
}

/// A line that never gets longer than its room, in memory that is used again for the next.
#[derive(Debug)]
pub(super) struct Line {
    text: String,
    used: usize,
    room: usize,
}

impl Line {
    pub(super) fn new(room: usize) -> Self {
        Self { text: String::new(), used: 0, room }
    }

    /// Appends a cell. What the line has no room for is left out.
    pub(super) fn push(&mut self, value: &str, cell: usize, align: Align, cut: Cut) {
        let gap = if self.used == 0 { 0 } else { GAP };
        let cell = cell.min(self.room.saturating_sub(self.used + gap));
        if self.used == 0 {
            self.text.clear();
        }
        if cell == 0 {
            return;
        }
        self.pad(gap);
        let width = width(value);
        if width > cell {
            let used = self.cut(value, width, cell, cut);
            self.pad(cell - used);
        } else if align == Align::Right {
            self.pad(cell - width);
            self.show(value);
        } else {
            self.show(value);
            self.pad(cell - width);
        }
        self.used += gap + cell;
    }

    /// Ends the line, and begins the next when that is pushed to.
    pub(super) fn end(&mut self) -> &str {
        let text = self.text.trim_end_matches(' ').len();
        self.text.truncate(text);
        self.text.push('\n');
        self.used = 0;
        &self.text
    }

    fn pad(&mut self, cells: usize) {
        self.text.extend(std::iter::repeat_n(' ', cells));
    }

    fn show(&mut self, value: &str) {
        self.text.extend(value.chars().map(shown));
    }

    /// Shows what fits of a text that is too long, and says how wide that became.
    fn cut(&mut self, value: &str, width: usize, cell: usize, cut: Cut) -> usize {
        let kept = cell - 1;
        let head = match cut {
            Cut::Start => 0,
            Cut::Middle => kept / 2,
            Cut::End => kept,
        };
        let tail = kept - head;
        let (mut at, mut used) = (0, 1);
        let mut ellipsis = Some(ELLIPSIS);
        for character in value.chars().map(shown) {
            let end = at + cells(character);
            if end <= head || at >= width - tail {
                self.text.extend(ellipsis.take_if(|_| at >= width - tail));
                self.text.push(character);
                used += end - at;
            }
            at = end;
        }
        self.text.extend(ellipsis);
        used
    }
}

/// Cells that a text takes as it is shown.
pub(super) fn width(value: &str) -> usize {
    value.chars().map(|character| cells(shown(character))).sum()
}

fn cells(character: char) -> usize {
    character.width().unwrap_or(1)
}

/// Names come from others. A control character could move the cursor or worse, one without width hide itself.
fn shown(character: char) -> char {
    match character.width() {
        None | Some(0) => '?',
        Some(_) => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(value: &str, width: usize, align: Align, cut: Cut) -> String {
        let mut line = Line::new(80);
        line.push(value, width, align, cut);
        line.push("|", 1, Align::Left, Cut::End);
        line.end().trim_end().to_owned()
    }

    #[test]
    fn a_short_text_is_filled_up() {
        assert_eq!(cell("abc", 5, Align::Left, Cut::End), "abc   |");
        assert_eq!(cell("abc", 5, Align::Right, Cut::End), "  abc |");
    }

    #[test]
    fn a_long_text_has_an_ellipsis_where_it_was_cut() {
        assert_eq!(cell("abcdefgh", 5, Align::Left, Cut::End), "abcd… |");
        assert_eq!(cell("abcdefgh", 5, Align::Left, Cut::Middle), "ab…gh |");
        assert_eq!(cell("abcdefgh", 5, Align::Left, Cut::Start), "…efgh |");
        assert_eq!(cell("abcdefgh", 1, Align::Left, Cut::Middle), "… |");
    }

    #[test]
    fn wide_characters_count_twice_and_are_not_halved() {
        assert_eq!(cell("日本語", 6, Align::Left, Cut::End), "日本語 |");
        assert_eq!(cell("日本語", 4, Align::Left, Cut::End), "日…  |");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(cell("a\u{1b}[2J\u{202e}", 8, Align::Left, Cut::End), "a?[2J?   |");
    }

    #[test]
    fn a_full_line_takes_no_more() {
        let mut line = Line::new(6);
        line.push("abc", 3, Align::Left, Cut::End);
        line.push("defgh", 5, Align::Left, Cut::End);
        line.push("i", 1, Align::Left, Cut::End);
        assert_eq!(line.end(), "abc d…\n");
    }
}
