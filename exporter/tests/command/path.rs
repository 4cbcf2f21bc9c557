//! A packet that crosses several hooks counts once, and its record says which.

use std::io::{Read, Seek, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use serde_json::{Value, json};

use crate::program::{Ended, Program, command};
use crate::topology::{CLIENT, FAR_SERVER, Pair, Routed, SERVER};

pub(crate) const ASKED: u64 = 100;
pub(crate) const ANSWERED: u64 = 50;
const PAYLOAD: usize = 58;
/// In seconds.
const NANOSECOND: f64 = 1e-9;
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const FRAME: u64 = 14 + 20 + 8 + PAYLOAD as u64;

/// 100 datagrams one way, 50 back.
pub(crate) fn exchange(asking: &UdpSocket, answering: &UdpSocket) -> Result<()> {
    answering.connect(asking.local_addr()?)?;
    asking.connect(answering.local_addr()?)?;
    let mut buffer = [0; 200];
    for number in 0..ASKED {
        asking.send(&[0; PAYLOAD])?;
        answering.recv(&mut buffer)?;
        if number % 2 == 0 {
            answering.send(&[0; PAYLOAD])?;
            asking.recv(&mut buffer)?;
        }
    }
    Ok(())
}

/// The flow's only record. The program has run for less than an interval.
pub(crate) fn record(ended: &Ended) -> Result<Value> {
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let records = ended.records()?;
    let [record] = &records[..] else { anyhow::bail!("not one record: {records:?}") };
    let counts = ["source.packets", "source.bytes", "destination.packets", "destination.bytes"]
        .map(|key| &record[key]);
    ensure!(
        counts == [&json!(ASKED), &json!(ASKED * FRAME), &json!(ANSWERED), &json!(ANSWERED * FRAME)],
        "{record}"
    );
    Ok(record.clone())
}

pub(crate) fn path(record: &Value, name: &str) -> Value {
    record[format!("network.flow.path.{name}")].clone()
}

pub(crate) fn through_a_router() -> Result<()> {
    let routed = Routed::new()?;
    let program =
        Program::start(command(&routed.router, &["flows", "--format", "json", "--interval", "1h"]))?;
    let answering = routed.server.enter(|| UdpSocket::bind((FAR_SERVER, 6000)))??;
    let asking = routed.client.enter(|| UdpSocket::bind((CLIENT, 5000)))??;
    exchange(&asking, &answering)?;
    let record = record(&program.stop()?)?;
    ensure!(record["network.interface.name"] == "rc", "{record}");
    ensure!(path(&record, "interface.name") == json!(["rc", "rs", "rs", "rc"]), "{record}");
    ensure!(
        path(&record, "interface.direction") == json!(["ingress", "egress", "ingress", "egress"]),
        "{record}"
    );
    ensure!(path(&record, "direction") == json!(["forward", "forward", "reverse", "reverse"]), "{record}");
    ensure!(path(&record, "packets") == json!([ASKED, ASKED, ANSWERED, ANSWERED]), "{record}");
    ensure!(path(&record, "bytes")[1] == ASKED * FRAME, "{record}");
    let mac = |mac: &str| mac.to_uppercase().replace(':', "-");
    let [client, server] = [routed.client.mac("c0")?, routed.server.mac("s0")?].map(|address| mac(&address));
    let [near, far] = [routed.router.mac("rc")?, routed.router.mac("rs")?].map(|address| mac(&address));
    ensure!(path(&record, "source.mac") == json!([&client, &far, &server, &near]), "{record}");
    ensure!(path(&record, "destination.mac") == json!([&near, &server, &far, &client]), "{record}");
    let delays: Vec<f64> = serde_json::from_value(path(&record, "delay")).context("delays")?;
    let [0.0, there, 0.0, back] = delays[..] else { anyhow::bail!("{record}") };
    ensure!(there > 0.0 && back > 0.0, "{record}");
    // The first packet begins the flow; the first answer comes behind it, and its hops later still.
    let offsets: Vec<f64> = serde_json::from_value(path(&record, "start_offset")).context("offsets")?;
    let [0.0, forwarded, answered, returned] = offsets[..] else { anyhow::bail!("{record}") };
    ensure!((forwarded - there).abs() < NANOSECOND && answered > forwarded, "{record}");
    ensure!((returned - answered - back).abs() < NANOSECOND, "{record}");
    let duration = record["network.flow.duration"].as_f64().context("a duration")?;
    ensure!(returned <= duration, "{record}");
    Ok(())
}

/// What a bridge hands up to its host passes the port and the bridge; the port, which is nearer to the other end, accounts.
pub(crate) fn over_a_bridge() -> Result<()> {
    let pair = Pair::new()?;
    for command in [
        "link add br0 type bridge",
        "addr flush dev s0",
        "link set s0 master br0",
        "link set br0 up",
        "addr add 10.77.1.2/24 dev br0",
    ] {
        pair.server.ip(command)?;
    }
    let mac = pair.server.mac("br0")?;
    pair.client.ip(&format!("neigh replace {SERVER} lladdr {mac} dev c0 nud permanent"))?;
    pair.server
        .ip(&format!("neigh replace {CLIENT} lladdr {} dev br0 nud permanent", pair.client.mac("c0")?))?;
    let arguments = ["flows", "--format", "json", "--interval", "1h"];
    let program = Program::start(command(&pair.server, &arguments))?;
    let answering = pair.server.enter(|| UdpSocket::bind((SERVER, 6000)))??;
    let asking = pair.client.enter(|| UdpSocket::bind((CLIENT, 5000)))??;
    exchange(&asking, &answering)?;
    let record = record(&program.stop()?)?;
    ensure!(record["network.interface.name"] == "s0", "{record}");
    ensure!(path(&record, "interface.name") == json!(["s0", "br0", "br0", "s0"]), "{record}");
    ensure!(path(&record, "packets") == json!([ASKED, ASKED, ANSWERED, ANSWERED]), "{record}");
    Ok(())
}

/// What the router does not forward is lost between its hooks, to the packet.
pub(crate) fn loses_some() -> Result<()> {
    const PORT: u16 = 50_020;
    let routed = Routed::new()?;
    for command in [
        "add table ip lossy; add chain ip lossy forward { type filter hook forward priority 0; }",
        "add counter ip lossy there; add counter ip lossy back",
        "add rule ip lossy forward iifname rc ip length > 500 numgen inc mod 7 == 0 counter name there drop",
        "add rule ip lossy forward iifname rs numgen inc mod 11 == 3 counter name back drop",
    ] {
        routed.router.run(&["nft", command])?;
    }
    // The router's rules and counters see what was on the wire, and not several segments as one packet.
    for (namespace, interface) in
        [(&routed.client, "c0"), (&routed.router, "rc"), (&routed.router, "rs"), (&routed.server, "s0")]
    {
        namespace.run(&["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off"])?;
    }
    let mut output = tempfile::NamedTempFile::new()?;
    let mut command = command(&routed.router, &["flows", "--format", "json", "--interval", "1h"]);
    command.stdout(output.reopen()?);
    let program = Program::start(command)?;
    converse(&routed, PORT)?;
    // The connection is over: its record comes when nothing more does.
    let mut line = String::new();
    until("the flow ends", PATIENCE, || {
        output.rewind()?;
        line.clear();
        output.read_to_string(&mut line)?;
        Ok(line.ends_with('\n'))
    })?;
    let record: Value = serde_json::from_str(&line)?;
    let dropped = |name: &str| -> Result<u64> {
        let listed = routed.router.run(&["nft", "list", "counter", "ip", "lossy", name])?;
        let words: Vec<&str> = listed.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "packets").context("a counter")?;
        Ok(words[at + 1].parse()?)
    };
    let (there, back) = (dropped("there")?, dropped("back")?);
    ensure!(there > 0 && back > 0, "nothing was dropped");
    ensure!(path(&record, "interface.name") == json!(["rc", "rs", "rs", "rc"]), "{record}");
    ensure!(path(&record, "lost") == json!([0, there, 0, back]), "{there} and {back} dropped: {record}");
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    Ok(())
}

