//! What records say of real TCP connections while they live, beside what the kernel says of their sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flow_tests::harness::until;
use flow_tests::netns::Netns;
use flow_tests::program::Program;
use flow_tests::relay::delayed;
use semconv::{Attribute, attribute};
use serde_json::Value;

use crate::connection::{PORT, connect, flows, listen, seconds};
use crate::program::command;
use crate::timestamps::Middle;
use crate::topology::{FAR_SERVER, Pair};

/// Longer than a tick of any kernel's timer: the next packet is another tick's.
const TICK: Duration = Duration::from_millis(20);
/// Of the way to the server; TCP's own times are longer.
const WAY: Duration = Duration::from_millis(40);
/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes that go where some are lost: enough for some to be.
const MUCH: usize = 2 << 20;

/// What the kernel says of a socket (`ss`, sock_diag).
#[derive(Debug)]
pub(crate) struct Socket {
    smoothed: Duration,
    min: Duration,
    pub(crate) retransmits: u64,
}

impl Socket {
    /// What `ss` says of the one with these ports, its own first; nothing once it is closed.
    fn said(namespace: &Netns, [port, peer]: [u16; 2]) -> Result<String> {
        namespace.run(&["ss", "-tinH", &format!("sport = :{port} and dport = :{peer}")])
    }

    /// That of one end, which is in this namespace.
    fn of(namespace: &Netns, stream: &TcpStream) -> Result<Self> {
        let said = Self::said(namespace, ports(stream)?)?;
        let word = |name: &str| said.split_whitespace().find_map(|word| word.strip_prefix(name));
        let milliseconds = |text: &str| anyhow::Ok(Duration::from_secs_f64(text.parse::<f64>()? / 1e3));
        let rtt = word("rtt:").with_context(|| format!("no round trip: {said:?}"))?;
        // Now and ever; left out where there was none.
        let retransmits =
            word("retrans:").map_or(Some("0"), |both| both.split('/').nth(1)).context("a total")?;
        Ok(Self {
            smoothed: milliseconds(rtt.split('/').next().context("a time")?)?,
            min: milliseconds(word("minrtt:").with_context(|| format!("no least time: {said:?}"))?)?,
            retransmits: retransmits.parse()?,
        })
    }
}

fn ports(stream: &TcpStream) -> Result<[u16; 2]> {
    Ok([stream.local_addr()?.port(), stream.peer_addr()?.port()])
}

fn sum(records: &[Value], attribute: Attribute) -> u64 {
    records.iter().filter_map(|record| record[attribute.key].as_u64()).sum()
}

/// The same to the microsecond, in which both count.
fn ensure_same(is: Option<Duration>, should: Duration, what: &str) -> Result<()> {
    let is = is.with_context(|| format!("no {what}"))?;
    ensure!(is.abs_diff(should) < Duration::from_micros(1), "{what}: {is:?}, and the socket says {should:?}");
    Ok(())
}

/// Of either end, where the agent is beside it.
pub(crate) fn round_trip() -> Result<()> {
    for at_client in [true, false] {
        let (client, server, _relay) = delayed(WAY)?;
        let listener = listen(&server)?;
        let (namespace, interface) = if at_client { (&client, "c0") } else { (&server, "s0") };
        let program = flows(namespace, interface)?;
        let mut near = connect(&client, PORT)??;
        let (mut far, _) = listener.accept()?;
        if !at_client {
            std::mem::swap(&mut near, &mut far);
        }
        for stream in [&near, &far] {
            stream.set_nodelay(true)?;
        }
        for _ in 0..10 {
            near.write_all(b"ping")?;
            far.read_exact(&mut [0; 4])?;
            far.write_all(b"pong")?;
            near.read_exact(&mut [0; 4])?;
        }
        // What is said last: nothing answers it but an acknowledgement, which is answered by nothing.
        sleep(TICK);
        let socket = Socket::of(namespace, &near)?;
        near.write_all(b"last")?;
        far.read_exact(&mut [0; 4])?;
        let records = program.stop()?.records()?;
        let record = records.last().context("no record")?;
        let check = || -> Result<()> {
            ensure!(socket.smoothed >= WAY && socket.min >= WAY, "the way was shorter");
            ensure_same(
                seconds(record, attribute::NETWORK_TCP_RTT_SMOOTHED),
                socket.smoothed,
                "smoothed time",
            )?;
            ensure_same(seconds(record, attribute::NETWORK_TCP_RTT_MIN), socket.min, "least time")
        };
        check().with_context(|| format!("at the client: {at_client}, {socket:?}, {record}"))?;
    }
    Ok(())
}

