//! Exit codes of sysexits.h, each with one sentence that names cause and remedy.

use std::net::{TcpListener, UdpSocket};

use anyhow::{Context, Result, bail, ensure};

use crate::program::{Ended, Program, command, command_through, output, run};
use crate::topology::{CLIENT, Pair, SERVER};

fn assert_exit(ended: &Ended, code: i32, words: &[&str]) -> Result<()> {
    ensure!(ended.status.code() == Some(code), "exit {}: {}", ended.status, ended.stderr);
    for word in words {
        ensure!(ended.stderr.contains(word), "no {word:?} in: {}", ended.stderr);
    }
    ensure!(ended.stdout.is_empty(), "stdout: {}", ended.stdout);
    Ok(())
}

pub(crate) fn usage() -> Result<()> {
    let pair = Pair::new()?;
    assert_exit(&run(&pair.client, &["flows", "--format", "xml"])?, 64, &["--format", "json"])?;
    assert_exit(&run(&pair.client, &["flows", "--columns", "source.adress"])?, 64, &["source.address"])?;
    assert_exit(&run(&pair.client, &["flows", "--duration", "10"])?, 64, &["unit"])?;
    assert_exit(&run(&pair.client, &["flows", "--interface", "eth["])?, 64, &["--interface"])?;
    for command in ["run", "flows", "check"] {
        let ended = run(&pair.client, &[command, "--filter", "accept icmp; reject upd port 53"])?;
        assert_exit(&ended, 64, &["--filter", "rule 2", "`reject upd port 53`", "`upd`", "a protocol"])?;
    }
    Ok(())
}

