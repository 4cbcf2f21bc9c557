//! A TCP stream over a switch: packets in memory up to the switch's far side, the frames themselves behind it.
//!
//! The switch's interface to the server cuts in software, behind its egress hook, so the server's interface receives the frames
//! that a wire would carry. All hooks on the way have to count them alike, and as the server's interface counter does. (A router
//! would not do: Linux 6.18 drops IPv6 packets with a jumbo payload option when it forwards them.)

use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use abi::Direction;
use anyhow::{Result, bail, ensure};
use exporter::flow::Counts;
use flow_tests::machine::Machine;
use flow_tests::model::Seen;
use flow_tests::netns::Netns;
use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use packet::Link;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};

use crate::segments::offloads_off;

const STREAM: usize = 64 << 20;
/// Larger than the 65536 bytes that an IP header can say.
const LARGEST: u32 = 200_000;
const TCP: u8 = 6;
/// A stream that stands still this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn ordinary() -> Result<()> {
    stream("10.0.0.2", false)
}

pub(crate) fn over_ipv4() -> Result<()> {
    stream("10.0.0.2", true)
}

pub(crate) fn over_ipv6() -> Result<()> {
    stream("fd00::2", true)
}

fn stream(server_address: &str, is_big: bool) -> Result<()> {
    let (client, switch, server) = (Netns::new("client")?, Netns::new("switch")?, Netns::new("server")?);
    switch.ip("link add bridge type bridge mcast_snooping 0")?;
    for (netns, end, far_end, addresses) in [
        (&client, "c0", "p1", ["10.0.0.1/24", "fd00::1/64"]),
        (&server, "s0", "p2", ["10.0.0.2/24", "fd00::2/64"]),
    ] {
        netns.ip(&format!("link add {end} type veth peer name {far_end} netns {}", switch.name()))?;
        for address in addresses {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            netns.ip(&format!("addr add {address} dev {end} {nodad}"))?;
        }
        netns.ip(&format!("link set {end} up"))?;
        switch.ip(&format!("link set {far_end} master bridge up"))?;
    }
    switch.ip("link set bridge up")?;
    offloads_off(&switch, "p2")?;
    if is_big {
        client.enter(|| grow("c0"))??;
        switch.enter(|| grow("p1"))??;
    }

    let mut before = Machine::new(1024)?;
    client.enter(|| before.attach("c0", Link::Ethernet, Direction::Egress))??;
    switch.enter(|| before.attach("p1", Link::Ethernet, Direction::Ingress))??;
    let mut behind = Machine::new(1024)?;
    switch.enter(|| behind.attach("p2", Link::Ethernet, Direction::Egress))??;
    server.enter(|| behind.attach("s0", Link::Ethernet, Direction::Ingress))??;

    let (_, received) = settled(&mut behind, &server)?;
    before.read()?;
    let sent = client.counters("c0")?.sent;
    transfer(&client, &server, server_address.parse()?)?;

    let before = before.read()?;
    let (behind, after) = settled(&mut behind, &server)?;
    let frames = of_stream(&behind, Direction::Ingress);
    let client_side = of_stream(&before, Direction::Egress);
    let near_side = of_stream(&before, Direction::Ingress);
    let far_side = of_stream(&behind, Direction::Egress);
    ensure!(
        [client_side, near_side, far_side] == [frames; 3],
        "the server receives {frames:?}, the client counts {client_side:?}, the switch {near_side:?} and {far_side:?}"
    );
    let all = behind.total(Direction::Ingress);
    ensure!(all == after - received, "{all:?} of {:?} on the interface", after - received);
    ensure!(frames.bytes > STREAM as u64, "{frames:?}");
    let skbs = client.counters("c0")?.sent - sent;
    let mean = skbs.bytes / skbs.packets;
    ensure!(!is_big || mean > 65_536, "no BIG TCP: {mean} bytes in a packet of {skbs:?}");
    ensure!(is_big || mean > 10_000, "no offload: {mean} bytes in a packet of {skbs:?}");
    Ok(())
}

/// What the hooks saw, and what the server's interface counted up to the same moment: the kernel's own IPv6 may speak between
/// two readings, and then it is read again.
fn settled(hooks: &mut Machine, server: &Netns) -> Result<(Seen, Counts)> {
    let mut seen = Seen::default();
    for _ in 0..20 {
        let first = server.counters("s0")?.received;
        seen.merge(hooks.read()?);
        let second = server.counters("s0")?.received;
        if first == second {
            return Ok((seen, second));
        }
    }
    bail!("the interface never stands still")
}

/// The larger of the TCP flows of a direction: the acknowledgements are not hooked.
fn of_stream(seen: &Seen, direction: Direction) -> Counts {
    let flows = seen.flows.iter();
    flows
        .filter(|((of, tuple), _)| *of == direction && tuple.protocol == TCP)
        .map(|(_, facts)| facts.counts)
        .sum()
}

fn transfer(client: &Netns, server: &Netns, address: IpAddr) -> Result<()> {
    let listener = server.enter(|| TcpListener::bind((address, 0)))??;
    let address: SocketAddr = listener.local_addr()?;
    let connect = || TcpStream::connect_timeout(&address, PATIENCE);
    let mut sending = client.enter(connect)??;
    let (mut receiving, _) = listener.accept()?;
    for stream in [&sending, &receiving] {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
    }
    std::thread::scope(|scope| {
        let receiver = scope.spawn(move || -> Result<usize> {
            let mut buffer = vec![0; 1 << 20];
            let mut received = 0;
            loop {
                match receiving.read(&mut buffer)? {
                    0 => return Ok(received),
                    some => received += some,
                }
            }
        });
        let block = vec![7; 1 << 20];
        for _ in 0..STREAM / block.len() {
            sending.write_all(&block)?;
        }
        sending.shutdown(Shutdown::Write)?;
        // The end of the other side: then all that was sent has arrived.
        sending.read_to_end(&mut Vec::new())?;
        let received = receiver.join().expect("the receiver does not panic")?;
        ensure!(received == STREAM, "{received} bytes received");
        Ok(())
    })
}

/// Lets the interface send and aggregate packets beyond 64 KiB. `ip` of Debian 12 cannot say so for IPv4.
fn grow(interface: &str) -> Result<()> {
    let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    let mut link = LinkMessage::default();
    link.header.index = name_to_index(&any, interface)?;
    link.attributes = vec![
        LinkAttribute::GsoMaxSize(LARGEST),
        LinkAttribute::GroMaxSize(LARGEST),
        LinkAttribute::GsoIpv4MaxSize(LARGEST),
        LinkAttribute::GroIpv4MaxSize(LARGEST),
    ];
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::SetLink(link));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut request = vec![0; message.buffer_len()];
    message.serialize(&mut request);
    let socket = Socket::new(NETLINK_ROUTE)?;
    socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
    socket.send(&request, 0)?;
    let (answer, _) = socket.recv_from_full()?;
    match NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)?.payload {
        NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io().into()),
        _ => Ok(()),
    }
}
