//! Frames from a packet socket or a TUN/TAP device.

use abi::Direction;
use anyhow::{Context, Result, ensure};
use crafted::layer::{
    CUSTOMER_TAG, IPV4, IPV6, SERVICE_TAG, TCP, UDP, ethernet, extension, ipv4, ipv6, tag, tcp, udp,
};
use crafted::{Case, Device};
use exporter::kernel::PacketContext;
use flow_tests::machine::{Input, Machine};
use flow_tests::model::{Model, Seen};
use flow_tests::netns::Netns;
use flow_tests::raw::{Port, VirtioHeader};
use packet::Link;

/// An Ethernet header and a whole tag: the kernel drops a tagged frame that is shorter before any hook.
const SHORTEST: usize = 18;

/// A cable between `left` and `right`, silent but for what a test sends.
pub(crate) fn cable() -> Result<Netns> {
    let netns = Netns::new("cable")?;
    netns.enter(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"))??;
    netns.veth("left", "right")?;
    for end in ["left", "right"] {
        netns.ip(&format!("link set {end} mtu 9000 arp off up"))?;
    }
    Ok(netns)
}

/// Hooks both ends of the cable: what leaves one and what comes in at the other.
pub(crate) fn hooked(netns: &Netns) -> Result<(Machine, Port)> {
    netns.enter(|| {
        let mut machine = Machine::new(4096)?;
        machine.attach("left", Link::Ethernet, Direction::Egress)?;
        machine.attach("right", Link::Ethernet, Direction::Ingress)?;
        Ok((machine, Port::packet_socket("left")?))
    })?
}

fn input(link: Link, direction: Direction, bytes: &[u8]) -> Input {
    Input { link, direction, bytes: bytes.to_vec(), context: PacketContext::default() }
}

/// Reads until each hook has as many packets as the model and compares everything.
fn compare(name: &str, machine: &mut Machine, should: &Seen) -> Result<()> {
    let directions = [Direction::Ingress, Direction::Egress];
    let seen = machine.read_until(|seen| {
        directions.iter().all(|&direction| seen.total(direction).packets >= should.total(direction).packets)
    })?;
    ensure!(seen == *should, "{name}:\n  is     {seen:?}\n  should {should:?}");
    Ok(())
}

/// Tags stand in the bytes at egress, the outer one in the metadata at ingress: the same on the wire.
pub(crate) fn at_both_ends() -> Result<()> {
    let netns = cable()?;
    let (mut machine, port) = hooked(&netns)?;
    let mut model = Model::default();
    let whole = |case: &Case| case.device == Device::Ethernet && case.frame.len() >= SHORTEST;
    for case in crafted::all().iter().filter(|case| whole(case) && case.offload.is_none()) {
        port.send(VirtioHeader::default(), &case.frame).with_context(|| case.name)?;
        for direction in [Direction::Egress, Direction::Ingress] {
            model.send(&input(Link::Ethernet, direction, &case.frame));
        }
        compare(case.name, &mut machine, &model.read())?;
    }
    Ok(())
}

/// The IP packets of the catalogue into a TUN device, and out of it.
pub(crate) fn without_link_layer() -> Result<()> {
    let netns = Netns::new("tun")?;
    netns.enter(|| std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"))??;
    let device = netns.enter(|| Port::device("tun", Link::Ip))??;
    netns.ip("link set tun mtu 9000 up")?;
    let (mut machine, socket) = netns.enter(|| {
        let mut machine = Machine::new(4096)?;
        machine.attach("tun", Link::Ip, Direction::Ingress)?;
        machine.attach("tun", Link::Ip, Direction::Egress)?;
        anyhow::Ok((machine, Port::packet_socket("tun")?))
    })??;
    let mut model = Model::default();
    for case in crafted::all() {
        let ether_type = case.frame.get(12..14).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
        if case.device != Device::Ethernet
            || case.offload.is_some()
            || !matches!(ether_type, Some(IPV4 | IPV6))
        {
            continue;
        }
        let bytes = &case.frame[14..];
        if device.send(VirtioHeader::default(), bytes).is_ok() {
            model.send(&input(Link::Ip, Direction::Ingress, bytes));
        }
        if socket.send(VirtioHeader::default(), bytes).is_ok() {
            model.send(&input(Link::Ip, Direction::Egress, bytes));
        }
        compare(case.name, &mut machine, &model.read())?;
    }
    Ok(())
}

/// Of a packet of a page or more, the kernel keeps as much in the linear part as the virtio header says: here 14 bytes, so that
/// no program can read an IP header in place.
pub(crate) fn outside_the_linear_part() -> Result<()> {
    let payload = [7; 5000];
    let tagged = |payload: &[u8]| tag(8, CUSTOMER_TAG, &tag(9, IPV6, payload));
    let frames = [
        ("UDP over IPv4", ethernet(IPV4, &ipv4(UDP, &udp(&payload)))),
        ("UDP over IPv6", ethernet(IPV6, &ipv6(UDP, &udp(&payload)))),
        ("TCP over IPv4", ethernet(IPV4, &ipv4(TCP, &tcp(0x1ff, &payload)))),
        ("TCP over IPv6", ethernet(IPV6, &ipv6(TCP, &tcp(0x012, &payload)))),
        ("QinQ", ethernet(SERVICE_TAG, &tagged(&ipv6(TCP, &tcp(0x018, &payload))))),
        ("an extension header", ethernet(IPV6, &ipv6(60, &extension(UDP, 9, &udp(&payload))))),
        (
            "extension headers beyond what is copied",
            ethernet(IPV6, &ipv6(60, &extension(UDP, 80, &udp(&payload)))),
        ),
        ("nothing known", ethernet(0x88b5, &payload)),
    ];
    let header = VirtioHeader { header_len: 14, gso: None };
    let netns = cable()?;
    let (mut machine, port) = hooked(&netns)?;
    let tap = netns.enter(|| Port::device("tap", Link::Ethernet))??;
    netns.ip("link set tap mtu 9000 arp off up")?;
    let mut behind = netns.enter(|| {
        let mut machine = Machine::new(64)?;
        machine.attach("tap", Link::Ethernet, Direction::Ingress)?;
        anyhow::Ok(machine)
    })??;
    for (name, frame) in &frames {
        let mut model = Model::default();
        model.send(&input(Link::Ethernet, Direction::Ingress, frame));
        let ingress = model.read();
        tap.send(header, frame).context(*name)?;
        compare(&format!("{name}, from a TAP device"), &mut behind, &ingress)?;
        port.send(header, frame).context(*name)?;
        for direction in [Direction::Egress, Direction::Ingress] {
            model.send(&input(Link::Ethernet, direction, frame));
        }
        compare(&format!("{name}, over a cable"), &mut machine, &model.read())?;
    }
    Ok(())
}
