//! JSON lines: one object for each record.

use semconv::Attribute;

use crate::flow::{AttributeSink, Record, timestamp};
use crate::print::Print;
use crate::print::columns::{Columns, TIMESTAMP};
use crate::print::row::{Row, time_of};
use crate::print::value::Style;

/// Writes one JSON object a line. An attribute that is not known is left out.
#[derive(Debug)]
pub struct Json {
    object: Object,
    /// Cells of the chosen columns; `None`: the time and then everything that the record has, in its order.
    chosen: Option<Row>,
}

impl Json {
    /// Objects of the chosen columns, or of everything.
    #[must_use]
    pub fn new(columns: Option<Columns>) -> Self {
        Self { object: Object::default(), chosen: columns.map(|columns| Row::new(columns, Style::Json)) }
    }
}

impl Print for Json {
    fn record(&mut self, record: Record<'_>, out: &mut String) {
        self.object.begin();
        if let Some(row) = &mut self.chosen {
            row.fill(record);
            for (column, value) in row.cells() {
                if let Some(value) = value {
                    self.object.member(column.name()).push_str(value);
                }
            }
        } else {
            Style::Json.text(self.object.member(TIMESTAMP), &timestamp(time_of(record)));
            record.attributes(&mut self.object);
        }
        out.push_str(self.object.end());
    }
}

/// The line, in memory that is used again for the next.
#[derive(Debug, Default)]
struct Object {
    line: String,
}

impl Object {
    fn begin(&mut self) {
        self.line.clear();
        self.line.push('{');
    }

    /// Writes a member's name; its value is to be appended.
    fn member(&mut self, name: &str) -> &mut String {
        if self.line.len() > 1 {
            self.line.push(',');
        }
        Style::Json.text(&mut self.line, name);
        self.line.push(':');
        &mut self.line
    }

    fn end(&mut self) -> &str {
        self.line.push_str("}\n");
        &self.line
    }
}

impl AttributeSink for Object {
    fn text(&mut self, attribute: Attribute, value: &str) {
        Style::Json.text(self.member(attribute.key), value);
    }

    fn int(&mut self, attribute: Attribute, value: i64) {
        Style::int(self.member(attribute.key), value);
    }

    fn double(&mut self, attribute: Attribute, value: f64) {
        Style::Json.double(self.member(attribute.key), value);
    }

    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone) {
        Style::Json.texts(self.member(attribute.key), values);
    }

    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone) {
        Style::Json.ints(self.member(attribute.key), values);
    }

    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone) {
        Style::Json.doubles(self.member(attribute.key), values);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use semconv::attribute;
    use serde_json::Value;

    use super::*;
    use crate::print::sample;

    fn print(columns: Option<Columns>, record: Record<'_>) -> String {
        let mut text = String::new();
        Json::new(columns).record(record, &mut text);
        text
    }

    #[test]
    fn a_flow_is_one_object_with_its_time_first() {
        let hook = sample::hook("eth0");
        let line = print(None, Record::Flow(&sample::flow(&hook)));
        let first = format!(
            "{{\"timestamp\":\"2026-01-02T03:04:05.000000006Z\",\"{}\":\"00000000000000000000000000000abc\",\"{}\":3,",
            attribute::NETWORK_FLOW_ID.key,
            attribute::NETWORK_FLOW_SEQUENCE.key,
        );
        assert!(line.starts_with(&first), "{line}");
        assert!(line.ends_with("\"}\n"), "{line}");
        assert!(line.contains(&format!("\"{}\":1.5,", attribute::NETWORK_FLOW_DURATION.key)), "{line}");
        assert!(!line.contains(attribute::NETWORK_VLAN_ID.key), "{line}");
    }

    #[test]
    fn chosen_columns_are_written_in_their_order_and_absent_ones_left_out() {
        let hook = sample::hook("eth0");
        let (bytes, vlan) = (attribute::SOURCE_BYTES.key, attribute::NETWORK_VLAN_ID.key);
        let flags = attribute::NETWORK_TCP_FLAGS.key;
        let columns = Columns::parse(&format!("{flags},{vlan},{bytes}")).unwrap();
        let line = print(Some(columns), Record::Flow(&sample::flow(&hook)));
        assert_eq!(line, format!("{{\"{flags}\":[\"fin\",\"syn\",\"psh\",\"ack\"],\"{bytes}\":3456}}\n"));
    }

    proptest! {
        #[test]
        fn every_line_reads_back_as_the_attributes(varied in sample::any_record(), chosen: bool) {
            varied.with(|record| {
                let line = print(chosen.then(Columns::default), record);
                prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
                let Value::Object(mut object) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
                prop_assert!(object.remove(TIMESTAMP).is_some());
                prop_assert_eq!(object, sample::attributes(record));
                Ok(())
            })?;
        }
    }
}
