//! Frames of a capture: times, interfaces and lengths are the capture's, and entries outlive readings.

use abi::tcp_flags::{ACK, FIN, SYN};
use anyhow::{Context, Result, ensure};
use crafted::layer::{IPV4, PAYLOAD, TCP, UDP, ethernet, ipv4, patched, tcp, udp_between};
use exporter::clock::MonotonicTime;
use exporter::flow::{Hooks, Observation, Sighting};
use exporter::kernel::{CapturedFrame, Filter, Frames, Sizes, Why, load_for_replay};
use packet::Link;

const MILLISECOND: u64 = 1_000_000;

struct Replay {
    frames: Frames,
    hooks: Hooks,
}

impl Replay {
    fn new(observations: u32) -> Result<Self> {
        let frames = load_for_replay(Sizes::of_observations(observations), &Filter::default())?;
        Ok(Self { frames, hooks: Hooks::default() })
    }

    /// Has a frame of `wire_len` bytes wait that was captured at an interface.
    fn push(&mut self, time: u64, interface: u32, bytes: &[u8], wire_len: u32) -> Result<()> {
        let seen = Sighting { time: MonotonicTime(time), scope: interface, ifindex: 0 };
        let frame = CapturedFrame { link: Link::Ethernet, bytes, wire_len, seen };
        ensure!(self.frames.has_room_for(&frame), "no room");
        self.frames.push(&frame);
        Ok(())
    }

    /// Counts what waits, and says which frame it stopped at, and why.
    fn stop(&mut self) -> Result<Option<(u64, Why)>> {
        Ok(self.frames.count()?.map(|stop| (stop.seen.time.0, stop.why)))
    }

    /// Counts a frame by itself.
    fn count(&mut self, time: u64, bytes: &[u8]) -> Result<Option<Why>> {
        self.push(time, 0, bytes, u32::try_from(bytes.len())?)?;
        Ok(self.stop()?.map(|(_, why)| why))
    }

    fn read(&mut self) -> Vec<Observation> {
        let mut all = Vec::new();
        self.frames.read(&mut self.hooks, |_, observation| all.push(*observation));
        all
    }
}

fn datagram(from: u16) -> Vec<u8> {
    ethernet(IPV4, &ipv4(UDP, &udp_between(from, 50_000, &PAYLOAD)))
}

fn segment(flags: u16, sequence: u32, len: usize) -> Vec<u8> {
    ethernet(IPV4, &ipv4(TCP, &patched(tcp(flags, &vec![7; len]), 4, &sequence.to_be_bytes())))
}

/// The only one there is.
fn only(observations: &[Observation]) -> Result<Observation> {
    let [observation] = observations else { anyhow::bail!("not one: {observations:?}") };
    Ok(*observation)
}

pub(crate) fn as_captured() -> Result<()> {
    let mut replay = Replay::new(64)?;
    let first = 1_700_000_000_123_456_789;
    for (time, interface, wire_len) in
        [(first, 3, 70_000), (first + 1, 4, 100), (first + 5_000_000_001, 3, 2_000)]
    {
        replay.push(time, interface, &datagram(50_001), wire_len)?;
    }
    ensure!(replay.stop()?.is_none() && replay.frames.waiting() == 0, "a frame is not counted");
    let observations = replay.read();
    let [here, there] = observations[..] else { anyhow::bail!("not two: {observations:?}") };
    ensure!((here.counts.packets, here.counts.bytes) == (2, 72_000), "{here:?}");
    ensure!((here.first.0, here.last.0) == (first, first + 5_000_000_001), "{here:?}");
    ensure!((there.counts.bytes, there.first.0, there.last.0) == (100, first + 1, first + 1), "{there:?}");
    ensure!(replay.hooks.get(here.hook).scope == 3 && replay.hooks.get(there.hook).scope == 4, "interfaces");
    ensure!(replay.read().is_empty(), "something was read twice");
    // What is not IP, and what contradicts itself, is in no observation.
    ensure!(replay.count(1, &ethernet(0x0806, &[0; 46]))?.is_none(), "ARP");
    ensure!(replay.count(2, &ethernet(IPV4, &[0x41; 40]))? == Some(Why::Malformed), "a header of 4 bytes");
    ensure!(replay.count(3, &ethernet(IPV4, &[0x45]))? == Some(Why::Short), "a header of 1 byte");
    ensure!(replay.frames.waiting() == 0, "a frame that is nowhere still waits");
    ensure!(replay.read().is_empty(), "there is an observation");
    Ok(())
}

pub(crate) fn handshakes() -> Result<()> {
    let mut replay = Replay::new(64)?;
    let [syn, again, ack] = [1_000, 2_000, 2_500].map(|millisecond| millisecond * MILLISECOND);
    replay.count(syn, &segment(SYN, 10, 0))?;
    replay.count(again, &segment(SYN, 10, 0))?;
    replay.count(ack, &segment(ACK, 11, 0))?;
    let handshake = only(&replay.read())?.handshake;
    ensure!(handshake.syn == Some(MonotonicTime(syn)), "{handshake:?}");
    ensure!(handshake.ack == Some(MonotonicTime(ack)), "{handshake:?}");
    let second = handshake.again.context("no second SYN")?.0;
    ensure!(second <= again && again - second <= 1 << 20, "{handshake:?}");
    Ok(())
}

