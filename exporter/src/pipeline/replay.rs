//! The way from a capture to records: frames are handed to a program of the kernel, some at a time, and what was counted is read from time to
//! time.
//!
//! A reading ends when a second of the capture is over, and flows are looked at. Before that, counts are read if a connection opens
//! where another one was, if time stamps go back, and if there is no more room. So within a reading times only grow, and are the
//! frames' own, to the nanosecond. The clock of the flow table is the latest time stamp of what is counted; nothing waits, and no
//! interface is touched.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use abi::{Direction, Reason};

use super::{Outlet, Paced, loss, payloads};
use crate::clock::{Clock, MonotonicTime, WallTime};
use crate::flow::{Counts, Hook, HookId, Hooks, Role, Sighting};
use crate::kernel::{
    CapturedFrame, Filter, Frames, LoadError, Loss, ReadError, Sizes, Stop, Why, load_for_replay,
};
use crate::ledger::Ledger;
use crate::replay::{Capture, CaptureError, Frame, Packet};
use crate::table::{FlowTable, Output};

/// Bytes of the ring of payloads: a page, whatever the machine's are, and room for those of all frames of a batch.
const RING: u32 = 1 << 16;
/// How often flows are looked at whether they are over, in nanoseconds of the capture's time. A connection takes its last
/// packets for one to two of them.
const STEP: u64 = 1_000_000_000;

/// Plays captures into a flow table.
pub(crate) struct Replay<O> {
    frames: Frames,
    hooks: Hooks,
    /// By number in the capture and index in the frame.
    known: HashMap<(u32, u32), HookId, foldhash::fast::FixedState>,
    /// Where the last frame was captured: mostly the next one was, too.
    last_place: Option<((u32, u32), HookId)>,
    table: FlowTable,
    ledger: Arc<Ledger>,
    outlet: O,
    /// Number and time stamp of the last frame that was taken.
    last: (u64, u64),
    /// The latest time stamp of what is counted; the first frame's, if none is.
    now: Option<u64>,
    /// When flows are looked at next.
    next_step: u64,
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
    /// Loads the programs. Their maps have these sizes, but for the ring of payloads.
    pub(crate) fn new(
        table: FlowTable,
        sizes: Sizes,
        filter: &Filter,
        ledger: Arc<Ledger>,
        outlet: O,
    ) -> Result<Self, ReplayError> {
        Ok(Self {
            frames: load_for_replay(sizes.with_payloads(RING), filter)?,
            hooks: Hooks::default(),
            known: HashMap::default(),
            last_place: None,
            last: (0, 0),
            table,
            ledger,
            outlet,
            now: None,
            next_step: 0,
        })
    }

    /// Plays a capture as far as it can be read. Its flows go on with the next one.
    pub(crate) fn play(&mut self, capture: &mut Capture) -> Result<(), ReplayError> {
        let read = self.take_frames(capture);
        // What came before an error counts.
        let counted = self.count_waiting();
        read.and(counted)
    }

    fn take_frames(&mut self, capture: &mut Capture) -> Result<(), ReplayError> {
        let mut made = Vec::with_capacity(Frames::MOST_BYTES);
        loop {
            let number = capture.frames() + 1;
            let Some(frame) = capture.next_frame()? else { return Ok(()) };
            let Frame { timestamp, interface, name, link, wire_len, bytes } = frame;
            let packet = link.packet(bytes, wire_len, Frames::MOST_BYTES, &mut made);
            let ifindex = match packet {
                Packet::Of { ifindex, .. } => ifindex,
                Packet::NotIp | Packet::Short => 0,
            };
            let scope = u32::try_from(interface).unwrap_or(u32::MAX);
            let hook = match self.last_place {
                Some((place, hook)) if place == (scope, ifindex) => hook,
                _ => self.hook(scope, ifindex, name),
            };
            self.advance(timestamp)?;
            let seen = Sighting { time: MonotonicTime(timestamp), scope, ifindex };
            match packet {
                Packet::Of { link, wire_len, bytes, .. } => {
                    self.push(&CapturedFrame { link, bytes, wire_len, seen })?;
                }
                Packet::NotIp => self.lose(hook, Reason::NotIp, wire_len, timestamp)?,
                Packet::Short => self.lose(hook, Reason::Malformed, wire_len, timestamp)?,
            }
            self.last = (number, timestamp);
        }
    }

    /// Ends every flow and hands over the last record.
    pub(crate) fn finish(&mut self) -> Result<(), ReplayError> {
        self.outlet.make_room();
        self.read();
        let read = self.read_losses();
        let clock = self.clock();
        let Self { table, ledger, outlet, hooks, .. } = self;
        table.finish(&mut Output { clock, hooks, ledger, sink: &mut Paced(outlet) });
        let written = outlet.finish().map_err(ReplayError::Outlet);
        read.and(written)
    }

    /// Payloads for which there was no memory: their flows do not have what they say.
    pub(crate) fn payloads_unkept(&self) -> u64 {
        self.table.lost_payloads().refused
    }

    /// The number of a place of the capture, new or known.
    fn hook(&mut self, scope: u32, ifindex: u32, name: Option<&str>) -> HookId {
        let hook = *self.known.entry((scope, ifindex)).or_insert_with(|| {
            self.hooks.register(Hook {
                scope,
                ifindex,
                direction: Direction::Ingress,
                interface: name.map(Box::from).unwrap_or_default(),
                role: Role::Capture,
                switch: None,
                leads_to: None,
                namespace: None,
            })
        });
        self.last_place = Some(((scope, ifindex), hook));
        hook
    }

