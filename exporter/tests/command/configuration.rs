//! The configuration file, and what goes before it: the real program with its command line, its environment and a file.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use flow_tests::collector::{Collector, GRPC, HTTP, attributes};
use tempfile::TempDir;

use crate::collector::{arrives, datagrams, exporting, received};
use crate::program::{Ended, Program, command, output};
use crate::topology::Pair;

/// A file in a folder that goes with it.
fn file(text: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("agent.yaml");
    fs::write(&path, text)?;
    Ok((folder, path))
}

/// `check` without any variable of OpenTelemetry, completed.
fn checked(pair: &Pair, complete: impl FnOnce(&mut Command)) -> Result<Ended> {
    let mut command = command(&pair.client, &["check"]);
    complete(&mut command);
    output(&mut command)
}

/// What is said in several places: a size, a list, a switch, the receiver. Nobody listens at the receivers' ports, so that `check`
/// names the one that it tried.
pub(crate) fn precedence() -> Result<()> {
    let pair = Pair::new()?;
    let text = "memory: 64MiB\ninterface: [c0, 'none*']\nloopback: true\notlp:\n  endpoint: http://127.0.0.1:50001\n";
    let (_folder, path) = file(text)?;
    let memory = |size: &str| format!("--memory {size}");
    let tried = |port: u16| format!("127.0.0.1:{port} cannot be reached");
    let assert_says = |ended: &Ended, parts: &[&str]| -> Result<()> {
        ensure!(ended.status.code() == Some(69), "{}{}", ended.stdout, ended.stderr);
        for part in parts {
            ensure!(ended.stdout.contains(part), "no {part:?} in\n{}", ended.stdout);
        }
        Ok(())
    };
    let by_file = checked(&pair, |command| {
        command.arg("--config").arg(&path);
    })?;
    let used = format!("{} is used", path.display());
    assert_says(&by_file, &[&used, &memory("64.0 MiB"), "1 would be hooked: c0", &tried(50001)])?;

    let environment = |command: &mut Command| {
        command.env("OTEL_FLOW_EXPORTER_CONFIG", &path);
        command.env("OTEL_FLOW_EXPORTER_MEMORY", "65MiB").env("OTEL_FLOW_EXPORTER_INTERFACES", "lo");
        command.env("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://127.0.0.1:50002");
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:50002");
    };
    let by_variable = checked(&pair, environment)?;
    assert_says(&by_variable, &[&used, &memory("65.0 MiB"), "1 would be hooked: lo", &tried(50002)])?;
    let switched = checked(&pair, |command| {
        environment(command);
        command.env("OTEL_FLOW_EXPORTER_INTERFACES", "l*").env("OTEL_FLOW_EXPORTER_LOOPBACK", "false");
    })?;
    assert_says(&switched, &["none of this network namespace would be hooked"])?;

    let by_flag = checked(&pair, |command| {
        environment(command);
        command.args(["--memory", "66MiB", "--interface", "c*", "--otlp-endpoint", "http://127.0.0.1:50003"]);
    })?;
    assert_says(&by_flag, &[&memory("66.0 MiB"), "1 would be hooked: c0", &tried(50003)])?;

    let empty = checked(&pair, |command| {
        command.env("OTEL_FLOW_EXPORTER_CONFIG", &path);
        for name in
            ["OTEL_FLOW_EXPORTER_MEMORY", "OTEL_FLOW_EXPORTER_INTERFACES", "OTEL_EXPORTER_OTLP_ENDPOINT"]
        {
            command.env(name, " ");
        }
    })?;
    assert_says(&empty, &[&memory("64.0 MiB"), "1 would be hooked: c0", &tried(50001)])?;

    // The file's own name is a flag before a variable, too.
    let (_other_folder, other) = file("memory: 67MiB\notlp: {endpoint: 'http://127.0.0.1:50004'}")?;
    for after in [true, false] {
        let mut command = command(&pair.client, &[]);
        command.env("OTEL_FLOW_EXPORTER_CONFIG", &path);
        let config = ["--config".as_ref(), other.as_os_str()];
        if after {
            command.arg("check").args(config)
        } else {
            command.args(config).arg("check")
        };
        assert_says(&output(&mut command)?, &[&memory("67.0 MiB"), &tried(50004)])?;
    }
    Ok(())
}

/// What a file says is followed, and its secrets stay in it.
pub(crate) fn delivers() -> Result<()> {
    const SECRET: &str = "Basic c2VjcmV0";
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let text = format!(
        "interface: [s0]\ninterval: 500ms\notlp:\n  endpoint: {HTTP}\n  protocol: http/protobuf\n  compression: zstd\n  \
         headers: {{authorization: {SECRET}}}\n  metrics: {{exporter: none}}\nresource:\n  service-name: by-file\n"
    );
    let (_folder, path) = file(&text)?;
    let collector = Collector::start(&pair.server, out.path())?;
    let mut command = command(&pair.server, &["run", "--config"]);
    command.arg(&path).env("RUST_LOG", "trace");
    let program = Program::start(command)?;
    datagrams(&pair)?;
    let ended = program.stop()?;
    ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
    ensure!(ended.stderr.contains(&path.display().to_string()), "it says which file: {}", ended.stderr);
    ensure!(!ended.stderr.contains("c2VjcmV0"), "a secret is in the log: {}", ended.stderr);
    let requests = received(collector, out.path())?;
    let resource = attributes(&requests[0]["resourceLogs"][0]["resource"])?;
    ensure!(resource["service.name"] == "by-file", "{resource:?}");
    ensure!(!out.path().join("metrics.jsonl").metadata().is_ok_and(|file| file.len() > 0), "metrics came");
    Ok(())
}