/// For a frame of a new key, if none waits.
fn has_room(replay: &Replay) -> bool {
    let seen = Sighting { time: MonotonicTime(1), scope: 0, ifindex: 0 };
    replay.frames.has_room_for(&CapturedFrame { link: Link::Ethernet, bytes: &[], wire_len: 0, seen })
}

/// What sequence numbers told is known in the next reading, also if it is of other entries.
pub(crate) fn sent_again() -> Result<()> {
    const ROOM: u16 = 8;
    for turns in [0, 1, 2] {
        let mut replay = Replay::new(ROOM.into())?;
        replay.count(MILLISECOND, &segment(ACK, 1000, 100))?;
        ensure!(only(&replay.read())?.quality.disorder.retransmits == 0, "the first segment");
        for turn in 0..turns {
            // The connection is there once in a while; what fills the map are others.
            let mut others = 0_u16..;
            while has_room(&replay) {
                let port = others.next().context("it does not fill up")?;
                replay.count(2 * MILLISECOND, &datagram(50_001 + port + turn * ROOM))?;
            }
            let packets: u64 = replay.read().iter().map(|observation| observation.counts.packets).sum();
            ensure!(packets == u64::from(others.start), "{packets} of {others:?} packets");
            ensure!(has_room(&replay), "there is still no room");
            replay.count(3 * MILLISECOND, &segment(ACK, 1100, 0))?;
            replay.read();
        }
        replay.count(10_000 * MILLISECOND, &segment(ACK, 1000, 100))?;
        replay.count(10_001 * MILLISECOND, &segment(ACK, 1100, 100))?;
        let disorder = only(&replay.read())?.quality.disorder;
        ensure!(
            (disorder.retransmits, disorder.retransmitted_bytes, disorder.out_of_order) == (1, 100, 0),
            "after {turns} turns: {disorder:?}"
        );
        replay.count(10_002 * MILLISECOND, &segment(ACK, 1200, 100))?;
        ensure!(only(&replay.read())?.quality.disorder.is_none(), "told twice");
    }
    Ok(())
}

/// An opening segment waits for the old connection's entry to be read.
pub(crate) fn held() -> Result<()> {
    for last in [ACK, ACK | FIN] {
        let mut replay = Replay::new(64)?;
        ensure!(replay.count(1, &segment(SYN, 10, 0))?.is_none(), "the first SYN");
        ensure!(replay.count(2, &segment(SYN, 10, 0))?.is_none(), "a SYN that is sent again");
        replay.count(3, &segment(last, 11, 0))?;
        ensure!(replay.count(4, &segment(SYN, 500, 0))? == Some(Why::Held), "the next one after {last:x}");
        let old = only(&replay.read())?;
        ensure!(old.counts.packets == 3 && old.last.0 == 3, "{old:?}");
        ensure!(replay.stop()?.is_none() && replay.frames.waiting() == 0, "it is held again");
        let new = only(&replay.read())?;
        ensure!(new.counts.packets == 1 && new.handshake.syn == Some(MonotonicTime(4)), "{new:?}");
        ensure!(new.quality.disorder.is_none() && new.handshake.again.is_none(), "{new:?}");
    }
    Ok(())
}

/// Frames that are handed over together, of unlike lengths: each counts as itself, up to one that has to be looked at.
pub(crate) fn together() -> Result<()> {
    let mut replay = Replay::new(64)?;
    let long = segment(ACK, 12, 1_000);
    let frames = [
        segment(SYN, 10, 0),
        long.clone(),
        datagram(50_001),
        ethernet(IPV4, &[0x41; 40]),
        datagram(50_001),
        segment(SYN, 500, 0),
        segment(ACK, 501, 0),
    ];
    for (time, frame) in (1..).zip(&frames) {
        replay.push(time, 0, frame, u32::try_from(frame.len())?)?;
    }
    let short = CapturedFrame {
        link: Link::Ethernet,
        bytes: &frames[0][..20],
        wire_len: 60,
        seen: Sighting { time: MonotonicTime(8), scope: 0, ifindex: 0 },
    };
    ensure!(!replay.frames.has_room_for(&short), "the kernel would refuse all of them for it");
    ensure!(!replay.frames.has_room_for(&CapturedFrame { link: Link::Ip, bytes: &long, ..short }), "IP");
    ensure!(replay.stop()? == Some((4, Why::Malformed)) && replay.frames.waiting() == 3, "no stop at 4");
    ensure!(replay.stop()? == Some((6, Why::Held)) && replay.frames.waiting() == 2, "no stop at 6");
    let counted = |observations: &[Observation]| -> Vec<(u64, u64, u64, u64)> {
        let each = |seen: &Observation| (seen.counts.packets, seen.counts.bytes, seen.first.0, seen.last.0);
        observations.iter().map(each).collect()
    };
    let len = |at: usize| frames[at].len() as u64;
    let before = counted(&replay.read());
    ensure!(before == [(2, len(0) + len(1), 1, 2), (2, 2 * len(2), 3, 5)], "{before:?}");
    ensure!(replay.stop()?.is_none() && replay.frames.waiting() == 0, "frames are left over");
    let after = counted(&replay.read());
    ensure!(after == [(2, len(5) + len(6), 6, 7)], "{after:?}");
    Ok(())
}
