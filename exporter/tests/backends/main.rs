//! Flows in real backends: what crossed an interface is found again in Loki and Prometheus, behind a Collector with the
//! configurations for users, by the queries of docs/backends.md.

mod answer;
mod base;
mod loki;
mod prometheus;
mod queries;
mod round_trip;
mod stack;
mod together;

use std::process::ExitCode;

use flow_tests::harness::{Test, needs_root, run};

fn main() -> ExitCode {
    let tests: [Test; 10] = [
        ("a_file_has_every_record", base::file),
        ("loki_has_every_record", loki::current),
        ("loki_before_3_8_has_every_record", loki::before_3_8),
        ("prometheus_has_every_byte_through_its_otlp_receiver", prometheus::otlp),
        ("prometheus_has_every_byte_by_remote_write", prometheus::remote_write),
        ("prometheus_has_every_byte_by_scraping", prometheus::scrape),
        ("a_round_trip_is_as_long_as_the_way_through_the_otlp_receiver", round_trip::otlp),
        ("a_round_trip_is_as_long_as_the_way_by_remote_write", round_trip::remote_write),
        ("loki_and_prometheus_say_the_same", together::same),
        ("everything_at_once_says_the_same", together::all),
    ];
    let given = ["OTELCOL", "LOKI", "PROMETHEUS"].iter().all(|name| std::env::var_os(name).is_some());
    let missing = needs_root().or_else(|| {
        (!given).then_some("needs OTELCOL, LOKI and PROMETHEUS: `make test-backends` builds and names them")
    });
    run(tests, missing)
}
