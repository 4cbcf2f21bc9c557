//! Which facts are printed, and in which order.

use semconv::{Attribute, event};

/// Name of the column that is no attribute: the record's time.
pub(super) const TIMESTAMP: &str = "timestamp";

/// Chosen columns, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// End of the record's interval.
    Timestamp,
    /// An attribute of the registry.
    Attribute(Attribute),
}

/// Why a list of columns is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// Nothing between two commas, or nothing at all.
    #[error("the list of columns has an empty name")]
    Empty,
    /// No such column.
    #[error("there is no column `{name}`; did you mean {}?", alternatives(.nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that look most like it, best first.
        nearest: Vec<&'static str>,
    },
    /// The same column again.
    #[error("the column `{0}` is listed twice")]
    Twice(&'static str),
}

impl Columns {
    /// The columns of a list with commas between, in its order.
    ///
    /// # Errors
    ///
    /// A name that is empty, unknown or listed twice.
    pub fn parse(list: &str) -> Result<Self, ColumnsError> {
        let mut columns = Vec::new();
        for name in list.split(',').map(str::trim) {
            let column = Column::named(name)?;
            if columns.contains(&column) {
                return Err(ColumnsError::Twice(column.name()));
            }
            columns.push(column);
        }
        Ok(Self(columns))
    }

    pub(super) fn as_slice(&self) -> &[Column] {
        &self.0
    }

    /// Where `column` is; at `from` and behind it is looked first.
    pub(super) fn position(&self, column: Column, from: usize) -> Option<usize> {
        let (before, behind) = self.0.split_at(from.min(self.0.len()));
        let at = |columns: &[Column]| columns.iter().position(|there| there.is(column));
        at(behind).map(|index| before.len() + index).or_else(|| at(before))
    }
}

impl Default for Columns {
    /// The time and every attribute of a record, in the order of the registry.
    fn default() -> Self {
        Self(all().collect())
    }
}

impl Column {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Timestamp => TIMESTAMP,
            Self::Attribute(attribute) => attribute.key,
        }
    }

    fn named(name: &str) -> Result<Self, ColumnsError> {
        if name.is_empty() {
            return Err(ColumnsError::Empty);
        }
        all()
            .find(|column| column.name() == name)
            .ok_or_else(|| ColumnsError::Unknown { name: name.to_owned(), nearest: nearest(name) })
    }

    /// Equality by name alone: this is asked for every attribute of every record.
    fn is(self, other: Self) -> bool {
        self.name() == other.name()
    }
}

fn all() -> impl Iterator<Item = Column> {
    let attributes = event::NETWORK_FLOW.attributes.iter().copied().map(Column::Attribute);
    std::iter::once(Column::Timestamp).chain(attributes)
}

/// Up to three names that look like `name`. The last part of a name is compared as well: people leave out prefixes.
fn nearest(name: &str) -> Vec<&'static str> {
    let lower = name.to_lowercase();
    let mut ranked: Vec<(usize, &'static str)> = all()
        .map(|column| {
            let known = column.name();
            let whole = distance(&lower, known);
            let last = known.rsplit('.').next().map_or(whole, |part| distance(&lower, part) + 1);
            (whole.min(last), known)
        })
        .collect();
    // Stable, so equals stay in the registry's order.
    ranked.sort_by_key(|&(distance, _)| distance);
    ranked.into_iter().take(3).map(|(_, known)| known).collect()
}

/// Levenshtein's distance: insertions, deletions and substitutions between two words.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, here) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (index, there) in to.chars().enumerate() {
            let substituted = diagonal + usize::from(here != there);
            diagonal = row[index + 1];
            row[index + 1] = substituted.min(diagonal + 1).min(row[index] + 1);
        }
    }
    row[row.len() - 1]
}

fn alternatives(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use semconv::attribute;

    use super::*;

    #[test]
    fn parse_keeps_the_order_of_the_list() {
        let list = format!("{}, {TIMESTAMP}", attribute::SOURCE_BYTES.key);
        let columns = Columns::parse(&list).unwrap();
        assert_eq!(columns.as_slice(), [Column::Attribute(attribute::SOURCE_BYTES), Column::Timestamp]);
    }

    #[test]
    fn parse_suggests_the_nearest_names() {
        let near = attribute::SOURCE_ADDRESS.key.replace("address", "adress");
        let error = Columns::parse(&near).unwrap_err();
        let ColumnsError::Unknown { name, nearest } = &error else { panic!("{error}") };
        assert_eq!((name.as_str(), nearest[0]), (near.as_str(), attribute::SOURCE_ADDRESS.key));
        assert!(error.to_string().contains(&format!("did you mean `{}`", nearest[0])), "{error}");
    }

    #[test]
    fn parse_suggests_full_names_for_a_last_part() {
        let Err(ColumnsError::Unknown { nearest, .. }) = Columns::parse("bytes") else { panic!() };
        assert_eq!(nearest[..2], [attribute::SOURCE_BYTES.key, attribute::DESTINATION_BYTES.key]);
    }

    #[test]
    fn parse_refuses_empty_and_repeated_names() {
        assert_eq!(Columns::parse(""), Err(ColumnsError::Empty));
        assert_eq!(Columns::parse("timestamp,"), Err(ColumnsError::Empty));
        assert_eq!(Columns::parse("timestamp,timestamp"), Err(ColumnsError::Twice(TIMESTAMP)));
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
