//! Files as a user may write them.

use std::time::Duration;

use clap::{CommandFactory, FromArgMatches};

use super::*;
use crate::aggregate::Dimension;
use crate::command::{Cli, RunOptions};
use crate::export::Source;

fn command(name: &str) -> Command {
    Cli::command().get_subcommands().find(|command| command.get_name() == name).unwrap().clone()
}

fn read(text: &str) -> Result<ConfigFile, String> {
    ConfigFile::parse(Path::new("agent.yaml"), text, &command("run")).map_err(|error| error.to_string())
}

/// The options of `run` with a file and a command line.
fn run(text: &str, line: &[&str]) -> RunOptions {
    let command = read(text).unwrap().defaults(command("run"));
    RunOptions::from_arg_matches(&command.get_matches_from([&["run"], line].concat())).unwrap()
}

#[test]
fn a_flag_goes_before_the_file_and_that_before_the_default() {
    let file = "memory: 64MiB\nidle-timeout: 20s\ninterface: [a*, b]\nloopback: true\npath: no\nfilter:\n  - reject udp\n  \
                - reject icmp\nmetric-dimensions: [source.address]\ndrops: none\nmetric-series-limit: 10\n\
                listen: '[::1]:9464'\ninterval: 2m\ninstance: 7\ncommunity-id-seed: 5";
    let by_file = run(file, &[]);
    assert_eq!((by_file.common.memory, by_file.common.idle_timeout), (64 << 20, Duration::from_secs(20)));
    assert_eq!(by_file.common.interfaces, ["a*", "b"]);
    assert!(by_file.common.loopback && !by_file.common.path && by_file.common.facts);
    assert_eq!(by_file.common.filter.filter, ["reject udp", "reject icmp"]);
    assert_eq!(by_file.metrics.metric_dimensions, [Dimension::Source]);
    assert_eq!((by_file.metrics.metric_series_limit.get(), by_file.instance.as_str()), (10, "7"));
    assert_eq!(by_file.interval, Some(Duration::from_mins(2)));
    assert_eq!(by_file.telemetry.listen, Some("[::1]:9464".parse().unwrap()));
    assert_eq!(by_file.common.tcp_idle_timeout, Duration::from_mins(10), "the default");

    let line = ["--memory=32MiB", "--interface", "c", "--loopback=false", "--path", "--filter", "reject tcp"];
    let by_flag = run(file, &line);
    assert_eq!((by_flag.common.memory, by_flag.common.idle_timeout), (32 << 20, Duration::from_secs(20)));
    assert_eq!(by_flag.common.interfaces, ["c"], "a list is replaced, not continued");
    assert_eq!(by_flag.common.filter.filter, ["reject tcp"]);
    assert!(!by_flag.common.loopback && by_flag.common.path);
}

#[test]
fn an_empty_file_and_empty_values_say_nothing() {
    for text in [
        "",
        "# nothing\n",
        "memory:\ninterface: []\notlp:\n",
        "memory: ''\notlp: {endpoint: ''}",
        "otlp: {logs: {}}",
    ] {
        let file = read(text).unwrap();
        assert_eq!((file.options.len(), &file.given), (0, &Given::default()), "{text:?}");
    }
}

#[test]
fn options_that_are_for_the_moment_are_not_those_of_the_file() {
    let file = read("interval: 1m\nmemory: 64MiB").unwrap();
    let matches = file.defaults(command("flows")).get_matches_from(["flows"]);
    assert_eq!(matches.get_one("interval"), Some(&Duration::from_secs(1)));
    assert_eq!(matches.get_one("memory"), Some(&(64_u64 << 20)));
}