pub(crate) fn configuration() -> Result<()> {
    let pair = Pair::new()?;
    assert_exit(&run(&pair.client, &["run", "--memory", "1MiB"])?, 78, &["--memory"])?;
    assert_exit(&run(&pair.client, &["run", "--memory", "1024TiB"])?, 78, &["less than", "lower --memory"])?;
    let with_endpoint =
        |endpoint| output(command(&pair.client, &["run"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
    assert_exit(&with_endpoint("collector:4318")?, 78, &["OTEL_EXPORTER_OTLP_ENDPOINT", "http://"])?;
    let mut json = command(&pair.client, &["run"]);
    json.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    json.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    assert_exit(&output(&mut json)?, 78, &["OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"])?;
    let mut tls = command(&pair.client, &["run"]);
    tls.env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4317");
    tls.env("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem");
    assert_exit(&output(&mut tls)?, 78, &["/nowhere/ca.pem"])?;
    let mut logging = command(&pair.client, &["check"]);
    assert_exit(&output(logging.env("RUST_LOG", "flows=loud"))?, 78, &["RUST_LOG", "flows=loud"])
}

/// Where nothing is to be exported, nothing is observed, and the process stays for its supervisor.
pub(crate) fn disabled() -> Result<()> {
    let pair = Pair::new()?;
    for (name, value) in [("OTEL_SDK_DISABLED", "true"), ("OTEL_LOGS_EXPORTER", "none")] {
        let mut command = command(&pair.client, &["run"]);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318").env(name, value);
        command.env("OTEL_METRICS_EXPORTER", "none");
        let ended = Program::start_until(command, "nothing is observed")?.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains(name), "{}", ended.stderr);
    }
    Ok(())
}

/// An empty variable is the same as none, and the entries of a list have no spaces around them.
pub(crate) fn variables() -> Result<()> {
    let pair = Pair::new()?;
    let mut command = command(&pair.client, &["flows", "--duration", "10ms"]);
    for name in ["MEMORY", "LOOPBACK", "ATTACH", "IDLE_TIMEOUT", "TCP_IDLE_TIMEOUT", "EXCLUDE_INTERFACES"] {
        command.env(format!("OTEL_FLOW_EXPORTER_{name}"), "");
    }
    command.env("RUST_LOG", "").env("OTEL_FLOW_EXPORTER_INTERFACES", "eth9, c0");
    let ended = output(&mut command)?;
    ensure!(ended.status.success() && ended.stderr.contains("1 interface: c0"), "{}", ended.stderr);
    Ok(())
}

pub(crate) fn privilege() -> Result<()> {
    let pair = Pair::new()?;
    let nothing = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"];
    let mut command = command_through(&pair.client, &nothing, &["flows"]);
    assert_exit(&output(&mut command)?, 77, &["CAP_BPF", "CAP_NET_ADMIN", "root"])
}

/// Two signals at once are one wish.
pub(crate) fn signals_at_once() -> Result<()> {
    let pair = Pair::new()?;
    for command_line in [&["flows"][..], &["run"]] {
        let program = Program::start(command(&pair.client, command_line))?;
        program.terminate_twice()?;
        let ended = program.wait()?;
        ensure!(ended.status.success(), "{command_line:?}: exit {}: {}", ended.status, ended.stderr);
        ensure!(ended.stderr.contains("balances: every packet"), "{command_line:?}: {}", ended.stderr);
    }
    Ok(())
}

pub(crate) fn closed_pipe() -> Result<()> {
    let pair = Pair::new()?;
    let mut program =
        Program::start(command(&pair.server, &["flows", "--format", "json", "--interval", "100ms"]))?;
    program.close_stdout();
    let sending = pair.client.enter(|| UdpSocket::bind((CLIENT, 5000)))??;
    sending.send_to(&[0; 10], (SERVER, 6000))?;
    program.wait_end()?;
    let ended = program.wait()?;
    ensure!(ended.status.success(), "exit {}: {}", ended.status, ended.stderr);
    ensure!(ended.delivered()? == 0, "delivered to nobody: {}", ended.stderr);
    Ok(())
}

pub(crate) fn instance() -> Result<()> {
    let pair = Pair::new()?;
    let _first = Program::start(command(&pair.client, &["run"]))?;
    assert_exit(&run(&pair.client, &["run"])?, 69, &["default", "--instance"])?;
    let second = Program::start(command(&pair.client, &["run", "--instance", "second"]))?;
    ensure!(second.stop()?.status.success(), "an instance of another name");
    Ok(())
}

pub(crate) fn listener() -> Result<()> {
    let pair = Pair::new()?;
    let _taken = pair.client.enter(|| TcpListener::bind("127.0.0.1:9464"))??;
    let listen = |address| run(&pair.client, &["run", "--listen", address]);
    assert_exit(&listen("127.0.0.1:9464")?, 69, &["127.0.0.1:9464", "--listen"])?;
    assert_exit(&listen("10.77.9.9:9464")?, 78, &["10.77.9.9:9464", "--listen"])?;
    assert_exit(&listen("localhost:9464")?, 64, &["--listen", "127.0.0.1:9464"])
}

/// The version with the commit that it was built of.
pub(crate) fn version() -> Result<()> {
    let pair = Pair::new()?;
    let ended = run(&pair.client, &["--version"])?;
    ensure!(ended.status.success(), "{}", ended.stderr);
    let words: Vec<_> = ended.stdout.split_whitespace().collect();
    let [name, version, commit] = words[..] else { bail!("{}", ended.stdout) };
    ensure!((name, version) == ("otel-flow-exporter", env!("CARGO_PKG_VERSION")), "{}", ended.stdout);
    let commit = commit.strip_prefix('(').and_then(|commit| commit.strip_suffix(')')).context("a commit")?;
    ensure!(commit.len() >= 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{commit}");
    Ok(())
}

pub(crate) fn check() -> Result<()> {
    let pair = Pair::new()?;
    let ended = run(&pair.client, &["check"])?;
    ensure!(ended.status.success(), "{}{}", ended.stdout, ended.stderr);
    ensure!(ended.stdout.contains("c0"), "the interface is named: {}", ended.stdout);
    Ok(())
}
