//! What records and metrics say of real TCP connections: how long they took to open, and how they failed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use flow_tests::collector::{Collector, GRPC, attributes, list, requests};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use flow_tests::relay::{Exchange, Relay, delayed};
use nix::libc::linger;
use nix::sys::socket::{setsockopt, sockopt};
use semconv::{attribute, metric, value};
use serde_json::Value;

use crate::program::{Program, command};
use crate::topology::{Pair, SERVER};

pub(crate) const PORT: u16 = 7000;
/// Linux sends a SYN or SYN-ACK again after a second, give or take a tick.
const AGAIN: Duration = Duration::from_millis(990);
/// Of a time in whole microseconds, and of a clock that is read before and after.
const ROUNDING: Duration = Duration::from_micros(3);
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);

fn address(host: &str, port: u16) -> Result<SocketAddr> {
    Ok(SocketAddr::new(host.parse()?, port))
}

pub(crate) fn listen(server: &Netns) -> Result<TcpListener> {
    server.enter(|| address(SERVER, PORT).and_then(|address| Ok(TcpListener::bind(address)?)))?
}

pub(crate) fn connect(client: &Netns, port: u16) -> Result<std::io::Result<TcpStream>> {
    let address = address(SERVER, port)?;
    client.enter(|| TcpStream::connect(address))
}

pub(crate) fn seconds(record: &Value, attribute: semconv::Attribute) -> Option<Duration> {
    record[attribute.key].as_f64().map(Duration::from_secs_f64)
}

/// The last record of the connection from a port.
fn of_port(records: &[Value], port: u16) -> Result<&Value> {
    let is_its = |record: &&Value| record[attribute::SOURCE_PORT.key] == port;
    records.iter().rfind(is_its).with_context(|| format!("no record of port {port}: {records:?}"))
}

/// A time is between what was measured around it.
fn ensure_between(time: Duration, (least, most): (Duration, Duration), what: &str) -> Result<()> {
    let is_between = time + ROUNDING >= least && time <= most + ROUNDING;
    ensure!(is_between, "{what}: {time:?}, but between {least:?} and {most:?} by the relay's clock");
    Ok(())
}

/// A handshake, as the relay saw it.
fn exchange(client: &Netns, relay: &Relay) -> Result<(Exchange, TcpStream)> {
    Exchange::of(relay, || Ok(connect(client, PORT)??))
}

pub(crate) fn flows(namespace: &Netns, interface: &str) -> Result<Program> {
    Program::start(command(
        namespace,
        &["flows", "--interface", interface, "--format", "json", "--interval", "200ms"],
    ))
}

/// Before the delay: the part to the server has it.
pub(crate) fn delayed_backend() -> Result<()> {
    for (delay, connections) in [(1, 5), (40, 5), (900, 1), (1_500, 1)] {
        let delay = Duration::from_millis(delay);
        let (client, server, relay) = delayed(delay)?;
        let _listener = listen(&server)?;
        let program = flows(&client, "c0")?;
        let exchanges = (0..connections).map(|_| exchange(&client, &relay)).collect::<Result<Vec<_>>>()?;
        let records = program.stop()?.records()?;
        for (exchange, stream) in &exchanges {
            let record = of_port(&records, stream.local_addr()?.port())?;
            at_the_client(exchange, record, delay).with_context(|| format!("{delay:?}: {record}"))?;
        }
    }
    Ok(())
}

fn at_the_client(exchange: &Exchange, record: &Value, delay: Duration) -> Result<()> {
    let Exchange { begin, syn, syn_ack, ack, syns } = exchange;
    let to_server = (syn_ack.before - syn.taken, ack.taken - *begin);
    ensure!(to_server.0 >= delay, "the relay took {:?}", to_server.0);
    let connect = seconds(record, attribute::NETWORK_TCP_CONNECT_DURATION).context("no time to connect")?;
    ensure_between(connect, to_server, "time to connect")?;
    ensure!(record[attribute::NETWORK_CONNECTION_STATE.key] == value::network_connection_state::ESTABLISHED);
    ensure!(record[attribute::ERROR_TYPE.key].is_null(), "an error");
    let server = seconds(record, attribute::NETWORK_TCP_RTT_SERVER);
    let whole = seconds(record, attribute::NETWORK_TCP_RTT_HANDSHAKE);
    if *syns > 1 {
        ensure!(server.is_none() && whole.is_none(), "a time of {syns} SYNs");
        return Ok(());
    }
    // Nothing was sent again, or it may just have been.
    if to_server.1 < AGAIN {
        ensure!(server.is_some() && whole.is_some(), "no time of a SYN that was sent once");
    }
    if let (Some(server), Some(whole)) = (server, whole) {
        ensure_between(server, to_server, "to the server")?;
        ensure!(whole == connect, "the whole is {whole:?}");
        let client = seconds(record, attribute::NETWORK_TCP_RTT_CLIENT).context("no time to the client")?;
        ensure_between(client, (Duration::ZERO, ack.taken - syn_ack.before), "to the client")?;
        ensure_between(server + client, (whole, whole), "the sum")?;
    }
    Ok(())
}

