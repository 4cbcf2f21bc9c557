//! What a switch copies to several of its ports: it counts once, and all of it counts.

use std::net::UdpSocket;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use semconv::attribute;
use serde_json::Value;

use crate::path::path;
use crate::program::printed;
use crate::topology::quiet;
use crate::ways::{acquaint, add_switch, all_records, at_the_end, each_second, observed, plug, sent};

const CLIENT_PORT: u16 = 50_000;
const HOST: &str = "10.77.9.254";
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(3);

/// A machine with a switch that has an address, and pods at it.
fn switched() -> Result<(Netns, [Netns; 3])> {
    let machine = quiet("machine")?;
    add_switch(&machine, "br0")?;
    machine.ip(&format!("addr add {HOST}/24 brd + dev br0"))?;
    let pods = [quiet("a")?, quiet("b")?, quiet("c")?];
    for (number, pod) in (1..).zip(&pods) {
        plug(&machine, ("br0", &format!("p{number}")), pod, ("eth0", &format!("10.77.9.{number}")))?;
    }
    Ok((machine, pods))
}

/// What a switch copies to all of its ports, sent by a pod and by the machine.
pub(crate) fn to_many() -> Result<()> {
    let (machine, pods) = switched()?;
    let program = at_the_end(&machine)?;
    let pod = pods[0].enter(|| UdpSocket::bind(("10.77.9.1", CLIENT_PORT)))??;
    let host = machine.enter(|| UdpSocket::bind((HOST, CLIENT_PORT)))??;
    let all = [
        (&pod, "239.1.2.3", 50_001, 10),
        (&pod, "10.77.9.255", 50_002, 7),
        (&host, "10.77.9.255", 50_003, 5),
        (&host, "239.1.2.3", 50_004, 3),
    ];
    for (sending, address, port, count) in all {
        sending.set_broadcast(true)?;
        for _ in 0..count {
            sending.send_to(&[0; 50], (address, port))?;
        }
    }
    let ended = program.stop()?;
    ensure!(ended.stderr.contains("balances"), "{}", ended.stderr);
    let records = ended.records()?;
    for (_, address, port, count) in all {
        let is_its = |record: &&Value| record[attribute::DESTINATION_PORT.key] == port;
        let of_port: Vec<Value> = records.iter().filter(is_its).cloned().collect();
        let first = of_port.first().with_context(|| format!("no flow to {address}:{port}: {records:?}"))?;
        ensure!(sent(&of_port) == count, "{count} to {address}:{port}: {of_port:?}");
        ensure!(path(first, "packets").as_array().is_some_and(|hops| hops.len() > 2), "no copies: {first}");
    }
    Ok(())
}

/// A switch learns where a pod is when that answers: what goes there before passes all ports, the pod's the last. The first record of one
/// flow has but such a packet; another flow has one record.
pub(crate) fn until_learnt() -> Result<()> {
    const REST: u64 = 50;
    const ADDRESSES: [&str; 3] = ["10.77.9.1", "10.77.9.2", "10.77.9.3"];
    for is_early in [true, false] {
        let (machine, pods) = switched()?;
        for (pod, address) in pods.iter().zip(ADDRESSES) {
            acquaint([(pod, "eth0", address), (&machine, "br0", HOST)])?;
        }
        let (program, output) =
            if is_early { each_second(&machine, &[])? } else { observed(&machine, "1h", &[])? };
        let asking = machine.enter(|| UdpSocket::bind((HOST, CLIENT_PORT)))??;
        let mut answering = Vec::new();
        let mut buffer = [0; 100];
        for (pod, address) in pods.iter().zip(ADDRESSES) {
            let socket = pod.enter(|| UdpSocket::bind((address, CLIENT_PORT + 1)))??;
            asking.send_to(&[0; 50], (address, CLIENT_PORT + 1))?;
            socket.recv(&mut buffer)?;
            answering.push(socket);
        }
        if is_early {
            until("records of the copies", PATIENCE, || Ok(sent(&printed(output.as_file())?) == 3))?;
        }
        for (socket, address) in answering.iter().zip(ADDRESSES) {
            socket.send_to(&[0; 50], (HOST, CLIENT_PORT))?;
            asking.recv(&mut buffer)?;
            for _ in 0..REST {
                asking.send_to(&[0; 50], (address, CLIENT_PORT + 1))?;
            }
        }
        let records = all_records(&program.stop()?, &output)?;
        for address in ADDRESSES {
            let is_its = |record: &&Value| record[attribute::DESTINATION_ADDRESS.key] == address;
            let its: Vec<Value> = records.iter().filter(is_its).cloned().collect();
            ensure!(sent(&its) == 1 + REST, "{} of {}: {its:?}", sent(&its), 1 + REST);
        }
        let copied = records.iter().any(|record| {
            let names = path(record, "interface.name").to_string();
            ["p1", "p2", "p3"].iter().all(|port| names.contains(port))
        });
        ensure!(copied, "nothing was copied: {records:?}");
    }
    Ok(())
}
