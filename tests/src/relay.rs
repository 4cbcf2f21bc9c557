//! A wire that takes its time: two devices without a link layer, and what one sends comes out of the other later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use abi::tcp_flags::{ACK, SYN};
use anyhow::{Context, Result};
use packet::Link;

use crate::harness::until;
use crate::netns::Netns;
use crate::raw::Port;
use crate::topology::{CLIENT, SERVER, quiet};

/// For what comes soon, or never.
const PATIENCE: Duration = Duration::from_mins(1);

/// Of the virtio header before each packet.
const VIRTIO: usize = 10;

/// The wire. It is cut when this is dropped.
#[derive(Debug)]
pub struct Relay {
    passages: Arc<Mutex<Vec<Passage>>>,
    is_cut: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// A TCP segment that came through.
#[derive(Clone, Copy, Debug)]
pub struct Passage {
    /// From the first end to the other.
    pub forth: bool,
    /// Lower byte of its flags.
    pub flags: u8,
    /// When it had been taken from the device that sent it.
    pub taken: Instant,
    /// Just before it was given to the other one.
    pub before: Instant,
    /// Just after.
    pub after: Instant,
}

/// What came through of one handshake.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Before the connection was opened.
    pub begin: Instant,
    /// The first SYN.
    pub syn: Passage,
    /// The first answer.
    pub syn_ack: Passage,
    /// The answer's first ACK.
    pub ack: Passage,
    /// SYNs that were taken before the SYN-ACK was given.
    pub syns: usize,
}

impl Exchange {
    /// Connects, and waits for the segments. Nothing else may come through meanwhile, such as the end of another connection.
    ///
    /// # Errors
    /// What `connect` says, or if a segment does not come through.
    pub fn of<T>(relay: &Relay, connect: impl FnOnce() -> Result<T>) -> Result<(Self, T)> {
        let seen = relay.passages().len();
        let begin = Instant::now();
        let stream = connect()?;
        let flags = |passage: &Passage| u16::from(passage.flags) & (SYN | ACK);
        let of = |forth, wanted| {
            let passages = relay.passages();
            passages[seen..].iter().find(|one| one.forth == forth && flags(one) == wanted).copied()
        };
        until("the ACK is through", PATIENCE, || Ok(of(true, ACK).is_some()))?;
        let syn_ack = of(false, SYN | ACK).context("no SYN-ACK")?;
        let passages = relay.passages();
        let before = |one: &&Passage| one.forth && flags(one) == SYN && one.taken < syn_ack.before;
        let syns = passages[seen..].iter().filter(before).count();
        let (syn, ack) = (of(true, SYN).context("no SYN")?, of(true, ACK).context("no ACK")?);
        Ok((Self { begin, syn, syn_ack, ack, syns }, stream))
    }
}

/// A client with `c0` and a server with `s0`, and the way to the server takes so long.
///
/// # Errors
/// Without root or iproute2, or where the kernel refuses a device.
pub fn delayed(delay: Duration) -> Result<(Netns, Netns, Relay)> {
    let (client, server) = (quiet("client")?, quiet("server")?);
    let ends = [(&client, "c0", &*format!("{CLIENT}/24")), (&server, "s0", &*format!("{SERVER}/24"))];
    let relay = Relay::join(ends, [delay, Duration::ZERO])?;
    Ok((client, server, relay))
}

impl Relay {
    /// Makes a device in each namespace, with an address, and joins them: `delays` are those forth and back.
    ///
    /// # Errors
    /// Where the kernel refuses a device.
    pub fn join(ends: [(&Netns, &str, &str); 2], delays: [Duration; 2]) -> Result<Self> {
        let mut ports = Vec::new();
        for (namespace, device, address) in ends {
            let port = namespace.enter(|| Port::device(device, Link::Ip))?.context("making a TUN device")?;
            namespace.ip(&format!("addr add {address} dev {device}"))?;
            namespace.ip(&format!("link set {device} up"))?;
            ports.push(Arc::new(port));
        }
        let mut relay = Self { passages: Arc::default(), is_cut: Arc::default(), threads: Vec::new() };
        for (from, delay) in delays.into_iter().enumerate() {
            relay.carry(&ports[from], &ports[1 - from], from == 0, delay);
        }
        Ok(relay)
    }

    /// What came through so far.
    #[must_use]
    pub fn passages(&self) -> Vec<Passage> {
        lock(&self.passages).clone()
    }

    /// Taking and giving are apart, so that no packet waits longer for the one before it.
    fn carry(&mut self, from: &Arc<Port>, to: &Arc<Port>, forth: bool, delay: Duration) {
        let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
        let (from, is_cut) = (Arc::clone(from), Arc::clone(&self.is_cut));
        self.threads.push(std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while !is_cut.load(Ordering::Relaxed) {
                // A device that is gone with its namespace gives errors: there is nothing to carry any more.
                let Ok(length) = from.receive(&mut buffer) else { return };
                if let Some(length) = length
                    && sender.send((Instant::now(), buffer[..length].to_vec())).is_err()
                {
                    return;
                }
            }
        }));
        let (to, passages) = (Arc::clone(to), Arc::clone(&self.passages));
        self.threads.push(std::thread::spawn(move || {
            for (taken, packet) in receiver {
                sleep((taken + delay).saturating_duration_since(Instant::now()));
                let before = Instant::now();
                if to.forward(&packet).is_err() {
                    return;
                }
                let after = Instant::now();
                if let Some(flags) = tcp_flags(&packet[VIRTIO..]) {
                    lock(&passages).push(Passage { forth, flags, taken, before, after });
                }
            }
        }));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_cut.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of an IPv4 packet with a TCP segment.
fn tcp_flags(packet: &[u8]) -> Option<u8> {
    let first = *packet.first()?;
    let is_tcp = first >> 4 == 4 && *packet.get(9)? == abi::protocol::TCP;
    let header = usize::from(first & 0xf) * 4;
    is_tcp.then(|| packet.get(header + 13).copied()).flatten()
}
