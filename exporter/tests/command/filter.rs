//! What the user does not want to see is neither a flow nor a loss, and is in the balance.

use std::net::UdpSocket;

use anyhow::{Result, ensure};
use flow_tests::traffic::{address, stream};
use serde_json::Value;

use crate::program::{Ended, Program, Sums, command, sum};
use crate::topology::{CLIENT, CLIENT_V6, FAR_SERVER, Pair, Routed, SERVER, SERVER_V6};

const PAYLOAD: usize = 58;

/// Datagrams to a port of the server, and as many back as are wanted.
fn exchange(pair: &Pair, (client, server): (&str, &str), port: u16, asked: u32, answered: u32) -> Result<()> {
    let answering = pair.server.enter(|| UdpSocket::bind(address(server, port)))??;
    let asking = pair.client.enter(|| UdpSocket::bind(address(client, 50_001)))??;
    asking.connect(address(server, port))?;
    answering.connect(address(client, 50_001))?;
    let mut buffer = [0; 200];
    for number in 0..asked {
        asking.send(&[0; PAYLOAD])?;
        answering.recv(&mut buffer)?;
        if number < answered {
            answering.send(&[0; PAYLOAD])?;
            asking.recv(&mut buffer)?;
        }
    }
    Ok(())
}

/// The one flow that is seen is the one to this port.
fn assert_only(ended: &Ended, port: u16, asked: u64, answered: u64) -> Result<()> {
    let records = ended.records()?;
    ensure!(
        !records.is_empty() && records.iter().all(|record| record["destination.port"] == port),
        "{records:?}"
    );
    let packets = |sums: Sums| (sums.source.packets, sums.destination.packets);
    let is = packets(sum(&records, |_: &Value| true));
    ensure!(is == (asked, answered), "{is:?} packets: {records:?}");
    Ok(())
}

/// Asserts the line of totals: all that was seen, and where it is.
fn assert_balance(ended: &Ended, filtered: u64, delivered: u64) -> Result<()> {
    let columns = [ended.total("seen")?, ended.total("filtered")?, ended.total("delivered")?];
    ensure!(columns == [filtered + delivered, filtered, delivered], "{}", ended.stderr);
    ensure!(ended.stderr.contains("balances: every packet"), "{}", ended.stderr);
    Ok(())
}

/// A rule takes requests and replies, and nothing of another conversation.
pub(crate) fn both_directions() -> Result<()> {
    let pair = Pair::new()?;
    let v4 = (CLIENT, SERVER);
    for rules in ["reject udp port 53000", "accept 10.77.1.0/24 <-> 10.77.1.0/31 port 54000; reject"] {
        let ended = two_conversations(&pair, v4, rules)?;
        assert_balance(&ended, 65, 10)?;
    }
    // Where there is IPv6, the kernel says something by itself, too.
    let rules = "reject fd00:77::/64 <-> fd00:77::2 port 52000-53999; accept udp; reject";
    let ended = two_conversations(&Pair::with_ipv6()?, (CLIENT_V6, SERVER_V6), rules)?;
    let filtered = ended.total("filtered")?;
    ensure!(filtered >= 65, "{filtered} of 65: {}", ended.stderr);
    assert_balance(&ended, filtered, 10)
}

/// One with 65 packets at port 53000, and one with 10 at 54000, which is seen.
fn two_conversations(pair: &Pair, hosts: (&str, &str), rules: &str) -> Result<Ended> {
    let arguments = ["flows", "--interface", "s0", "--format", "json", "--filter", rules];
    let program = Program::start(command(&pair.server, &arguments))?;
    exchange(pair, hosts, 53_000, 40, 25)?;
    exchange(pair, hosts, 54_000, 7, 3)?;
    let ended = program.stop()?;
    assert_only(&ended, 54_000, 7, 3)?;
    Ok(ended)
}

/// What the kernel has put together counts as it was on the wire, also where it is left out.
pub(crate) fn stream_is_left_out() -> Result<()> {
    let routed = Routed::new()?;
    for (namespace, interface) in [(&routed.router, "rs"), (&routed.server, "s0")] {
        namespace.run(&["ethtool", "-K", interface, "tso", "off", "gso", "off", "gro", "off"])?;
    }
    // A window that the backlog of a virtual interface holds: nothing is dropped between the hook and the counters.
    routed.server.run(&["sysctl", "-qw", "net.ipv4.tcp_rmem=4096 65536 65536"])?;
    let arguments = ["flows", "--interface", "rc", "--format", "json", "--filter", "reject tcp port 7000"];
    let program = Program::start(command(&routed.router, &arguments))?;
    stream(&routed.client, &routed.server, FAR_SERVER, 5 << 20)?;
    let ended = program.stop()?;
    let wire = routed.server.counters("s0")?;
    ensure!(ended.records()?.is_empty(), "{}", ended.stdout);
    assert_balance(&ended, (wire.received + wire.sent).packets, 0)?;
    let aggregated = routed.router.counters("rc")?;
    ensure!(
        aggregated.received.packets * 4 < wire.received.packets,
        "the stream was not aggregated at the hook"
    );
    Ok(())
}

/// As many rules as a configuration of some size has, from the environment, a line for each.
pub(crate) fn many_rules() -> Result<()> {
    let pair = Pair::new()?;
    let others = (55_000..55_062).map(|port| format!("reject udp {SERVER} port {port}"));
    let rules: Vec<String> = others.chain(["accept udp port 54000".into(), "reject".into()]).collect();
    ensure!(rules.len() == 64);
    let mut command = command(&pair.server, &["flows", "--interface", "s0", "--format", "json"]);
    command.env("OTEL_FLOW_EXPORTER_FILTER", rules.join("\n"));
    let program = Program::start(command)?;
    for port in [53_000, 55_000, 55_061] {
        exchange(&pair, (CLIENT, SERVER), port, 5, 5)?;
    }
    exchange(&pair, (CLIENT, SERVER), 54_000, 7, 3)?;
    let ended = program.stop()?;
    assert_only(&ended, 54_000, 7, 3)?;
    assert_balance(&ended, 30, 10)
}
