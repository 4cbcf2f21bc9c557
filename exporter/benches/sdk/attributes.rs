//! A record's attributes for the OpenTelemetry SDK's logger.

use exporter::flow::AttributeSink;
use opentelemetry::Key;
use opentelemetry::logs::{AnyValue, LogRecord as _};
use opentelemetry_sdk::logs::SdkLogRecord;
use semconv::Attribute;

/// The attributes of a log record.
pub(crate) struct Attributes<'a>(pub(crate) &'a mut SdkLogRecord);

impl AttributeSink for Attributes<'_> {
    fn text(&mut self, attribute: Attribute, value: &str) {
        self.0.add_attribute(Key::from_static_str(attribute.key), value.to_owned());
    }

    fn int(&mut self, attribute: Attribute, value: i64) {
        self.0.add_attribute(Key::from_static_str(attribute.key), value);
    }

    fn double(&mut self, attribute: Attribute, value: f64) {
        self.0.add_attribute(Key::from_static_str(attribute.key), value);
    }

    fn texts<'a>(&mut self, attribute: Attribute, values: impl Iterator<Item = &'a str> + Clone) {
        let values = values.map(|value| AnyValue::from(value.to_owned())).collect();
        self.0.add_attribute(Key::from_static_str(attribute.key), AnyValue::ListAny(Box::new(values)));
    }

    fn ints(&mut self, attribute: Attribute, values: impl Iterator<Item = i64> + Clone) {
        let values = values.map(AnyValue::from).collect();
        self.0.add_attribute(Key::from_static_str(attribute.key), AnyValue::ListAny(Box::new(values)));
    }

    fn doubles(&mut self, attribute: Attribute, values: impl Iterator<Item = f64> + Clone) {
        let values = values.map(AnyValue::from).collect();
        self.0.add_attribute(Key::from_static_str(attribute.key), AnyValue::ListAny(Box::new(values)));
    }
}