/// A wrong file ends every command before it does anything, with a line for each mistake.
pub(crate) fn wrong_file() -> Result<()> {
    let pair = Pair::new()?;
    let (_folder, path) = file("memroy: 1MiB\notlp:\n  timeout: 3\n  headers: secret\n")?;
    for name in ["run", "flows", "check"] {
        let mut command = command(&pair.client, &[name, "--config"]);
        let ended = output(command.arg(&path))?;
        ensure!(ended.status.code() == Some(78) && ended.stdout.is_empty(), "{name}: {}", ended.stderr);
        for part in [
            "agent.yaml:1:1: memroy is no setting; did you mean memory?",
            "agent.yaml:3:12: otlp.timeout is \"3\"",
            "agent.yaml:4:12: otlp.headers takes a mapping",
        ] {
            ensure!(ended.stderr.contains(part), "no {part:?} in {}", ended.stderr);
        }
        ensure!(!ended.stderr.contains("secret"), "{}", ended.stderr);
    }
    let missing = output(&mut command(&pair.client, &["check", "--config", "/nowhere/agent.yaml"]))?;
    ensure!(missing.status.code() == Some(78), "{}", missing.stderr);
    ensure!(
        missing.stderr.contains("/nowhere/agent.yaml") && missing.stderr.contains("--config"),
        "{}",
        missing.stderr
    );
    // What is seen only when all is put together names the place as well.
    let (_folder, path) = file("otlp:\n  endpoint: collector:4318\n")?;
    let mut command = command(&pair.client, &["run", "--config"]);
    let ended = output(command.arg(&path))?;
    ensure!(ended.status.code() == Some(78), "{}", ended.stderr);
    ensure!(
        ended.stderr.contains("agent.yaml:2:13: otlp.endpoint is \"collector:4318\""),
        "{}",
        ended.stderr
    );
    Ok(())
}

/// The first log line says which protocol was chosen: by the port, by the specification's default, by a flag before a variable.
pub(crate) fn protocol() -> Result<()> {
    for (endpoint, variable, flag, expected) in [
        (GRPC, None, None, "grpc"),
        (HTTP, None, None, "http/protobuf"),
        (HTTP, Some("grpc"), Some("http/protobuf"), "http/protobuf"),
        (GRPC, Some("http/protobuf"), Some("grpc"), "grpc"),
    ] {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start(&pair.server, out.path())?;
        let mut command = exporting(&pair, endpoint, "none");
        command.env_remove("OTEL_EXPORTER_OTLP_PROTOCOL");
        command.envs(variable.map(|value| ("OTEL_EXPORTER_OTLP_PROTOCOL", value)));
        command.args(flag.map(|value| format!("--otlp-protocol={value}")));
        let program = Program::start_until(command, "exporting metrics of the agent itself")?;
        datagrams(&pair)?;
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        received(collector, out.path())?;
        let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("exporting ")).collect();
        let all = lines.iter().all(|line| line.contains(&format!(" protocol={expected}")));
        ensure!(lines.len() == 3 && all, "{endpoint}, {variable:?}, {flag:?}: {lines:?}");
    }
    Ok(())
}

/// The variables of the Resource, and what becomes of a list that is none.
pub(crate) fn resource() -> Result<()> {
    for (list, expected) in [("team=blue%20one,host.name=mine", true), ("team=blue,oops", false)] {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start(&pair.server, out.path())?;
        let mut command = exporting(&pair, GRPC, "none");
        command.env("OTEL_SERVICE_NAME", "named").env("OTEL_RESOURCE_ATTRIBUTES", list);
        let program = Program::start(command)?;
        datagrams(&pair)?;
        let ended = program.stop()?;
        ensure!(ended.status.success(), "{}", ended.stderr);
        let requests = received(collector, out.path())?;
        let resource = attributes(&requests[0]["resourceLogs"][0]["resource"])?;
        ensure!(resource["service.name"] == "named", "{resource:?}");
        let team = resource.get("team").and_then(|team| team.as_str());
        ensure!(team == expected.then_some("blue one"), "{resource:?}");
        ensure!((resource["host.name"] == "mine") == expected, "{resource:?}");
        let warned = ended.stderr.contains("OTEL_RESOURCE_ATTRIBUTES is ignored: entry 2");
        ensure!(warned != expected, "{}", ended.stderr);
    }
    Ok(())
}

/// A listener that says nothing is enough to find out where a flag leads: it goes before a variable.
pub(crate) fn flag_before_variable() -> Result<()> {
    let pair = Pair::new()?;
    let out = tempfile::tempdir()?;
    let _elsewhere = pair.server.enter(|| TcpListener::bind("127.0.0.1:50005"))??;
    let collector = Collector::start(&pair.server, out.path())?;
    let mut command = exporting(&pair, "http://127.0.0.1:50005", "gzip");
    command.args(["--otlp-endpoint", GRPC, "--otlp-compression=zstd", "--otlp-timeout=20s"]);
    arrives(&pair, collector, out.path(), Program::start(command)?).map(drop)
}
