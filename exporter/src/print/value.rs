//! Values as text, appended to a buffer.

use std::fmt::Write;

/// How a value is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// As a JSON value.
    Json,
    /// Bare, but a list is JSON text: a program can take it apart.
    Csv,
    /// Bare, a list with commas between: for people.
    Plain,
}

impl Style {
    pub(super) fn text(self, out: &mut String, value: &str) {
        match self {
            Self::Json => quote(out, value),
            Self::Csv | Self::Plain => out.push_str(value),
        }
    }

    /// The same in every style.
    pub(super) fn int(out: &mut String, value: i64) {
        append(out, format_args!("{value}"));
    }

    pub(super) fn double(self, out: &mut String, value: f64) {
        match self {
            // JSON has no word for them.
            Self::Json if !value.is_finite() => out.push_str("null"),
            // Debug keeps the point of a whole number, so readers that guess a type guess the same on every line.
            Self::Json | Self::Csv => append(out, format_args!("{value:?}")),
            Self::Plain => append(out, format_args!("{value}")),
        }
    }

    pub(super) fn texts<'a>(self, out: &mut String, values: impl Iterator<Item = &'a str>) {
        self.list(out, values, |out, value| match self {
            Self::Plain => out.push_str(value),
            Self::Json | Self::Csv => quote(out, value),
        });
    }

    pub(super) fn ints(self, out: &mut String, values: impl Iterator<Item = i64>) {
        self.list(out, values, Self::int);
    }

    pub(super) fn doubles(self, out: &mut String, values: impl Iterator<Item = f64>) {
        self.list(out, values, |out, value| match self {
            Self::Plain => self.double(out, value),
            Self::Json | Self::Csv => Self::Json.double(out, value),
        });
    }

    fn list<T>(self, out: &mut String, values: impl Iterator<Item = T>, write: impl Fn(&mut String, T)) {
        if self != Self::Plain {
            out.push('[');
        }
        for (index, value) in values.enumerate() {
            if index > 0 {
                out.push(',');
            }
            write(out, value);
        }
        if self != Self::Plain {
            out.push(']');
        }
    }
}

/// A JSON string (RFC 8259, section 7).
fn quote(out: &mut String, value: &str) {
    out.push('"');
    let mut rest = value;
    // All characters to escape are one byte, so the text is cut at character boundaries.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => append(out, format_args!("\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

fn append(out: &mut String, value: std::fmt::Arguments<'_>) {
    out.write_fmt(value).expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quoted_text_reads_back(value: String) {
            let mut out = String::new();
            quote(&mut out, &value);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), value);
        }

        #[test]
        fn a_double_reads_back(value: f64) {
            let mut out = String::new();
            Style::Json.double(&mut out, value);
            let read: Option<f64> = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(read, value.is_finite().then_some(value));
        }
    }

    #[test]
    fn control_characters_quotes_and_backslashes_are_escaped() {
        let mut out = String::new();
        quote(&mut out, "a\"b\\c\n\u{1b}\u{7f}\u{e9}");
        assert_eq!(out, "\"a\\\"b\\\\c\\n\\u001b\u{7f}\u{e9}\"");
    }

    #[test]
    fn a_list_is_json_text_for_programs_and_words_for_people() {
        let spelled = |style: Style| {
            let mut out = String::new();
            style.texts(&mut out, ["syn", "ack"].into_iter());
            out
        };
        assert_eq!(spelled(Style::Json), r#"["syn","ack"]"#);
        assert_eq!(spelled(Style::Csv), r#"["syn","ack"]"#);
        assert_eq!(spelled(Style::Plain), "syn,ack");
    }
}
