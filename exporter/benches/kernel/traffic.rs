//! The loads. Packets go from a through r to b as long as the value lives.

use std::io::{IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::lab::{Lab, NOBODY, RECEIVER, SENDER};

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// UDP packets of 64 bytes with their Ethernet header, from one CPU, to each flow in turn.
    Udp {
        /// How many flows.
        flows: usize,
        /// How many CPUs send; each sends every flow.
        cpus: usize,
    },
    /// One TCP connection that sends as fast as it can, in GSO packets.
    TcpStream,
}

/// UDP payload: 64 bytes with 14 of Ethernet, 20 of IPv4 and 8 of UDP.
const PAYLOAD: [u8; 22] = [0x55; 22];
/// Messages of one system call.
const BURST: usize = 64;
/// Destination ports of an address; more flows take another address.
const PORTS: usize = 50_000;
const SOURCE_PORT: u16 = 40_000;

/// Running senders and receivers.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Traffic {
    pub(crate) fn start(load: Load, lab: &Lab) -> Result<Self> {
        let mut traffic = Self { stop: Arc::default(), threads: Vec::new() };
        match load {
            Load::Udp { flows, cpus } => {
                // A socket stays in the namespace it was made in.
                let socket =
                    Arc::new(lab.a.enter(|| {
                        UdpSocket::bind((SENDER, SOURCE_PORT)).context("cannot bind the sender")
                    })??);
                let flows: Arc<[SocketAddrV4]> = (0..flows).map(flow).collect();
                for cpu in (0..cpus).rev() {
                    let (socket, flows) = (Arc::clone(&socket), Arc::clone(&flows));
                    // One sender leaves the first CPU to the reader.
                    let cpu = if cpus == 1 { 1 } else { cpu };
                    traffic.spawn(cpu, move |stop| send(&socket, &flows, stop));
                }
            }
            Load::TcpStream => {
                let listener = lab
                    .b
                    .enter(|| TcpListener::bind((RECEIVER, 0)).context("cannot bind the receiver"))??;
                let address = listener.local_addr().context("cannot read the receiver's address")?;
                traffic.spawn(0, move |_| receive(&listener));
                let stream = lab
                    .a
                    .enter(|| TcpStream::connect(address).context("cannot connect to the receiver"))??;
                traffic.spawn(1, move |stop| stream_to(stream, stop));
            }
        }
        Ok(traffic)
    }

    fn spawn(&mut self, cpu: usize, work: impl FnOnce(&AtomicBool) -> Result<()> + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(std::thread::spawn(move || {
            let mut cpus = CpuSet::new();
            cpus.set(cpu % std::thread::available_parallelism()?.get());
            sched_setaffinity(None, &cpus).context("cannot choose a CPU")?;
            work(&stop)
        }));
    }

    /// Ends the load.
    pub(crate) fn stop(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("senders do not panic")?;
        }
        Ok(())
    }
}

fn flow(number: usize) -> SocketAddrV4 {
    let address: Ipv4Addr = NOBODY[number / PORTS];
    SocketAddrV4::new(address, u16::try_from(1024 + number % PORTS).expect("PORTS fit"))
}

fn send(socket: &UdpSocket, flows: &[SocketAddrV4], stop: &AtomicBool) -> Result<()> {
    let flows: Vec<_> = flows.iter().map(SocketAddrArg::as_any).collect();
    let payload = [IoSlice::new(&PAYLOAD)];
    let mut nothing: [SendAncillaryBuffer<'_, '_, '_>; BURST] =
        std::array::from_fn(|_| SendAncillaryBuffer::default());
    let mut next = flows.iter().cycle();
    while !stop.load(Ordering::Relaxed) {
        let mut messages: Vec<_> = nothing
            .iter_mut()
            .zip(&mut next)
            .map(|(nothing, flow)| MMsgHdr::new_with_addr(flow, &payload, nothing))
            .collect();
        sendmmsg(socket, &mut messages, SendFlags::empty()).context("cannot send")?;
    }
    Ok(())
}

fn stream_to(mut stream: TcpStream, stop: &AtomicBool) -> Result<()> {
    let bytes = vec![0x55; 1 << 17];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&bytes).context("cannot send")?;
    }
    Ok(())
}

fn receive(listener: &TcpListener) -> Result<()> {
    let (mut stream, _) = listener.accept().context("cannot accept")?;
    let mut bytes = vec![0; 1 << 17];
    while stream.read(&mut bytes).context("cannot receive")? != 0 {}
    Ok(())
}
