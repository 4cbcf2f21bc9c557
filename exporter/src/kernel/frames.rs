//! Counts the frames of a capture: each is handed to a program, and what was counted is read when the caller says so.

use std::io;
use std::mem;

use abi::captured::outcome;
use abi::maps::CAPTURED;
use abi::{Captured, Direction};
use aya::Ebpf;
use packet::Link;

use crate::clock::MonotonicTime;
use crate::flow::{Hooks, Observation, Sighting};
use crate::kernel::load::Programs;
use crate::kernel::losses::Loss;
use crate::kernel::payloads::Payload;
use crate::kernel::reader::{ReadError, Reader, mapped};
use crate::kernel::sys::{Mapped, PacketContext, test_run};

/// The programs of a capture, and what they count.
///
/// A reading costs as much as the keys that frames came of since the last one.
pub struct Frames {
    programs: Programs,
    reader: Reader,
    captured: Mapped<Captured>,
    /// Entries that have frames, in the order of their first ones.
    touched: Vec<u32>,
    /// When the last frame of each entry was captured, in nanoseconds; 0 where there is none since the last reading.
    last: Vec<u64>,
    /// Since the last reading, on the wire.
    bytes: u64,
}

/// An entry holds twice as many: one more frame has room.
const MOST_BYTES: u64 = 1 << 47;

/// A frame as a program takes it.
#[derive(Clone, Copy, Debug)]
pub struct CapturedFrame<'a> {
    /// What its bytes begin with.
    pub link: Link,
    /// Its first bytes, or all.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub wire_len: u32,
    /// Where and when it was captured.
    pub seen: Sighting,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in an observation.
    Counted,
    /// It belongs to no flow, or to none that is wanted: among the losses.
    LeftOut,
    /// Its headers contradict themselves: among the losses.
    Malformed,
    /// It was not counted: it opens a connection, and what was counted of the one before with the same addresses and ports is to be
    /// [read](Frames::read) first.
    Held,
}

impl Frames {
    pub(super) fn new(ebpf: &mut Ebpf, programs: Programs, reader: Reader) -> Result<Self, ReadError> {
        let captured = mapped(ebpf, CAPTURED, 1)?;
        let last = vec![0; reader.entries_in_map()];
        Ok(Self { programs, reader, captured, touched: Vec::new(), last, bytes: 0 })
    }

    /// Counts a frame. One that is told to be there `again` was held, and is not another time.
    ///
    /// # Errors
    /// `EINVAL` for bytes that end before the Ethernet or IP header does.
    pub fn count(&mut self, frame: &CapturedFrame<'_>, is_again: bool) -> io::Result<Outcome> {
        let CapturedFrame { link, bytes, wire_len, seen } = *frame;
        // 0 is how the programs note what they have not seen: the very first nanosecond is told as the second.
        let time_ns = seen.time.0.max(1);
        let Sighting { scope, ifindex, .. } = seen;
        self.captured.set(0, Captured { time_ns, scope, ifindex, len: wire_len, is_again: is_again.into() });
        let program = self.programs.fd(link, Direction::Ingress);
        let verdict = test_run(program, bytes, &PacketContext::default())?.cast_unsigned();
        Ok(match verdict {
            outcome::MALFORMED => Outcome::Malformed,
            outcome::HELD => Outcome::Held,
            number if number < outcome::MOST_ENTRIES => {
                if let Some(last) = self.last.get_mut(number as usize)
                    && mem::replace(last, time_ns) == 0
                {
                    self.touched.push(number);
                }
                self.bytes += u64::from(wire_len);
                Outcome::Counted
            }
            _ => Outcome::LeftOut,
        })
    }

    /// Whether to [read](Self::read) before the next frame, which may find no room.
    #[must_use]
    pub fn are_full(&self) -> bool {
        self.reader.is_full() || self.bytes >= MOST_BYTES
    }

    /// Gives what was counted since the last time, if the frames came in the order of their times.
    pub fn read(&mut self, hooks: &mut Hooks, mut take: impl FnMut(&Hooks, &Observation)) {
        for number in self.touched.drain(..) {
            let last = MonotonicTime(mem::take(&mut self.last[number as usize]));
            let observation = self.reader.empty_entry(number, last, hooks);
            take(hooks, &observation);
        }
        self.bytes = 0;
        self.reader.read_left_out(hooks);
        if self.reader.is_full() {
            self.reader.begin_generation();
        }
    }

    /// As [`Reader::read_losses`].
    ///
    /// # Errors
    /// As there.
    pub fn read_losses(
        &mut self,
        hooks: &mut Hooks,
        take: impl FnMut(&Hooks, &Loss),
    ) -> Result<(), ReadError> {
        self.reader.read_losses(hooks, take)
    }

    /// As [`Reader::read_payloads`].
    pub fn read_payloads(&mut self, take: impl FnMut(&Payload<'_>)) {
        self.reader.read_payloads(take);
    }
}