/// Behind the delay: the part to the client has it.
pub(crate) fn delayed_client() -> Result<()> {
    let delay = Duration::from_millis(40);
    let (client, server, relay) = delayed(delay)?;
    let _listener = listen(&server)?;
    let program = flows(&server, "s0")?;
    let (exchange, stream) = exchange(&client, &relay)?;
    let record = program.stop()?.records()?;
    let record = of_port(&record, stream.local_addr()?.port())?;
    let Exchange { syn, syn_ack, ack, .. } = exchange;
    let most = ack.after - syn.before;
    if most < AGAIN {
        let client = seconds(record, attribute::NETWORK_TCP_RTT_CLIENT).context("no time to the client")?;
        ensure_between(client, (ack.before - syn_ack.taken, most), "to the client")?;
        ensure!(client >= delay, "{client:?}");
        let server = seconds(record, attribute::NETWORK_TCP_RTT_SERVER).context("no time to the server")?;
        ensure_between(server, (Duration::ZERO, syn_ack.taken - syn.before), "to the server")?;
    }
    Ok(())
}

pub(crate) fn refused() -> Result<()> {
    let pair = Pair::new()?;
    let program = flows(&pair.server, "s0")?;
    let error = connect(&pair.client, PORT)?.err().context("somebody listens")?;
    ensure!(error.kind() == ErrorKind::ConnectionRefused, "{error}");
    let records = program.stop()?.records()?;
    let [record] = &*records else { bail!("not one record: {records:?}") };
    ensure!(record[attribute::ERROR_TYPE.key] == value::error_type::REFUSED, "{record}");
    ensure!(record[attribute::NETWORK_CONNECTION_STATE.key] == value::network_connection_state::CLOSED);
    ensure!(record[attribute::NETWORK_TCP_CONNECT_DURATION.key].is_null(), "{record}");
    Ok(())
}

pub(crate) fn reset() -> Result<()> {
    let pair = Pair::new()?;
    let program = flows(&pair.server, "s0")?;
    let listener = listen(&pair.server)?;
    let mut stream = connect(&pair.client, PORT)??;
    let (accepted, _) = listener.accept()?;
    setsockopt(&accepted, sockopt::Linger, &linger { l_onoff: 1, l_linger: 0 })?;
    drop(accepted);
    let error = stream.read(&mut [0]).err().context("no reset")?;
    ensure!(error.kind() == ErrorKind::ConnectionReset, "{error}");
    let records = program.stop()?.records()?;
    let record = of_port(&records, stream.local_addr()?.port())?;
    ensure!(record[attribute::ERROR_TYPE.key] == value::error_type::RESET, "{record}");
    ensure!(record[attribute::NETWORK_CONNECTION_STATE.key] == value::network_connection_state::CLOSED);
    ensure!(record[attribute::NETWORK_TCP_RTT_HANDSHAKE.key].is_number(), "{record}");
    Ok(())
}

pub(crate) fn timed_out() -> Result<()> {
    const NOWHERE: &str = "10.77.1.99";
    let pair = Pair::new()?;
    let mac = pair.server.mac("s0")?;
    pair.client.ip(&format!("neigh replace {NOWHERE} lladdr {mac} dev c0 nud permanent"))?;
    let output = tempfile::NamedTempFile::new()?;
    let arguments = [
        "flows",
        "--interface",
        "s0",
        "--format",
        "json",
        "--interval",
        "200ms",
        "--tcp-idle-timeout",
        "1500ms",
    ];
    let mut command = command(&pair.server, &arguments);
    command.stdout(File::create(output.path())?);
    let program = Program::start(command)?;
    let address = address(NOWHERE, PORT)?;
    // The socket is closed after that, so there are no further SYNs.
    let tried = pair.client.enter(|| TcpStream::connect_timeout(&address, Duration::from_millis(100)))?;
    ensure!(tried.is_err(), "somebody answered");
    let records = || -> Result<Vec<Value>> {
        let text = std::fs::read_to_string(output.path())?;
        // The last line may be a part of one.
        Ok(text.lines().map_while(|line| serde_json::from_str(line).ok()).collect())
    };
    let error = |record: &Value| record[attribute::ERROR_TYPE.key].clone();
    until("the connection fails", PATIENCE, || Ok(records()?.iter().any(|record| !error(record).is_null())))?;
    program.stop()?;
    let records = records()?;
    let (last, others) = records.split_last().context("no record")?;
    ensure!(error(last) == value::error_type::TIMED_OUT, "{last}");
    ensure!(last[attribute::NETWORK_FLOW_END_REASON.key] == value::network_flow_end_reason::IDLE_TIMEOUT);
    ensure!(last[attribute::NETWORK_CONNECTION_STATE.key] == value::network_connection_state::SYN_SENT);
    ensure!(others.iter().all(|record| error(record).is_null()), "{others:?}");
    Ok(())
}

