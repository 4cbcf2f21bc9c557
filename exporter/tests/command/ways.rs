//! Packets of a flow that take other ways, turn back, or are copied: each counts once.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use flow_tests::relay::Relay;
use semconv::attribute;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::networks::converse;
use crate::path::{ASKED, exchange, path, record};
use crate::pods::{self, observe};
use crate::program::{Ended, Program, command, printed};
use crate::topology::{CLIENT, FAR_SERVER, Routed, quiet};

const CLIENT_PORT: u16 = 50_000;
const PORT: u16 = 50_001;
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(3);

fn packets(records: &[Value], of: &str) -> u64 {
    records.iter().filter_map(|record| record[of].as_u64()).sum()
}

pub(crate) fn sent(records: &[Value]) -> u64 {
    packets(records, attribute::SOURCE_PACKETS.key)
}

/// `flows` of a namespace, with a record each second, and the file that they are printed into.
pub(crate) fn each_second(namespace: &Netns, arguments: &[&str]) -> Result<(Program, NamedTempFile)> {
    observed(namespace, "1s", arguments)
}

/// `flows` of a namespace, with a record of this interval, and the file that they are printed into.
pub(crate) fn observed(
    namespace: &Netns,
    interval: &str,
    arguments: &[&str],
) -> Result<(Program, NamedTempFile)> {
    let output = NamedTempFile::new()?;
    let flows = ["flows", "--format", "json", "--interval", interval, "--idle-timeout", "1h"];
    let mut command = command(namespace, &[&flows, arguments].concat());
    command.stdout(output.reopen()?);
    Ok((Program::start(command)?, output))
}

/// One record of a flow for all the time that the program runs.
pub(crate) fn at_the_end(namespace: &Netns) -> Result<Program> {
    let flows = ["flows", "--format", "json", "--interval", "1h", "--idle-timeout", "1h"];
    Program::start(command(namespace, &flows))
}

pub(crate) fn all_records(ended: &Ended, output: &NamedTempFile) -> Result<Vec<Value>> {
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    printed(output.as_file())
}

/// Another machine, whose interfaces take what comes from anywhere.
fn far(name: &str) -> Result<Netns> {
    let far = quiet(name)?;
    for of in ["all", "default"] {
        far.run(&["sysctl", "-qw", &format!("net.ipv4.conf.{of}.rp_filter=0")])?;
        far.run(&["sysctl", "-qw", &format!("net.ipv4.conf.{of}.accept_local=1")])?;
    }
    Ok(far)
}

/// A machine sends by one interface, and after a change of its routes by another one.
pub(crate) fn other_route() -> Result<()> {
    const EACH: u64 = 50;
    const THERE: &str = "10.77.200.1";
    let (machine, far) = (quiet("machine")?, far("far")?);
    machine.ip("addr add 10.77.100.1/32 dev lo")?;
    far.ip(&format!("addr add {THERE}/32 dev lo"))?;
    for number in [1, 2] {
        let near = (&*format!("p{number}"), &*format!("10.77.{number}.1/24"));
        let other = (&*format!("q{number}"), &*format!("10.77.{number}.2/24"));
        machine.connect(near, &far, other)?;
        let mac = far.mac(other.0)?;
        machine.ip(&format!("neigh replace 10.77.{number}.2 lladdr {mac} dev {} nud permanent", near.0))?;
    }
    machine.ip(&format!("route add {THERE} via 10.77.1.2"))?;
    let (program, output) = each_second(&machine, &[])?;
    let _receiving = far.enter(|| UdpSocket::bind((THERE, PORT)))??;
    let sending = machine.enter(|| UdpSocket::bind(("10.77.100.1", CLIENT_PORT)))??;
    let send = || (0..EACH).try_for_each(|_| sending.send_to(&[0; 50], (THERE, PORT)).map(drop));
    send()?;
    until("a record of the first way", PATIENCE, || Ok(sent(&printed(output.as_file())?) == EACH))?;
    machine.ip(&format!("route replace {THERE} via 10.77.2.2"))?;
    send()?;
    until("a record of the second way", PATIENCE, || Ok(sent(&printed(output.as_file())?) == 2 * EACH))?;
    // And back, with packets of both ways in one record.
    send()?;
    machine.ip(&format!("route replace {THERE} via 10.77.1.2"))?;
    send()?;
    let records = all_records(&program.stop()?, &output)?;
    ensure!(sent(&records) == 4 * EACH, "{} of {}: {records:?}", sent(&records), 4 * EACH);
    Ok(())
}

