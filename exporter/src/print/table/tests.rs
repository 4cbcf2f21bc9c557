//! Whole tables, as a terminal and as a file get them.

use proptest::prelude::*;
use semconv::attribute;

use super::*;
use crate::flow::FlowRecord;
use crate::print::sample::{self, Varied};
use crate::print::{Columns, Format, printer};

fn print(columns: Option<Columns>, width: Width, records: &[Record<'_>]) -> String {
    let mut text = String::new();
    let mut printer = printer(Format::Table, columns, width);
    for &record in records {
        printer.record(record, &mut text);
    }
    text
}

const fn terminal(cells: usize) -> Width {
    Width { cells, terminal: true }
}

#[test]
fn eighty_cells_show_the_essentials() {
    let hook = sample::hook("eth0");
    let flow = sample::flow(&hook);
    let text = print(None, terminal(80), &[Record::Flow(&flow), Record::Other(&sample::other(&hook))]);
    assert_eq!(
        text,
        "\
TIME UTC PROTO  SOURCE                -> DESTINATION        BYTES> <BYTES LASTED
03:04:05 tcp    10.0.0.1:40000        10.0.0.2:443          3.45kB 12.3MB  1.50s
03:04:05 -      (malformed)           at eth0 egress          700B
"
    );
}

#[test]
fn a_wide_line_shows_everything() {
    let hook = sample::hook("eth0");
    let text = print(None, terminal(132), &[Record::Flow(&sample::flow(&hook))]);
    let line = text.lines().nth(1).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(
        cells,
        [
            "03:04:05",
            "tcp",
            "10.0.0.1:40000",
            "10.0.0.2:443",
            "12",
            "3.45kB",
            "10",
            "12.3MB",
            "1.50s",
            "SAFP",
            "eth0",
            "out",
            "end"
        ]
    );
}

#[test]
fn a_long_address_takes_room_and_repeats_the_header() {
    let hook = sample::hook("eth0");
    let short = sample::flow(&hook);
    let long = FlowRecord {
        source: sample::endpoint("2001:db8:1111:2222:3333:4444:5555:6666", 40_000, 1, 1),
        ip_version: 6,
        ..short.clone()
    };
    let text = print(None, terminal(120), &[Record::Flow(&short), Record::Flow(&long), Record::Flow(&short)]);
    assert_eq!(text.matches("TIME UTC").count(), 2, "{text}");
    assert!(text.contains("[2001:db8:1111:2222:3333:4444:5555:6666]:40000 "), "{text}");
    let file =
        print(None, Width { cells: 80, terminal: false }, &[Record::Flow(&short), Record::Flow(&long)]);
    assert_eq!(file.matches("TIME UTC").count(), 1, "{file}");
    assert!(file.contains("[2001:db8:…666]:40000 "), "{file}");
}

#[test]
fn the_header_comes_again_on_a_terminal_only() {
    let hook = sample::hook("eth0");
    let flow = sample::flow(&hook);
    let records = vec![Record::Flow(&flow); 2 * LINES_PER_HEADER + 1];
    let headers = |width| print(None, width, &records).matches("TIME UTC").count();
    assert_eq!(headers(terminal(80)), 3);
    assert_eq!(headers(Width::DEFAULT), 1);
}

#[test]
fn chosen_columns_have_plain_values() {
    let hook = sample::hook("eth0");
    let (bytes, flags) = (attribute::SOURCE_BYTES.key, attribute::NETWORK_TCP_FLAGS.key);
    let columns = Columns::parse(&format!("{bytes},{flags},timestamp")).unwrap();
    let text = print(Some(columns), terminal(80), &[Record::Flow(&sample::flow(&hook))]);
    assert_eq!(
        text,
        format!(
            "{bytes} {flags:<17} timestamp\n        3456 {:<17} 2026-01-02T03:04:05.000000006Z\n",
            "fin,syn,psh,ack"
        )
    );
}

fn widest(columns: Option<Columns>, width: Width, records: &[Varied]) -> usize {
    let mut text = String::new();
    let mut printer = printer(Format::Table, columns, width);
    for varied in records {
        varied.with(|record| printer.record(record, &mut text));
    }
    text.lines().map(fit::width).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_line_is_wider_than_the_terminal(
        cells in 1_usize..=250,
        terminal: bool,
        records in proptest::collection::vec(sample::any_record(), 1..60),
    ) {
        let width = Width { cells, terminal };
        prop_assert!(widest(None, width, &records) <= cells);
        prop_assert!(widest(Some(Columns::default()), width, &records) <= cells);
    }
}
