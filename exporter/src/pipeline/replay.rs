//! The way from a capture to records: each frame is handed to a program of the kernel, and what it counted is read at once.
//!
//! So an observation is of one frame, and its times are the frame's own, to the nanosecond. The clock of the flow table is the
//! latest time stamp so far; nothing waits, and no interface is touched.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use abi::{Direction, Reason};

use super::{Outlet, Paced, loss, payloads};
use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{Counts, Handshake, Hook, HookId, Hooks, Observation, Role, Sighting};
use crate::kernel::{
    Filter, LoadError, Loaded, Loss, PacketContext, ReadError, Sizes, load_for_replay, test_run,
};
use crate::ledger::Ledger;
use crate::replay::{Capture, CaptureError, Frame, Interface, Packet};
use crate::table::{FlowTable, Output};

/// The most bytes of a packet that the kernel takes on all machines.
const MOST_BYTES: usize = 3520;
/// Ethernet and IPv6 header: of a shorter packet, headers may be missing, and then the kernel does not take it.
const HEADERS: usize = 54;
/// A frame is one observation.
const OBSERVATIONS: u32 = 8;
/// Bytes of the ring of payloads, of which a frame has one. A page, whatever the machine's are.
const RING: u32 = 1 << 16;
/// How often flows are looked at whether they are over, in nanoseconds of the capture's time. A connection takes its last
/// packets for one to two of them.
const STEP: u64 = 1_000_000_000;

/// Plays captures into a flow table.
pub(crate) struct Replay<O> {
    loaded: Loaded,
    /// What the programs name: one interface, of which user space knows better.
    unnamed: Hooks,
    hooks: Hooks,
    /// By number in the capture and index in the frame.
    known: HashMap<(u32, u32), HookId, foldhash::fast::FixedState>,
    /// Where the last frame was captured: mostly the next one was, too.
    last: Option<((u32, u32), HookId)>,
    table: FlowTable,
    ledger: Arc<Ledger>,
    outlet: O,
    /// The latest time stamp.
    now: Option<u64>,
    /// When flows are looked at next.
    next_step: u64,
    /// A frame as the programs take it.
    packet: Vec<u8>,
}