/// Loses one packet in twenty that comes in.
pub(crate) fn lose_some(namespace: &Netns, interface: &str) -> Result<()> {
    for arguments in [
        "add table netdev loss".to_owned(),
        format!(
            "add chain netdev loss in {{ type filter hook ingress device {interface} priority 0; policy accept; }}"
        ),
        format!("add rule netdev loss in tcp dport {PORT} numgen inc mod 20 == 7 counter drop"),
    ] {
        let words: Vec<_> = ["nft"].into_iter().chain(arguments.split_whitespace()).collect();
        namespace.run(&words)?;
    }
    Ok(())
}

/// Sends much, and gives what the sender's socket says when all has come.
pub(crate) fn sent(client: &Netns, mut stream: TcpStream, listener: &TcpListener) -> Result<Socket> {
    let (mut accepted, _) = listener.accept()?;
    let receiver = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        accepted.read_to_end(&mut bytes).map(|_| (accepted, bytes.len()))
    });
    stream.write_all(&vec![7; MUCH])?;
    stream.shutdown(Shutdown::Write)?;
    let (accepted, len) = receiver.join().ok().context("the receiver panicked")??;
    ensure!(len == MUCH, "{len} bytes came");
    // Until the other end closes it is there to be asked: the FIN was acknowledged, or it is sent again.
    let (socket, ports) = (Socket::of(client, &stream)?, ports(&stream)?);
    // What the socket sends last shows all that it has sent again: the answer to the other end's FIN, in a tick of its own.
    sleep(TICK);
    drop(accepted);
    until("the connection is closed", PATIENCE, || Ok(Socket::said(client, ports)?.is_empty()))?;
    Ok(socket)
}

pub(crate) fn of_a_socket() -> Result<()> {
    let pair = Pair::without_offloads()?;
    lose_some(&pair.server, "s0")?;
    let listener = listen(&pair.server)?;
    // At the sender's own interface, and at the machine's end of its veth pair.
    let programs = [flows(&pair.client, "c0")?, flows(&pair.server, "s0")?];
    let socket = sent(&pair.client, connect(&pair.client, PORT)??, &listener)?;
    ensure!(socket.retransmits > 0, "nothing was lost");
    for (program, place) in programs.into_iter().zip(["c0", "s0"]) {
        let records = program.stop()?.records()?;
        let retransmits = sum(&records, attribute::SOURCE_TCP_RETRANSMITS);
        ensure!(retransmits == socket.retransmits, "{place}: {retransmits}, {socket:?}: {records:?}");
        ensure!(sum(&records, attribute::DESTINATION_TCP_RETRANSMITS) == 0, "{place}: {records:?}");
        ensure!(sum(&records, attribute::SOURCE_TCP_RETRANSMITTED_BYTES) > 0, "{place}: {records:?}");
        let last = records.last().context("no record")?;
        ensure!(seconds(last, attribute::NETWORK_TCP_RTT_SMOOTHED).is_some(), "{place}: {last}");
    }
    Ok(())
}

/// The way takes longer than a tick of the sender's clock, mostly a millisecond: what is sent again within one looks out of order.
pub(crate) fn forwarded() -> Result<()> {
    let middle = Middle::new(Duration::from_millis(10))?;
    let [near, far] = &middle.ends;
    lose_some(far, "f0")?;
    let listener = far.enter(|| TcpListener::bind((FAR_SERVER, PORT)))??;
    // Behind the router's decision a packet has no socket.
    let program = flows(&middle.router, "slow")?;
    let stream = near.enter(|| TcpStream::connect((FAR_SERVER, PORT)))??;
    let socket = sent(near, stream, &listener)?;
    let records = program.stop()?.records()?;
    let retransmits = sum(&records, attribute::SOURCE_TCP_RETRANSMITS);
    // A segment that is sent again right after a reading, or on another CPU, may look new.
    ensure!((1..=socket.retransmits).contains(&retransmits), "{retransmits}, {socket:?}: {records:?}");
    ensure!(sum(&records, attribute::DESTINATION_TCP_RETRANSMITS) == 0, "{records:?}");
    Ok(())
}

pub(crate) fn off() -> Result<()> {
    let pair = Pair::new()?;
    let program = Program::start(command(
        &pair.client,
        &["flows", "--interface", "c0", "--format", "json", "--tcp-quality=false"],
    ))?;
    let listener = listen(&pair.server)?;
    let mut stream = connect(&pair.client, PORT)??;
    let (mut accepted, _) = listener.accept()?;
    stream.write_all(b"x")?;
    accepted.read_exact(&mut [0])?;
    let records = program.stop()?.records()?;
    let last = records.last().context("no record")?;
    ensure!(last[attribute::NETWORK_TCP_RTT_HANDSHAKE.key].is_number(), "{last}");
    ensure!(records.iter().all(|record| record[attribute::NETWORK_TCP_RTT_SMOOTHED.key].is_null()), "{last}");
    Ok(())
}