/// A hook goes and comes back while packets flow, one at a time.
pub(crate) fn hook_that_returns() -> Result<()> {
    let routed = Routed::new()?;
    let (program, output) = each_second(&routed.router, &["--exclude-interface", "no*"])?;
    let receiving = routed.server.enter(|| UdpSocket::bind((FAR_SERVER, PORT)))??;
    let sending = routed.client.enter(|| UdpSocket::bind((CLIENT, CLIENT_PORT)))??;
    sending.connect((FAR_SERVER, PORT))?;
    let (mut count, mut buffer) = (0, [0; 100]);
    let mut send_until = |what: &str, is_it: &dyn Fn(&Value) -> bool| {
        let before = printed(output.as_file())?.len();
        until(what, PATIENCE, || {
            for _ in 0..20 {
                sending.send(&[0; 50])?;
                receiving.recv(&mut buffer)?;
                count += 1;
            }
            Ok(printed(output.as_file())?.iter().skip(before).any(is_it))
        })
    };
    let names = |record: &Value| path(record, "interface.name");
    send_until("a record of both hooks", &|record| names(record) == json!(["rc", "rs"]))?;
    routed.router.ip("link set rc name no1")?;
    send_until("a record of one hook", &|record| names(record).is_null())?;
    routed.router.ip("link set no1 name rc")?;
    send_until("a record of both hooks again", &|record| names(record) == json!(["rc", "rs"]))?;
    let records = all_records(&program.stop()?, &output)?;
    ensure!(sent(&records) == count, "{} of {count}: {records:?}", sent(&records));
    Ok(())
}

/// Connects a pod to a switch of the machine.
pub(crate) fn plug(
    machine: &Netns,
    (switch, port): (&str, &str),
    pod: &Netns,
    (name, address): (&str, &str),
) -> Result<()> {
    machine.ip(&format!("link add {port} type veth peer name {name} netns {}", pod.name()))?;
    machine.ip(&format!("link set {port} master {switch} up"))?;
    pod.ip(&format!("addr add {address}/24 brd + dev {name}"))?;
    pod.ip(&format!("link set {name} up"))?;
    Ok(())
}

pub(crate) fn add_switch(machine: &Netns, name: &str) -> Result<()> {
    machine.ip(&format!("link add {name} type bridge mcast_snooping 0"))?;
    machine.ip(&format!("link set {name} up")).map(drop)
}

/// Neighbours are known, so nobody asks for them.
pub(crate) fn acquaint(pods: [(&Netns, &str, &str); 2]) -> Result<()> {
    for [(pod, name, _), (peer, of_peer, address)] in [pods, [pods[1], pods[0]]] {
        pod.ip(&format!("neigh replace {address} lladdr {} dev {name} nud permanent", peer.mac(of_peer)?))?;
    }
    Ok(())
}