/// Every connection is in one series, and its round trip is one sample, in either form.
pub(crate) fn metrics() -> Result<()> {
    for (aggregation, temporality) in
        [("explicit_bucket_histogram", "cumulative"), ("base2_exponential_bucket_histogram", "delta")]
    {
        let pair = Pair::new()?;
        let out = tempfile::tempdir()?;
        let collector = Collector::start(&pair.server, out.path())?;
        let mut command = command(&pair.server, &["run", "--interface", "s0", "--interval", "300ms"]);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", GRPC).env("OTEL_METRIC_EXPORT_INTERVAL", "200");
        command.env("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", aggregation);
        command.env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", temporality);
        let program = Program::start(command)?;
        let listener = listen(&pair.server)?;
        let mut streams = Vec::new();
        for _ in 0..3 {
            streams.push((connect(&pair.client, PORT)??, listener.accept()?));
            // Over several exports: what is counted once stays so.
            std::thread::sleep(Duration::from_millis(400));
            ensure!(connect(&pair.client, PORT + 1)?.is_err(), "somebody listens");
        }
        let ended = program.stop()?;
        ensure!(ended.status.success() && ended.stderr.contains("balances"), "{}", ended.stderr);
        collector.end()?;
        let requests = requests(&out.path().join("metrics.jsonl"))?;
        let (connections, round_trips) = counted(&requests, temporality == "cumulative")?;
        let expected = [(String::new(), 3), (value::error_type::REFUSED.to_owned(), 3)];
        ensure!(connections == BTreeMap::from(expected), "{aggregation}: {connections:?}");
        ensure!(round_trips == 3, "{aggregation}: {round_trips} round trips");
    }
    Ok(())
}

/// Connections by error, and round trips: of cumulative series the last point of each.
fn counted(requests: &[Value], is_cumulative: bool) -> Result<(BTreeMap<String, u64>, u64)> {
    let mut points = BTreeMap::new();
    let all = requests
        .iter()
        .flat_map(|request| list(&request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]));
    // Not those of the agent itself.
    let of_flows =
        |metric: &&Value| metric["name"].as_str().is_some_and(|name| name.starts_with("network.flow."));
    for metric in all.filter(of_flows) {
        let data = ["sum", "histogram", "exponentialHistogram"].map(|kind| &metric[kind]);
        let data = data.into_iter().find(|data| !data.is_null()).context("a metric without points")?;
        for point in list(&data["dataPoints"]) {
            let error = attributes(point)?
                .get(attribute::ERROR_TYPE.key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let count =
                [&point["asInt"], &point["count"]].into_iter().find_map(Value::as_str).context("a count")?;
            let text = |key: &str| point[key].as_str().unwrap_or_default().to_owned();
            let end = if is_cumulative { String::new() } else { text("timeUnixNano") };
            let name = metric["name"].as_str().unwrap_or_default();
            points.insert((name, error, text("startTimeUnixNano"), end), count.parse::<u64>()?);
            if name == metric::NETWORK_FLOW_TCP_RTT_DURATION.name {
                check_round_trips(point)?;
            }
        }
    }
    let mut connections = BTreeMap::new();
    let mut round_trips = 0;
    for ((name, error, ..), count) in points {
        if name == metric::NETWORK_FLOW_TCP_CONNECTION_COUNT.name {
            *connections.entry(error).or_default() += count;
        } else if name == metric::NETWORK_FLOW_TCP_RTT_DURATION.name {
            round_trips += count;
        }
    }
    Ok((connections, round_trips))
}

/// What a histogram's point says agrees with itself.
fn check_round_trips(point: &Value) -> Result<()> {
    let count = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let buckets = match &point["bucketCounts"] {
        Value::Null => &point["positive"]["bucketCounts"],
        explicit => explicit,
    };
    let in_buckets: u64 = list(buckets).map(count).sum();
    ensure!(in_buckets + count(&point["zeroCount"]) == count(&point["count"]), "{point}");
    let [sum, min, max] = ["sum", "min", "max"].map(|key| point[key].as_f64().unwrap_or_default());
    ensure!(min <= max && max <= sum && sum > 0.0, "{point}");
    Ok(())
}