    /// Makes the records that fall due until a frame's time. Time stamps may go back; the clock does not.
    fn advance(&mut self, timestamp: u64) -> Result<(), ReplayError> {
        if self.now.is_none() {
            self.now = Some(timestamp);
            self.next_step = timestamp.saturating_add(STEP);
            return Ok(());
        }
        let (_, last) = self.last;
        if timestamp < last || timestamp >= self.next_step {
            self.count_waiting()?;
        }
        if timestamp < last {
            self.read();
        }
        // Two steps end what is closed; of a longer silence only the end matters.
        for _ in 0..2 {
            if timestamp >= self.next_step {
                self.step(self.next_step)?;
            }
        }
        if timestamp >= self.next_step {
            self.step(timestamp)?;
        }
        Ok(())
    }

    /// What is counted is so until then.
    fn reach(&mut self, timestamp: u64) {
        self.now = self.now.max(Some(timestamp));
    }

    fn step(&mut self, to: u64) -> Result<(), ReplayError> {
        self.outlet.make_room();
        self.read();
        self.read_losses()?;
        self.now = Some(to);
        self.next_step = to.saturating_add(STEP);
        let clock = self.clock();
        let Self { table, ledger, outlet, hooks, .. } = self;
        table.emit_due(&mut Output { clock, hooks, ledger, sink: &mut Paced(outlet) });
        outlet.flush().map_err(ReplayError::Outlet)
    }

    fn clock(&self) -> Clock {
        let now = self.now.unwrap_or_default();
        Clock::at(MonotonicTime(now), WallTime(now))
    }

    /// Has a frame counted, with those that come next.
    fn push(&mut self, frame: &CapturedFrame<'_>) -> Result<(), ReplayError> {
        if !self.frames.has_room_for(frame) {
            self.count_waiting()?;
            if !self.frames.has_room_for(frame) {
                self.end_reading();
            }
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Has the programs count what waits, and reads before a frame what they cannot tell apart from it.
    fn count_waiting(&mut self) -> Result<(), ReplayError> {
        let (last, until) = self.last;
        while self.frames.waiting() > 0 {
            let frame = last + 1 - self.frames.waiting() as u64;
            let counted = self.frames.count().map_err(|source| ReplayError::Run { frame, source });
            let Self { frames, table, .. } = self;
            frames.read_payloads(|payload| {
                payloads::note(payload, payload.seen, table);
            });
            if let Some(stop) = counted? {
                self.look_at(stop)?;
            }
        }
        self.reach(until);
        Ok(())
    }

    fn look_at(&mut self, Stop { seen, wire_len, why }: Stop) -> Result<(), ReplayError> {
        let Sighting { time: MonotonicTime(time), scope, ifindex } = seen;
        self.reach(time);
        match why {
            // As of now, and not of the end of the reading: its record says when it was.
            Why::Malformed => self.read_losses(),
            Why::Short => {
                let hook = self.hook(scope, ifindex, None);
                self.account(hook, Reason::Malformed, wire_len);
                Ok(())
            }
            Why::Held => {
                // One that comes late may be an old connection's, which another interface of the capture saw open.
                if self.now == Some(time) {
                    self.end_reading();
                }
                Ok(())
            }
        }
    }

    /// What comes now is of another reading.
    fn end_reading(&mut self) {
        self.read();
        let clock = self.clock();
        let Self { table, ledger, outlet, hooks, .. } = self;
        table.end_reading(&mut Output { clock, hooks, ledger, sink: &mut Paced(outlet) });
    }

    /// Takes what the programs counted.
    fn read(&mut self) {
        let clock = self.clock();
        let Self { frames, hooks, table, ledger, outlet, .. } = self;
        // Nothing is held that others need, so records of a full table can be waited for.
        let mut sink = Paced(outlet);
        frames.read(hooks, |hooks, observation| {
            table.apply(observation, &mut Output { clock, hooks, ledger, sink: &mut sink });
        });
    }

    /// Takes what is in no observation.
    fn read_losses(&mut self) -> Result<(), ReplayError> {
        let clock = self.clock();
        let Self { frames, hooks, table, ledger, outlet, .. } = self;
        frames.read_losses(hooks, |hooks, loss| {
            loss::account(loss, table, &mut Output { clock, hooks, ledger, sink: outlet });
        })?;
        Ok(())
    }

    /// A frame that no program takes, after those that wait.
    fn lose(
        &mut self,
        hook: HookId,
        reason: Reason,
        wire_len: u32,
        timestamp: u64,
    ) -> Result<(), ReplayError> {
        self.count_waiting()?;
        self.reach(timestamp);
        self.account(hook, reason, wire_len);
        Ok(())
    }

    fn account(&mut self, hook: HookId, reason: Reason, wire_len: u32) {
        let loss = Loss { hook: Some(hook), reason, counts: Counts { packets: 1, bytes: wire_len.into() } };
        let clock = self.clock();
        let Self { table, ledger, outlet, hooks, .. } = self;
        loss::account(&loss, table, &mut Output { clock, hooks, ledger, sink: outlet });
    }
}