/// A connection that carries much, and is closed by both ends.
fn converse(routed: &Routed, port: u16) -> Result<()> {
    const BYTES: usize = 200_000;
    let listener = routed.server.enter(|| TcpListener::bind((FAR_SERVER, port)))??;
    let mut asking = routed.client.enter(|| TcpStream::connect((FAR_SERVER, port)))??;
    let (mut answering, _) = listener.accept()?;
    std::thread::scope(|scope| -> Result<()> {
        let answers = scope.spawn(move || -> Result<()> {
            answering.read_exact(&mut vec![0; BYTES])?;
            answering.write_all(&vec![0; BYTES])?;
            answering.shutdown(Shutdown::Write)?;
            Ok(answering.read_to_end(&mut Vec::new()).map(drop)?)
        });
        asking.write_all(&vec![0; BYTES])?;
        asking.read_to_end(&mut Vec::new())?;
        asking.shutdown(Shutdown::Write)?;
        answers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub(crate) fn left_out() -> Result<()> {
    let routed = Routed::new()?;
    let arguments = ["flows", "--format", "json", "--interval", "1h", "--path=false"];
    let program = Program::start(command(&routed.router, &arguments))?;
    let answering = routed.server.enter(|| UdpSocket::bind((FAR_SERVER, 6000)))??;
    let asking = routed.client.enter(|| UdpSocket::bind((CLIENT, 5000)))??;
    exchange(&asking, &answering)?;
    let record = record(&program.stop()?)?;
    ensure!(path(&record, "interface.name").is_null() && path(&record, "packets").is_null(), "{record}");
    Ok(())
}