/// Two switches of a machine, and at each of them two pods, which have the same addresses and talk at the same time.
pub(crate) fn two_switches() -> Result<()> {
    const ADDRESSES: [&str; 2] = ["10.77.9.1", "10.77.9.2"];
    const TALKS: [(u64, usize); 2] = [(20, 100), (70, 900)];
    let machine = quiet("machine")?;
    let mut networks = Vec::new();
    for switch in ["bra", "brb"] {
        add_switch(&machine, switch)?;
        let pods = [quiet("client")?, quiet("server")?];
        for (number, (pod, address)) in pods.iter().zip(ADDRESSES).enumerate() {
            plug(&machine, (switch, &format!("{switch}{number}")), pod, ("eth0", address))?;
            // Of a hook in the pod the program speaks, and then it has seen the others.
            pod.ip("link add extra type bridge")?;
        }
        acquaint([(&pods[0], "eth0", ADDRESSES[0]), (&pods[1], "eth0", ADDRESSES[1])])?;
        networks.push(pods);
    }
    let talk_all = || {
        std::thread::scope(|scope| {
            let talk = |(pods, talk): (&[Netns; 2], (u64, usize))| {
                converse((&pods[0], ADDRESSES[0]), (&pods[1], ADDRESSES[1]), talk)
            };
            let talks: Vec<_> =
                networks.iter().zip(TALKS).map(|both| scope.spawn(move || talk((both.0, both.1)))).collect();
            talks
                .into_iter()
                .try_for_each(|talk| talk.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    };
    let counted = |ended: &Ended| -> Result<[u64; 2]> {
        ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
        let of = [attribute::SOURCE_PACKETS, attribute::DESTINATION_PACKETS];
        let records = ended.records()?;
        Ok(of.map(|of| packets(&records, of.key)))
    };
    let [few, many] = TALKS.map(|(datagrams, _)| datagrams);

    // What enters the pods elsewhere is seen.
    let names = ["a0", "a1", "b0", "b1"];
    let shown: Vec<_> =
        networks.iter().flatten().zip(names).map(|(pod, name)| (pod, name, "attached to extra")).collect();
    let program = observe(&machine, pods::flows("1h"), &shown)?;
    talk_all()?;
    let in_all = counted(&program.stop()?)?;
    ensure!(in_all == [few + many; 2], "{in_all:?} of {few} and {many}");

    // It may be one conversation.
    let program = at_the_end(&machine)?;
    talk_all()?;
    for counted in counted(&program.stop()?)? {
        ensure!(counted == few || counted == many, "{counted} of {few} or {many}");
    }
    Ok(())
}

/// A pod at two switches of a machine passes packets from one to the other: they come in to the machine twice.
pub(crate) fn router_between_switches() -> Result<()> {
    let (machine, client, router, server) =
        (quiet("machine")?, quiet("client")?, quiet("router")?, quiet("server")?);
    for switch in ["bra", "brb"] {
        add_switch(&machine, switch)?;
    }
    let (near, far) = ("10.77.1.254", "10.77.2.254");
    plug(&machine, ("bra", "pc"), &client, ("c0", CLIENT))?;
    plug(&machine, ("bra", "pr1"), &router, ("r1", near))?;
    plug(&machine, ("brb", "pr2"), &router, ("r2", far))?;
    plug(&machine, ("brb", "ps"), &server, ("s0", FAR_SERVER))?;
    router.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
    client.ip(&format!("route add default via {near}"))?;
    server.ip(&format!("route add default via {far}"))?;
    acquaint([(&client, "c0", CLIENT), (&router, "r1", near)])?;
    acquaint([(&server, "s0", FAR_SERVER), (&router, "r2", far)])?;
    let program = at_the_end(&machine)?;
    let answering = server.enter(|| UdpSocket::bind((FAR_SERVER, PORT)))??;
    let asking = client.enter(|| UdpSocket::bind((CLIENT, CLIENT_PORT)))??;
    exchange(&asking, &answering)?;
    let record = record(&program.stop()?)?;
    ensure!(path(&record, "packets")[0] == ASKED, "{record}");
    ensure!(record[attribute::NETWORK_INTERFACE_NAME.key] == "pc", "{record}");
    Ok(())
}

/// A pod holds packets up for 40 ms and hands them back, and the machine is read every 5 ms. First they go on at once.
pub(crate) fn held_up() -> Result<()> {
    const EACH: u64 = 200;
    const THERE: &str = "10.77.200.1";
    const HELD: Duration = Duration::from_millis(40);
    let [machine, client, near, beyond, there] =
        [far("machine")?, far("client")?, far("near")?, far("beyond")?, far("there")?];
    machine.ip("addr add 10.77.100.1/32 dev lo")?;
    there.ip(&format!("addr add {THERE}/32 dev lo"))?;
    for (number, (pod, port)) in
        [(&client, "pc"), (&near, "p1"), (&beyond, "p2"), (&there, "p3")].into_iter().enumerate()
    {
        let [at_machine, at_pod] = [1, 2].map(|end| format!("10.77.{number}.{end}/24"));
        pod.connect(("eth0", &at_pod), &machine, (port, &at_machine))?;
        acquaint([
            (pod, "eth0", &at_pod[..at_pod.len() - 3]),
            (&machine, port, &at_machine[..at_machine.len() - 3]),
        ])?;
    }
    for namespace in [&machine, &near, &beyond] {
        namespace.run(&["sysctl", "-qw", "net.ipv4.ip_forward=1"])?;
    }
    let _relay =
        Relay::join([(&near, "slow", "10.77.9.1/24"), (&beyond, "slow", "10.77.9.2/24")], [HELD; 2])?;
    client.ip("route add default via 10.77.0.1")?;
    near.ip(&format!("route add {THERE} via 10.77.9.2"))?;
    beyond.ip(&format!("route add {THERE} via 10.77.2.1"))?;
    machine.ip(&format!("route add {THERE} via 10.77.3.2"))?;
    machine.ip("rule add iif p2 lookup 100")?;
    machine.ip(&format!("route add {THERE} via 10.77.3.2 table 100"))?;
    let (program, output) = observed(&machine, "20ms", &[])?;
    let receiving = there.enter(|| UdpSocket::bind((THERE, PORT)))??;
    let (client, own) = (
        client.enter(|| UdpSocket::bind(("10.77.0.2", CLIENT_PORT)))??,
        machine.enter(|| UdpSocket::bind(("10.77.100.1", CLIENT_PORT + 10)))??,
    );
    receiving.set_read_timeout(Some(PATIENCE))?;
    let send = || {
        std::thread::scope(|scope| {
            let all = scope.spawn(|| (0..2 * EACH).try_for_each(|_| receiving.recv(&mut [0; 100]).map(drop)));
            for _ in 0..EACH {
                client.send_to(&[0; 50], (THERE, PORT))?;
                own.send_to(&[0; 50], (THERE, PORT))?;
                std::thread::sleep(Duration::from_millis(1));
            }
            let all = all.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.context("a packet does not come")
        })
    };
    send()?;
    let of = |records: &[Value], port: u16| {
        let is_its = |record: &&Value| record[attribute::SOURCE_PORT.key] == port;
        sent(&records.iter().filter(is_its).cloned().collect::<Vec<_>>())
    };
    until("records of the first way", PATIENCE, || {
        let records = printed(output.as_file())?;
        Ok([CLIENT_PORT, CLIENT_PORT + 10].map(|port| of(&records, port)) == [EACH; 2])
    })?;
    machine.ip(&format!("route replace {THERE} via 10.77.1.2"))?;
    send()?;
    let records = all_records(&program.stop()?, &output)?;
    // What a pod sends has passed the machine from the first packet on.
    ensure!(
        of(&records, CLIENT_PORT) == 2 * EACH,
        "{} of {}: {records:?}",
        of(&records, CLIENT_PORT),
        2 * EACH
    );
    // What the machine sends counts at the new port, until a packet comes back.
    let own = of(&records, CLIENT_PORT + 10);
    ensure!((EACH..=2 * EACH).contains(&own), "{own} of {}: {records:?}", 2 * EACH);
    Ok(())
}

/// Two pods behind one port of a switch, which sends frames back to where they came from.
pub(crate) fn hairpin() -> Result<()> {
    const ADDRESSES: [&str; 2] = ["10.77.9.1", "10.77.9.2"];
    let (machine, between, pods) =
        (quiet("machine")?, quiet("between")?, [quiet("client")?, quiet("server")?]);
    add_switch(&machine, "br0")?;
    machine.ip(&format!("link add p1 type veth peer name u netns {}", between.name()))?;
    machine.ip("link set p1 master br0 up")?;
    machine.ip("link set p1 type bridge_slave hairpin on")?;
    between.ip("link set u up")?;
    for (pod, address) in pods.iter().zip(ADDRESSES) {
        between.ip(&format!("link add link u name mv netns {} type macvlan mode vepa", pod.name()))?;
        pod.ip(&format!("addr add {address}/24 dev mv"))?;
        pod.ip("link set mv up")?;
    }
    acquaint([(&pods[0], "mv", ADDRESSES[0]), (&pods[1], "mv", ADDRESSES[1])])?;
    let program = at_the_end(&machine)?;
    let answering = pods[1].enter(|| UdpSocket::bind((ADDRESSES[1], PORT)))??;
    let asking = pods[0].enter(|| UdpSocket::bind((ADDRESSES[0], CLIENT_PORT)))??;
    exchange(&asking, &answering)?;
    let record = record(&program.stop()?)?;
    ensure!(path(&record, "interface.name") == json!(["p1", "p1", "p1", "p1"]), "{record}");
    let directions = ["ingress", "egress", "ingress", "egress"];
    ensure!(path(&record, "interface.direction") == json!(directions), "{record}");
    Ok(())
}
