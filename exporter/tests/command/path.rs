//! A packet that crosses several hooks counts once, and its record says which.

use std::net::UdpSocket;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::program::{Ended, Program, command};
use crate::topology::{CLIENT, FAR_SERVER, Pair, Routed, SERVER};

pub(crate) const ASKED: u64 = 100;
pub(crate) const ANSWERED: u64 = 50;
const PAYLOAD: usize = 58;
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
