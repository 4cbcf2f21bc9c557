//! Numbers in at most six characters. Digits are cut off, not rounded: a table never shows more than was counted.

use std::fmt;

/// A count, `12.3k`.
pub(super) struct Count(pub(super) u64);

/// A number of bytes, `12.3kB`: powers of 1000.
pub(super) struct Bytes(pub(super) u64);

/// Nanoseconds as a length of time, `1.23ms`, `4m05s`.
pub(super) struct Duration(pub(super) u64);

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(formatter, self.0, &["", "k", "M", "G", "T", "P", "E"])
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        scaled(formatter, self.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"])
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let seconds = self.0 / 1_000_000_000;
        match seconds {
            0 => scaled(formatter, self.0, &["ns", "us", "ms"]),
            1..MINUTE => scaled(formatter, self.0 / 1_000_000, &["ms", "s"]),
            MINUTE..HOUR => write!(formatter, "{}m{:02}s", seconds / MINUTE, seconds % MINUTE),
            HOUR..DAY => write!(formatter, "{}h{:02}m", seconds / HOUR, seconds % HOUR / MINUTE),
            _ if seconds < 100 * DAY => write!(formatter, "{}d{:02}h", seconds / DAY, seconds % DAY / HOUR),
            _ => write!(formatter, "{}d", seconds / DAY),
        }
    }
}

/// Three digits and the unit that goes with them. The last unit takes what is left.
fn scaled(formatter: &mut fmt::Formatter<'_>, number: u64, units: &[&str]) -> fmt::Result {
    let (mut whole, mut thousandths, mut unit) = (number, 0, 0);
    while whole >= 1000 && unit + 1 < units.len() {
        (whole, thousandths, unit) = (whole / 1000, whole % 1000, unit + 1);
    }
    let name = units[unit];
    match whole {
        _ if unit == 0 => write!(formatter, "{whole}{name}"),
        0..10 => write!(formatter, "{whole}.{:02}{name}", thousandths / 10),
        10..100 => write!(formatter, "{whole}.{}{name}", thousandths / 100),
        _ => write!(formatter, "{whole}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_and_bytes_have_three_digits() {
        assert_eq!(Count(999).to_string(), "999");
        assert_eq!(Count(1_239).to_string(), "1.23k");
        assert_eq!(Bytes(0).to_string(), "0B");
        assert_eq!(Bytes(12_399).to_string(), "12.3kB");
        assert_eq!(Bytes(999_999).to_string(), "999kB");
        assert_eq!(Bytes(u64::MAX).to_string(), "18.4EB");
    }

    #[test]
    fn a_duration_has_the_units_of_its_size() {
        let seconds = |seconds: u64| Duration(seconds * 1_000_000_000).to_string();
        assert_eq!(Duration(999).to_string(), "999ns");
        assert_eq!(Duration(1_234_567).to_string(), "1.23ms");
        assert_eq!(Duration(1_500_000_000).to_string(), "1.50s");
        assert_eq!(seconds(59), "59.0s");
        assert_eq!(seconds(245), "4m05s");
        assert_eq!(seconds(7_260), "2h01m");
        assert_eq!(seconds(180_000), "2d02h");
        assert_eq!(seconds(86_400 * 100), "100d");
    }

    proptest! {
        #[test]
        fn every_number_fits_its_column(number: u64, shift in 0_u32..64) {
            let number = number >> shift;
            prop_assert!(Count(number).to_string().len() <= 5);
            prop_assert!(Bytes(number).to_string().len() <= 6);
            prop_assert!(Duration(number).to_string().len() <= 7);
        }
    }
}