#[test]
fn the_export_is_said_in_sections() {
    let file = read(
        "otlp:\n  endpoint: https://a:4317\n  timeout: 3s\n  insecure: true\n  headers:\n    x-scope: 1.10\n    \
         authorization: Basic a,b=c%;ä\n  logs:\n    exporter: console\n  metrics:\n    client-key: /key\n    \
         export-interval: 500ms\nresource:\n  service-name: flows\n  attributes: {team: 'a b', deployment.environment.name: x}",
    )
    .unwrap();
    for (variable, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://a:4317"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-scope=1.10,authorization=Basic%20a%2Cb%3Dc%25%3B%C3%A4"),
        ("OTEL_LOGS_EXPORTER", "console"),
        ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "/key"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
        ("OTEL_SERVICE_NAME", "flows"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,deployment.environment.name=x"),
    ] {
        assert_eq!(file.given.value(variable).as_deref(), Some(value), "{variable}");
    }
    let place = file.given.first(&["OTEL_EXPORTER_OTLP_TIMEOUT"]).unwrap().place;
    assert_eq!(place, "agent.yaml:3:12: otlp.timeout");
    assert!(!format!("{file:?}").contains("Basic"), "{file:?}");
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_the_nearest_one() {
    for (text, expected) in [
        ("memroy: 1MiB", "agent.yaml:1:1: memroy is no setting; did you mean memory?"),
        ("\nidle_timeout: 1s", "agent.yaml:2:1: idle_timeout is no setting; did you mean idle-timeout?"),
        ("endpoint: x", "agent.yaml:1:1: endpoint is no setting; did you mean otlp.endpoint?"),
        ("otlp-protocol: grpc", "agent.yaml:1:1: otlp-protocol is no setting; did you mean otlp.protocol?"),
        (
            "OTEL_LOGS_EXPORTER: none",
            "agent.yaml:1:1: OTEL_LOGS_EXPORTER is no setting; did you mean otlp.logs.exporter?",
        ),
        (
            "otlp:\n  logs:\n    endpont: x",
            "agent.yaml:3:5: otlp.logs.endpont is no setting; did you mean otlp.logs.endpoint?",
        ),
        ("otlp: {memory: 1}", "agent.yaml:1:8: otlp.memory is no setting; did you mean memory?"),
        ("zzz: 1", "agent.yaml:1:1: zzz is no setting"),
        ("config: other.yaml", "agent.yaml:1:1: config is no setting"),
        ("format: json", "agent.yaml:1:1: format is no setting"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = "memory: much\ninterfaces: [a]\nidle-timeout: 10\nattach: xdp\ninterface: [a, 'b[']\nmemory2: 1\n\
                filter: [accept icmp, reject upd]\ndrops: [none]\nloopback: maybe\ninstance: {a: b}\notlp:\n  timeout: 1000\n  \
                protocol: http/json\n  insecure: 1\n  endpoint: [a]\n  headers: secret\n  metrics: delta\n  logs: {headers: {a: [secret]}}\n\
                metric-dimensions: [port]\nlisten: localhost:1\nmetric-series-limit: 0\n";
    let error = read(text).unwrap_err();
    for (line, part) in [
        (1, "memory is \"much\": "),
        (2, "interfaces is no setting; did you mean interface?"),
        (3, "a duration is a number with its unit"),
        (4, "attach is \"xdp\": write one of auto, tcx, clsact"),
        (5, "interface is \"a, b[\": "),
        (6, "memory2 is no setting; did you mean memory?"),
        (7, "`upd`"),
        (8, "drops takes one value"),
        (9, "loopback is \"maybe\": "),
        (10, "instance takes one value"),
        (12, "otlp.timeout is \"1000\": "),
        (13, "otlp.protocol is \"http/json\": write one of grpc, http/protobuf"),
        (14, "write true or false"),
        (15, "otlp.endpoint takes one value"),
        (16, "otlp.headers takes a mapping of names to values"),
        (17, "otlp.metrics takes a mapping"),
        (18, "otlp.logs.headers takes a mapping of names"),
        (19, "metric-dimensions is \"port\": "),
        (20, "127.0.0.1:9464"),
        (21, "metric-series-limit is \"0\": "),
    ] {
        let found = error.lines().find(|found| found.starts_with(&format!("agent.yaml:{line}:")));
        assert!(found.is_some_and(|found| found.contains(part)), "line {line}, {part:?} in\n{error}");
    }
    assert_eq!(error.lines().count(), 20, "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn what_is_no_mapping_or_no_yaml_has_its_place() {
    assert!(read("- memory").unwrap_err().starts_with("agent.yaml:1:1: the file has to be a mapping"));
    let error = read("memory: 1MiB\nmemory: 2MiB").unwrap_err();
    assert!(error.starts_with("agent.yaml:2:") && error.contains("memory"), "{error}");
}

/// The example of the documentation.
fn example() -> &'static str {
    let page = include_str!("../../../../docs/configuration.md");
    page.split_once("```yaml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0
}

/// The keys of a part with their values as far as these are text.
fn said(section: &str, part: &Part, found: &mut Vec<(String, Option<String>)>) {
    let Value::Mapping(entries) = &part.value else { return };
    for (_, key, part) in entries {
        let text = if let Value::Text(text) = &part.value { Some(text.clone()) } else { None };
        found.push((format!("{section}{key}"), text));
        said(&format!("{section}{key}."), part, found);
    }
}

#[test]
fn the_documentation_has_every_key_with_its_default() {
    let file = read(example()).unwrap();
    let run = command("run");
    let known = Known::new(&run);
    let mut found = Vec::new();
    said("", &tree::parse(example()).unwrap(), &mut found);
    for path in known.paths() {
        assert!(found.iter().any(|(key, _)| key == path), "the example has no {path}");
    }
    let mut defaults = 0;
    for (key, value) in found {
        let default = known.option(&key).and_then(|option| option.get_default_values().first());
        if let Some(default) = default {
            assert_eq!(value.as_deref(), default.to_str(), "{key}");
            defaults += 1;
        }
    }
    assert!(defaults > 10, "{defaults}");
    // The settings can be followed, but for files that are not there.
    let settings =
        crate::export::Settings::read(crate::export::Signal::Metrics, file.given()).unwrap().unwrap();
    assert_eq!(settings.endpoint_name(), "https://metrics.example:4318/v1/metrics");
    assert_eq!(settings.headers["x-tenant"], "blue");
}
