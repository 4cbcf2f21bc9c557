//! Round trips of real connections that are only forwarded: the agent is at the box in the middle, at an interface where no packet
//! has a socket, and what it says is beside what the ends measured.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flow_tests::netns::Netns;
use flow_tests::program::Program;
use flow_tests::relay::Relay;
use semconv::{attribute, value};
use serde_json::Value;

use crate::connection::{PORT, flows, seconds};
use crate::program::command;
use crate::topology::quiet;

/// Bytes in one direction, more than fit into a segment.
const MUCH: usize = 1 << 18;
/// The longest way.
const LONG: Duration = Duration::from_secs(1);
/// Of a sum of times in microseconds.
const ROUNDING: Duration = Duration::from_micros(3);

/// Addresses of the end that is near the router and of the one beyond the wire that takes its time, by IP version.
const ENDS: [[IpAddr; 2]; 2] = [
    [IpAddr::V4(Ipv4Addr::new(10, 77, 1, 1)), IpAddr::V4(Ipv4Addr::new(10, 77, 2, 2))],
    [
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0x77, 1, 0, 0, 0, 0, 1)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0x77, 2, 0, 0, 0, 0, 2)),
    ],
];

/// Two ends, and a router between them whose `slow` leads to the far one.
pub(crate) struct Middle {
    pub(crate) ends: [Netns; 2],
    pub(crate) router: Netns,
    pub(crate) relay: Relay,
}

impl Middle {
    pub(crate) fn new(way: Duration) -> Result<Self> {
        let (near, router, far) = (quiet("near")?, quiet("router")?, quiet("far")?);
        near.connect(("n0", "10.77.1.1/24"), &router, ("fast", "10.77.1.254/24"))?;
        let ends = [(&router, "slow", "10.77.2.254/24"), (&far, "f0", "10.77.2.2/24")];
        let relay = Relay::join(ends, [way, Duration::ZERO])?;
        let set = |namespace: &Netns, setting: &str| namespace.run(&["sysctl", "-qw", setting]).map(drop);
        set(&router, "net.ipv4.ip_forward=1")?;
        for (namespace, device, address) in [
            (&near, "n0", "fd00:77:1::1"),
            (&router, "fast", "fd00:77:1::fe"),
            (&router, "slow", "fd00:77:2::fe"),
            (&far, "f0", "fd00:77:2::2"),
        ] {
            set(namespace, &format!("net.ipv6.conf.{device}.disable_ipv6=0"))?;
            namespace.ip(&format!("addr add {address}/64 dev {device} nodad"))?;
        }
        set(&router, "net.ipv6.conf.all.forwarding=1")?;
        for (namespace, routers) in
            [(&near, ["10.77.1.254", "fd00:77:1::fe"]), (&far, ["10.77.2.254", "fd00:77:2::fe"])]
        {
            for router in routers {
                namespace.ip(&format!("route add default via {router}"))?;
            }
        }
        Ok(Self { ends: [near, far], router, relay })
    }

    /// A connection from one end to the other, first the end that opened it.
    fn connect(&self, addresses: [IpAddr; 2], from_far: bool) -> Result<[TcpStream; 2]> {
        let (from, to) = (usize::from(from_far), usize::from(!from_far));
        let listener = self.ends[to].enter(|| TcpListener::bind((addresses[to], PORT)))??;
        let client = self.ends[from].enter(|| TcpStream::connect((addresses[to], PORT)))??;
        let (server, _) = listener.accept()?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        Ok([client, server])
    }
}

/// When each question was asked, and answered.
fn talk([client, server]: &mut [TcpStream; 2], rounds: usize) -> Result<Vec<[Instant; 2]>> {
    let round = |_| {
        let asked = Instant::now();
        client.write_all(&[1; 100])?;
        server.read_exact(&mut [0; 100])?;
        server.write_all(&[2; 100])?;
        client.read_exact(&mut [0; 100])?;
        Ok([asked, Instant::now()])
    };
    (0..rounds).map(round).collect()
}

/// Sends much from one to the other.
fn send(from: &mut TcpStream, to: &mut TcpStream) -> Result<()> {
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| from.write_all(&vec![7; MUCH]));
        to.read_exact(&mut vec![0; MUCH])?;
        sender.join().ok().context("the sender panicked")??;
        Ok(())
    })
}