/// Why a replay ended before the capture did.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The programs do not load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The capture is broken.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The kernel does not take a frame.
    #[error("the kernel does not run the flow program on frame {frame}: {source}")]
    Run {
        /// Its number, from 1.
        frame: u64,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The kernel's counts cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Nobody takes records any more.
    #[error("cannot write flows: {0}")]
    Outlet(#[source] io::Error),
}

impl<O: Outlet> Replay<O> {
    /// Loads the programs.
    pub(crate) fn new(
        table: FlowTable,
        filter: &Filter,
        ledger: Arc<Ledger>,
        outlet: O,
    ) -> Result<Self, ReplayError> {
        Ok(Self {
            // Each frame is read by itself, so there is no segment before it to compare it with.
            loaded: load_for_replay(
                Sizes { tcp_quality: false, ..Sizes::of_observations(OBSERVATIONS) }.with_payloads(RING),
                filter,
            )?,
            unnamed: Hooks::default(),
            hooks: Hooks::default(),
            known: HashMap::default(),
            last: None,
            table,
            ledger,
            outlet,
            now: None,
            next_step: 0,
            packet: Vec::with_capacity(MOST_BYTES),
        })
    }

    /// Plays a capture as far as it can be read. Its flows go on with the next one.
    pub(crate) fn play(&mut self, capture: &mut Capture) -> Result<(), ReplayError> {
        loop {
            let number = capture.frames() + 1;
            let Some(frame) = capture.next_frame()? else { return Ok(()) };
            let Frame { timestamp, interface, link, wire_len, bytes } = frame;
            let packet = link.packet(bytes, wire_len, MOST_BYTES, &mut self.packet);
            let ifindex = match packet {
                Packet::Of { ifindex, .. } => ifindex,
                Packet::NotIp | Packet::Short => 0,
            };
            let scope = u32::try_from(interface).unwrap_or(u32::MAX);
            let hook = match self.last {
                Some((place, hook)) if place == (scope, ifindex) => hook,
                _ => self.hook(scope, ifindex, capture.interfaces().get(interface)),
            };
            self.advance(timestamp)?;
            let sighting = Sighting { time: MonotonicTime(timestamp), scope, ifindex };
            self.frame(packet, wire_len, Seen { hook, sighting, number })?;
        }
    }

    /// Ends every flow and hands over the last record.
    pub(crate) fn finish(&mut self) -> Result<(), ReplayError> {
        self.outlet.make_room();
        let clock = self.clock();
        let Self { table, ledger, outlet, hooks, .. } = self;
        table.finish(&mut Output { clock, hooks, ledger, sink: &mut Paced(outlet) });
        outlet.finish().map_err(ReplayError::Outlet)
    }

    /// Payloads for which there was no memory: their flows do not have what they say.
    pub(crate) fn payloads_unkept(&self) -> u64 {
        self.table.lost_payloads().refused
    }

    /// The number of a place of the capture, new or known.
    fn hook(&mut self, scope: u32, ifindex: u32, interface: Option<&Interface>) -> HookId {
        let hook = *self.known.entry((scope, ifindex)).or_insert_with(|| {
            self.hooks.register(Hook {
                scope,
                ifindex,
                direction: Direction::Ingress,
                interface: interface.and_then(|known| known.name.clone()).unwrap_or_default(),
                role: Role::Capture,
                namespace: None,
            })
        });
        self.last = Some(((scope, ifindex), hook));
        hook
    }

    /// Makes the records that fall due until a frame's time. Time stamps may go back; the clock does not.
    fn advance(&mut self, timestamp: u64) -> Result<(), ReplayError> {
        let Some(now) = self.now else {
            self.now = Some(timestamp);
            self.next_step = timestamp.saturating_add(STEP);
            return Ok(());
        };
        // Two steps end what is closed; of a longer silence only the end matters.
        for _ in 0..2 {
            if timestamp >= self.next_step {
                self.step(self.next_step)?;
            }
        }
        if timestamp >= self.next_step {
            self.step(timestamp)?;
        }
        self.now = Some(now.max(timestamp));
        Ok(())
    }

    fn step(&mut self, to: u64) -> Result<(), ReplayError> {
        self.now = Some(to);
        self.next_step = to.saturating_add(STEP);
        self.outlet.make_room();
        let clock = self.clock();
        let Self { table, ledger, outlet, hooks, .. } = self;
        table.emit_due(&mut Output { clock, hooks, ledger, sink: &mut Paced(outlet) });
        outlet.flush().map_err(ReplayError::Outlet)
    }

    fn clock(&self) -> Clock {
        let now = self.now.unwrap_or_default();
        Clock::at(MonotonicTime(now), WallTime(now))
    }

    fn frame(&mut self, packet: Packet, captured: u32, seen: Seen) -> Result<(), ReplayError> {
        let (link, wire_len) = match packet {
            Packet::Of { link, wire_len, .. } => (link, wire_len),
            Packet::NotIp => {
                self.lose(seen.loss(Reason::NotIp, captured));
                return Ok(());
            }
            Packet::Short => {
                self.lose(seen.loss(Reason::Malformed, captured));
                return Ok(());
            }
        };
        // Of a whole frame the bytes say it, and a run without a context is faster.
        let is_whole = usize::try_from(wire_len) == Ok(self.packet.len());
        let context = PacketContext { mark: if is_whole { 0 } else { wire_len }, ..PacketContext::default() };
        let program = self.loaded.programs.fd(link, Direction::Ingress);
        match test_run(program, &self.packet, &context) {
            Ok(_) => self.read(wire_len, seen),
            Err(error) if error.kind() == ErrorKind::InvalidInput && self.packet.len() < HEADERS => {
                self.lose(seen.loss(Reason::Malformed, wire_len));
                Ok(())
            }
            Err(source) => Err(ReplayError::Run { frame: seen.number, source }),
        }
    }

    /// Takes what the program counted of the frame, and what it shipped.
    fn read(&mut self, wire_len: u32, seen: Seen) -> Result<(), ReplayError> {
        let is_of_flow = self.loaded.reader.fill() != 0;
        let clock = self.clock();
        let Self { loaded, unnamed, hooks, table, ledger, outlet, .. } = self;
        loaded.reader.read(unnamed, |_, counted| {
            let observation = seen.observation(counted, wire_len);
            table.apply(&observation, &mut Output { clock, hooks, ledger, sink: outlet });
        })?;
        if is_of_flow {
            loaded.reader.read_payloads(|payload| {
                payloads::note(payload, seen.sighting, table);
            });
            return Ok(());
        }
        let mut losses = Vec::new();
        self.loaded.reader.read_losses(&mut self.unnamed, |_, loss| losses.push(loss.reason))?;
        for reason in losses {
            self.lose(seen.loss(reason, wire_len));
        }
        Ok(())
    }

    fn lose(&mut self, loss: Loss) {
        let clock = self.clock();
        let Self { table, ledger, outlet, hooks, .. } = self;
        loss::account(&loss, table, &mut Output { clock, hooks, ledger, sink: outlet });
    }
}

/// Where and when a frame was captured.
#[derive(Clone, Copy)]
struct Seen {
    hook: HookId,
    sighting: Sighting,
    /// Among the capture's frames, from 1.
    number: u64,
}

impl Seen {
    /// What the program counted of the frame, with what only the capture knows.
    fn observation(self, counted: &Observation, wire_len: u32) -> Observation {
        let time = self.sighting.time;
        let at = |seen: Option<MonotonicTime>| seen.map(|_| time);
        let Handshake { syn, syn_ack, ack, .. } = counted.handshake;
        Observation {
            hook: self.hook,
            counts: Counts { bytes: wire_len.into(), ..counted.counts },
            first: time,
            last: time,
            handshake: Handshake { syn: at(syn), syn_ack: at(syn_ack), ack: at(ack), again: None },
            ..*counted
        }
    }

    fn loss(self, reason: Reason, wire_len: u32) -> Loss {
        let counts = Counts { packets: 1, bytes: wire_len.into() };
        Loss { hook: Some(self.hook), reason, counts }
    }
}
