//! Of a sample, the flows are chosen by a rule, each is there in both directions, and the rest is in the balance.

use std::collections::BTreeSet;
use std::net::UdpSocket;

use anyhow::{Context, Result, ensure};
use flow_tests::sample::is_chosen;
use flow_tests::traffic::address;
use semconv::attribute;
use serde_json::{Value, json};

use crate::program::{Program, command, run};
use crate::topology::{CLIENT, CLIENT_V6, Pair, SERVER, SERVER_V6};

/// Of the server.
const PORT: u16 = 60_000;
/// Of clients.
const PORTS: std::ops::Range<u16> = 50_000..50_200;
const RATE: u32 = 4;
/// UDP.
const PROTOCOL: u8 = 17;

/// Two datagrams of each client, and one back.
fn exchange(pair: &Pair, (client, server): (&str, &str)) -> Result<()> {
    let answering = pair.server.enter(|| UdpSocket::bind(address(server, PORT)))??;
    let asking: Vec<_> = pair.client.enter(|| -> std::io::Result<Vec<_>> {
        PORTS.map(|port| UdpSocket::bind(address(client, port))).collect()
    })??;
    let mut buffer = [0; 100];
    for socket in asking {
        socket.connect(address(server, PORT))?;
        for _ in 0..2 {
            socket.send(&[7; 58])?;
            answering.recv(&mut buffer)?;
        }
        answering.send_to(&[7; 58], socket.local_addr()?)?;
        socket.recv(&mut buffer)?;
    }
    Ok(())
}

/// The very flows that the rule chooses, whole, over both versions of IP; and all packets of the others in the balance.
pub(crate) fn chosen() -> Result<()> {
    let pair = Pair::with_ipv6()?;
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--interval", "1h"];
    let mut command = command(&pair.server, &arguments);
    command.env("OTEL_FLOW_EXPORTER_SAMPLE", RATE.to_string());
    // Where there is IPv6, the kernel says something by itself, too.
    command.args(["--filter", "accept udp port 60000; reject"]);
    let program = Program::start(command)?;
    let mut expected = BTreeSet::new();
    for hosts in [(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)] {
        exchange(&pair, hosts)?;
        for port in PORTS {
            let [client, server] = [hosts.0.parse()?, hosts.1.parse()?];
            if is_chosen((client, Some(port)), (server, Some(PORT)), PROTOCOL, RATE) {
                expected.insert((hosts.0.to_owned(), u64::from(port)));
            }
        }
    }
    let ended = program.stop()?;
    let mut found = BTreeSet::new();
    for record in ended.records()? {
        let text = |attribute: semconv::Attribute| record[attribute.key].as_str().map(str::to_owned);
        let port = record[attribute::SOURCE_PORT.key].as_u64().context("a port")?;
        let is_new = found.insert((text(attribute::SOURCE_ADDRESS).context("an address")?, port));
        let says = [
            (attribute::NETWORK_FLOW_SAMPLING_RATE, json!(RATE)),
            (attribute::SOURCE_PACKETS, json!(2)),
            (attribute::DESTINATION_PACKETS, json!(1)),
        ];
        ensure!(is_new && says.iter().all(|(key, value)| record[key.key] == *value), "{record}");
    }
    ensure!(found == expected, "{found:?} instead of {expected:?}");
    let flows = 2 * u64::try_from(PORTS.len())?;
    let chosen = u64::try_from(expected.len())?;
    // No estimate is exact, and this one is the same each time.
    ensure!((flows * 3 / 4..flows * 5 / 4).contains(&(chosen * u64::from(RATE))), "{chosen} of {flows}");
    let columns = ["sampled out", "delivered"].map(|column| ended.total(column));
    let [sampled_out, delivered] = columns;
    ensure!((sampled_out?, delivered?) == (3 * (flows - chosen), 3 * chosen), "{}", ended.stderr);
    ensure!(ended.stderr.contains("balances: every packet"), "{}", ended.stderr);
    Ok(())
}

/// All flows are one in one, and say nothing of it; one in none is nothing that can be meant.
pub(crate) fn none() -> Result<()> {
    let pair = Pair::new()?;
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--sample", "1"];
    let program = Program::start(command(&pair.server, &arguments))?;
    exchange(&pair, (CLIENT, SERVER))?;
    let ended = program.stop()?;
    let records = ended.records()?;
    let is_marked = |record: &Value| !record[attribute::NETWORK_FLOW_SAMPLING_RATE.key].is_null();
    ensure!(records.len() >= PORTS.len() && !records.iter().any(is_marked), "{records:?}");
    ensure!(ended.total("sampled out")? == 0, "{}", ended.stderr);
    let wrong = run(&pair.server, &["flows", "--sample", "0"])?;
    ensure!(wrong.status.code() == Some(64) && wrong.stderr.contains("--sample"), "{}", wrong.stderr);
    Ok(())
}
