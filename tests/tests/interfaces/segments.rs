//! Frames that a virtual machine leaves to the kernel to cut (virtio): the segments are not counted by anyone before.

use std::process::Command;

use abi::Direction;
use anyhow::{Context, Result, ensure};
use crafted::layer::{CUSTOMER_TAG, IPV4, IPV6, TCP, UDP, ethernet, ipv4, ipv6, tag, tcp, udp};
use exporter::flow::Counts;
use flow_tests::machine::Machine;
use flow_tests::netns::Netns;
use flow_tests::raw::{Gso, Port, VirtioHeader};
use packet::Link;

use crate::frames::{cable, hooked};

const SIZE: u16 = 1000;
const ACK: u16 = 0x10;
const TCP_CHECKSUM_AT: u16 = 16;
const UDP_CHECKSUM_AT: u16 = 6;

/// A frame, what virtio says of it, and what it becomes.
fn frames() -> Vec<(&'static str, Vec<u8>, VirtioHeader, Counts)> {
    let payload = [7; 4500];
    let gso = |kind, transport_at, checksum_at| Gso { kind, size: SIZE, transport_at, checksum_at };
    let row = |name, frame: Vec<u8>, gso: Gso, headers: u16| {
        // 5 segments, the last one half full.
        let wire = Counts { packets: 5, bytes: 4500 + 5 * u64::from(headers) };
        (name, frame, VirtioHeader { header_len: headers, gso: Some(gso) }, wire)
    };
    vec![
        row(
            "TCP over IPv4",
            ethernet(IPV4, &ipv4(TCP, &tcp(ACK, &payload))),
            gso(VirtioHeader::TCP_V4, 34, TCP_CHECKSUM_AT),
            54,
        ),
        row(
            "TCP over IPv6",
            ethernet(IPV6, &ipv6(TCP, &tcp(ACK, &payload))),
            gso(VirtioHeader::TCP_V6, 54, TCP_CHECKSUM_AT),
            74,
        ),
        row(
            "UDP over IPv4",
            ethernet(IPV4, &ipv4(UDP, &udp(&payload))),
            gso(VirtioHeader::UDP, 34, UDP_CHECKSUM_AT),
            42,
        ),
        row(
            "tagged TCP over IPv4",
            ethernet(CUSTOMER_TAG, &tag(7, IPV4, &ipv4(TCP, &tcp(ACK, &payload)))),
            gso(VirtioHeader::TCP_V4, 38, TCP_CHECKSUM_AT),
            58,
        ),
    ]
}

/// Segmentation in software stands behind the egress hook: what comes in at the other end are the frames themselves.
pub(crate) fn cut_by_the_kernel() -> Result<()> {
    let netns = cable()?;
    offloads_off(&netns, "left")?;
    let (mut machine, port) = hooked(&netns)?;
    for (name, frame, header, wire) in frames() {
        port.send(header, &frame).context(name)?;
        let seen = machine.read_until(|seen| seen.total(Direction::Ingress).packets >= wire.packets)?;
        let (egress, ingress) = (seen.total(Direction::Egress), seen.total(Direction::Ingress));
        ensure!(ingress == wire, "{name}: {ingress:?} came in of {wire:?}");
        ensure!(egress == wire, "{name}: {egress:?} counted of {wire:?}");
        ensure!(seen.losses.is_empty(), "{name}: {seen:?}");
    }
    Ok(())
}

pub(crate) fn from_a_tap() -> Result<()> {
    let netns = Netns::new("tap")?;
    netns.enter(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"))??;
    let tap = netns.enter(|| Port::device("tap", Link::Ethernet))??;
    netns.ip("link set tap arp off up")?;
    let mut machine = netns.enter(|| {
        let mut machine = Machine::new(64)?;
        machine.attach("tap", Link::Ethernet, Direction::Ingress)?;
        anyhow::Ok(machine)
    })??;
    for (name, frame, header, wire) in frames() {
        tap.send(header, &frame).context(name)?;
        let seen = machine.read_until(|seen| seen.total(Direction::Ingress).packets >= wire.packets)?;
        ensure!(
            seen.total(Direction::Ingress) == wire && seen.losses.is_empty(),
            "{name}: {seen:?} of {wire:?}"
        );
    }
    Ok(())
}

/// So that the kernel cuts what leaves the interface.
pub(crate) fn offloads_off(netns: &Netns, interface: &str) -> Result<()> {
    let output = Command::new("ip")
        .args(["netns", "exec", netns.name(), "ethtool", "-K", interface])
        .args(["tso", "off", "gso", "off", "tx-udp-segmentation", "off"])
        .output()
        .context("starting ethtool")?;
    ensure!(output.status.success(), "ethtool: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