fn ensure_within(time: Duration, least: Duration, most: Duration, what: &str) -> Result<()> {
    ensure!(
        time + ROUNDING >= least && time <= most + ROUNDING,
        "{what}: {time:?}, and not {least:?} to {most:?}"
    );
    Ok(())
}

/// The last record of the connection; the kernel itself may say something to its neighbours later.
fn of_connection(records: &[Value]) -> Result<&Value> {
    let is_its = |record: &&Value| record[attribute::NETWORK_TRANSPORT.key] == value::network_transport::TCP;
    records.iter().rfind(is_its).context("no record")
}

fn check(record: &Value, rounds: &[[Instant; 2]], way: Duration, from_far: bool) -> Result<()> {
    ensure!(
        record[attribute::NETWORK_TCP_RTT_VIEW.key] == value::network_tcp_rtt_view::TIMESTAMPS,
        "no view"
    );
    let time = |attribute: semconv::Attribute| {
        seconds(record, attribute).with_context(|| format!("no {}", attribute.key))
    };
    // A question is answered within its round; an answer's echo comes with the next question.
    let to_answer = rounds.iter().map(|[asked, answered]| *answered - *asked).max().context("no round")?;
    let to_ask = rounds.windows(2).map(|two| two[1][1] - two[0][0]).max().context("no rounds")?;
    let source = time(attribute::SOURCE_TCP_RTT_MIN)?;
    let destination = time(attribute::DESTINATION_TCP_RTT_MIN)?;
    let [least_source, least_destination] =
        if from_far { [way, Duration::ZERO] } else { [Duration::ZERO, way] };
    ensure_within(source, least_source, to_ask, "to the source")?;
    ensure_within(destination, least_destination, to_answer, "to the destination")?;
    let whole = source + destination;
    ensure_within(time(attribute::NETWORK_TCP_RTT_MIN)?, whole, whole, "the least time")?;
    for (smoothed, min) in [
        (attribute::NETWORK_TCP_RTT_SMOOTHED, attribute::NETWORK_TCP_RTT_MIN),
        (attribute::SOURCE_TCP_RTT_SMOOTHED, attribute::SOURCE_TCP_RTT_MIN),
        (attribute::DESTINATION_TCP_RTT_SMOOTHED, attribute::DESTINATION_TCP_RTT_MIN),
    ] {
        ensure!(time(smoothed)? + ROUNDING >= time(min)?, "{} is less than the least", smoothed.key);
    }
    Ok(())
}

pub(crate) fn forwarded() -> Result<()> {
    for (way, rounds) in [(Duration::from_millis(1), 50), (Duration::from_millis(40), 10), (LONG, 4)] {
        let middle = Middle::new(way)?;
        // Each takes many round trips: of the long way, one is enough.
        let kinds = [(ENDS[0], false), (ENDS[0], true), (ENDS[1], false)];
        for (addresses, from_far) in kinds.into_iter().take(if way < LONG { 3 } else { 1 }) {
            let program = flows(&middle.router, "slow")?;
            let mut streams = middle.connect(addresses, from_far)?;
            let rounds = talk(&mut streams, rounds)?;
            let [client, server] = &mut streams;
            // A window takes long to open over a long way.
            if way < LONG {
                send(client, server)?;
                send(server, client)?;
            }
            let records = program.stop()?.records()?;
            let record = of_connection(&records)?;
            check(record, &rounds, way, from_far)
                .with_context(|| format!("{way:?}, {addresses:?}, from the far end: {from_far}: {record}"))?;
        }
    }
    Ok(())
}

pub(crate) fn off() -> Result<()> {
    let middle = Middle::new(Duration::from_millis(1))?;
    let arguments = ["flows", "--interface", "slow", "--format", "json", "--tcp-quality=false"];
    let program = Program::start(command(&middle.router, &arguments))?;
    talk(&mut middle.connect(ENDS[0], false)?, 20)?;
    let records = program.stop()?.records()?;
    let last = of_connection(&records)?;
    ensure!(last[attribute::NETWORK_TCP_RTT_HANDSHAKE.key].is_number(), "{last}");
    for attribute in
        [attribute::NETWORK_TCP_RTT_VIEW, attribute::SOURCE_TCP_RTT_MIN, attribute::DESTINATION_TCP_RTT_MIN]
    {
        ensure!(records.iter().all(|record| record[attribute.key].is_null()), "{last}");
    }
    Ok(())
}
