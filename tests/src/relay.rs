//! A wire that takes its time: two devices without a link layer, and what one sends comes out of the other later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use packet::Link;

use crate::netns::Netns;
use crate::raw::Port;

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
    /// Its source and destination.
    pub ports: [u16; 2],
    /// When it had been taken from the device that sent it.
    pub taken: Instant,
    /// Just before it was given to the other one.
    pub before: Instant,
    /// Just after.
    pub after: Instant,
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
                if let Some((flags, ports)) = segment(&packet[VIRTIO..]) {
                    lock(&passages).push(Passage { forth, flags, ports, taken, before, after });
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

impl Passage {
    /// Port of the first end.
    #[must_use]
    pub fn client_port(&self) -> u16 {
        self.ports[usize::from(!self.forth)]
    }
}

/// Flags and ports of an IPv4 packet with a TCP segment.
fn segment(packet: &[u8]) -> Option<(u8, [u16; 2])> {
    let first = *packet.first()?;
    let is_tcp = first >> 4 == 4 && *packet.get(9)? == abi::protocol::TCP;
    let header = usize::from(first & 0xf) * 4;
    let &[a, b, c, d, ..] = packet.get(header..).filter(|_| is_tcp)? else { return None };
    Some((*packet.get(header + 13)?, [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]))
}
