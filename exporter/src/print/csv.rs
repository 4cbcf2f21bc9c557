//! Comma-separated values (RFC 4180): a header line, then one line for each record.

use crate::flow::Record;
use crate::print::Print;
use crate::print::columns::Columns;
use crate::print::row::Row;
use crate::print::value::Style;

/// Writes one line of comma-separated values for each record. A list is JSON text; an attribute that is not known is empty.
#[derive(Debug)]
pub struct Csv {
    row: Row,
}

impl Csv {
    /// Lines of these columns.
    #[must_use]
    pub fn new(columns: Columns) -> Self {
        Self { row: Row::new(columns, Style::Csv) }
    }
}

impl Print for Csv {
    /// The header line: a table without rows still says what its columns are.
    fn begin(&mut self, out: &mut String) {
        write_line(out, self.row.columns().as_slice().iter().map(|column| column.name()));
    }

    fn record(&mut self, record: Record<'_>, out: &mut String) {
        self.row.fill(record);
        write_line(out, self.row.cells().map(|(_, value)| value.unwrap_or_default()));
    }
}

fn write_line<'a>(out: &mut String, fields: impl Iterator<Item = &'a str>) {
    let start = out.len();
    for (index, field) in fields.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_field(out, field);
    }
    if out.len() == start {
        // The only field is empty; readers skip a line with nothing on it.
        out.push_str("\"\"");
    }
    out.push_str("\r\n");
}

fn write_field(out: &mut String, field: &str) {
    // None of these bytes is part of another character.
    if !field.bytes().any(|byte| matches!(byte, b'"' | b',' | b'\r' | b'\n')) {
        out.push_str(field);
        return;
    }
    out.push('"');
    for (index, part) in field.split('"').enumerate() {
        if index > 0 {
            out.push_str("\"\"");
        }
        out.push_str(part);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use semconv::{attribute, event};
    use serde_json::Value;

    use super::*;
    use crate::print::sample;

    fn print(columns: Columns, record: Record<'_>) -> String {
        let (mut csv, mut text) = (Csv::new(columns), String::new());
        csv.begin(&mut text);
        csv.record(record, &mut text);
        text
    }

    /// Reads by the grammar of RFC 4180, section 2.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut lines, mut line, mut field) = (Vec::new(), Vec::new(), String::new());
        let mut quoted = false;
        let mut rest = text.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '"' if quoted && rest.peek() == Some(&'"') => field.extend(rest.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => line.push(std::mem::take(&mut field)),
                '\r' if !quoted => {
                    assert_eq!(rest.next(), Some('\n'));
                    line.push(std::mem::take(&mut field));
                    lines.push(std::mem::take(&mut line));
                }
                other => field.push(other),
            }
        }
        assert!(!quoted && line.is_empty() && field.is_empty(), "no line end at the end");
        lines
    }

    #[test]
    fn the_default_columns_are_the_time_and_the_registry() {
        let mut text = String::new();
        Csv::new(Columns::default()).begin(&mut text);
        let header = read(&text);
        assert_eq!(header[0][0], "timestamp");
        assert!(header[0][1..].iter().eq(event::NETWORK_FLOW.attributes.iter().map(|known| known.key)));
    }

    #[test]
    fn lists_are_json_text_and_absent_values_empty() {
        let hook = sample::hook("a,b");
        let (flags, vlan) = (attribute::NETWORK_TCP_FLAGS.key, attribute::NETWORK_VLAN_ID.key);
        let interface = attribute::NETWORK_INTERFACE_NAME.key;
        let columns = Columns::parse(&format!("{interface},{vlan},{flags}")).unwrap();
        assert_eq!(
            print(columns, Record::Flow(&sample::flow(&hook))),
            format!(
                "{interface},{vlan},{flags}\r\n\"a,b\",,\"[\"\"fin\"\",\"\"syn\"\",\"\"psh\"\",\"\"ack\"\"]\"\r\n"
            )
        );
    }

    #[test]
    fn an_only_field_that_is_empty_is_still_a_line() {
        let hook = sample::hook("eth0");
        let vlan = attribute::NETWORK_VLAN_ID.key;
        let text = print(Columns::parse(vlan).unwrap(), Record::Flow(&sample::flow(&hook)));
        assert_eq!(text, format!("{vlan}\r\n\"\"\r\n"));
    }

    proptest! {
        #[test]
        fn every_line_reads_back_as_the_attributes(varied in sample::any_record()) {
            varied.with(|record| {
                let lines = read(&print(Columns::default(), record));
                prop_assert_eq!(lines.len(), 2);
                prop_assert_eq!(lines[0].len(), lines[1].len());
                let mut known = sample::attributes(record);
                for (name, field) in lines[0].iter().zip(&lines[1]).skip(1) {
                    match known.remove(name) {
                        None => prop_assert_eq!(field, ""),
                        Some(Value::String(text)) => prop_assert_eq!(field, &text),
                        Some(value) => prop_assert_eq!(serde_json::from_str::<Value>(field).unwrap(), value),
                    }
                }
                prop_assert!(known.is_empty());
                Ok(())
            })?;
        }
    }
}
