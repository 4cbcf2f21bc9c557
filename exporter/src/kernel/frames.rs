//! Counts the frames of a capture: they are handed to a program in batches, and what was counted is read when the caller says so.

use std::io::{self, ErrorKind};
use std::mem;

use abi::captured::outcome;
use abi::maps::{BATCH, BYTES};
use abi::{Batch, Captured, Direction, Frame};
use aya::Ebpf;
use packet::Link;

use crate::clock::MonotonicTime;
use crate::flow::{Hooks, Observation, Sighting};
use crate::kernel::load::Programs;
use crate::kernel::losses::Loss;
use crate::kernel::payloads::Payload;
use crate::kernel::reader::{ReadError, Reader, mapped};
use crate::kernel::sys::{Mapped, test_runs};

/// The programs of a capture, and what they count.
///
/// A reading costs as much as the keys that frames came of since the last one.
pub struct Frames {
    programs: Programs,
    reader: Reader,
    batch: Mapped<Batch>,
    bytes: Mapped<[u8; Frame::MOST_BYTES]>,
    waiting: Waiting,
    /// Entries that have frames, in the order of their first ones.
    touched: Vec<u32>,
    /// When the last frame of each entry was captured, in nanoseconds; 0 where there is none since the last reading.
    last: Vec<u64>,
    /// Since the last reading, on the wire.
    wire_bytes: u64,
}

/// Frames that no program ran on yet.
struct Waiting {
    /// As the programs are to find it, but for `next` and `end`.
    batch: Batch,
    /// When and where each was captured.
    seen: Vec<Sighting>,
    /// How many of them are counted already.
    counted: usize,
    /// What all of them begin with.
    link: Link,
    /// The bytes of one that is longer than none of the others: of what the kernel makes a packet, which has room for each of them.
    longest: Vec<u8>,
}

/// An entry holds twice as many: a batch more has room.
const MOST_WIRE_BYTES: u64 = 1 << 47;
/// Ethernet and IPv6 header: of a shorter packet, headers may be missing, and then the kernel does not take it.
const HEADERS: usize = 54;

/// A frame as a program takes it.
#[derive(Clone, Copy, Debug)]
pub struct CapturedFrame<'a> {
    /// What its bytes begin with.
    pub link: Link,
    /// Its first bytes, or all; at most [`MOST_BYTES`](Frames::MOST_BYTES) are looked at.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub wire_len: u32,
    /// Where and when it was captured.
    pub seen: Sighting,
}

/// A frame that has to be looked at before the next ones are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Where and when it was captured.
    pub seen: Sighting,
    /// Its length on the wire.
    pub wire_len: u32,
    /// What it is.
    pub why: Why,
}

/// Why a frame has to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its headers contradict themselves: among the losses, which have no time of their own.
    Malformed,
    /// The kernel takes none that ends so early: it is nowhere.
    Short,
    /// It is not counted yet: it opens a connection, and what was counted of the one before with the same addresses and ports is to be
    /// [read](Frames::read) first.
    Held,
}

impl Waiting {
    fn is_short(&self) -> bool {
        self.longest.len() < HEADERS
    }

    fn settled(&mut self) {
        self.seen.clear();
        self.counted = 0;
        self.longest.clear();
    }
}

impl Frames {
    /// The most bytes of a frame that are looked at.
    pub const MOST_BYTES: usize = Frame::MOST_BYTES;

    pub(super) fn new(ebpf: &mut Ebpf, programs: Programs, reader: Reader) -> Result<Self, ReadError> {
        let waiting = Waiting {
            batch: Batch::default(),
            seen: Vec::with_capacity(Batch::MOST_FRAMES as usize),
            counted: 0,
            link: Link::Ethernet,
            longest: Vec::with_capacity(Self::MOST_BYTES),
        };
        Ok(Self {
            programs,
            batch: mapped(ebpf, BATCH, 1)?,
            bytes: mapped(ebpf, BYTES, Batch::MOST_FRAMES)?,
            waiting,
            touched: Vec::new(),
            last: vec![0; reader.entries_in_map()],
            wire_bytes: 0,
            reader,
        })
    }

    /// Frames that wait to be counted.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.seen.len() - self.waiting.counted
    }

    /// Whether a frame has room beside those that wait. If not, those are to be [counted](Self::count) first; and if none waits,
    /// what was counted is to be [read](Self::read).
    #[must_use]
    pub fn has_room_for(&self, frame: &CapturedFrame<'_>) -> bool {
        let Waiting { seen, link, .. } = &self.waiting;
        let is_alike = *link == frame.link && frame.bytes.len() >= HEADERS && !self.waiting.is_short();
        (seen.is_empty() || is_alike && seen.len() < Batch::MOST_FRAMES as usize)
            && self.reader.has_room_for(seen.len() + 1)
            && self.wire_bytes < MOST_WIRE_BYTES
    }

    /// Has a frame wait, behind the others. There has to be [room](Self::has_room_for).
    pub fn push(&mut self, frame: &CapturedFrame<'_>) {
        let CapturedFrame { link, bytes, wire_len, seen } = *frame;
        let bytes = &bytes[..bytes.len().min(Self::MOST_BYTES)];
        let Waiting { batch, seen: waiting, longest, .. } = &mut self.waiting;
        let number = waiting.len();
        // 0 is how the programs note what they have not seen: the very first nanosecond is told as the second.
        let time_ns = seen.time.0.max(1);
        let Sighting { scope, ifindex, .. } = seen;
        batch.frames[number] = Frame {
            captured: Captured { time_ns, scope, ifindex, len: wire_len, is_again: 0 },
            bytes: word(bytes.len()),
            outcome: outcome::REFUSED,
        };
        self.bytes.write(word(number), bytes);
        waiting.push(seen);
        if bytes.len() > longest.len() {
            longest.clear();
            longest.extend(bytes);
        }
        self.waiting.link = link;
    }

    /// Counts the frames that wait, up to one that has to be looked at, if there is one. It ends at others as well, with `None`: until none
    /// waits, it is to be called again.
    ///
    /// # Errors
    /// Where the kernel does not run the program on the first of those that wait.
    pub fn count(&mut self) -> io::Result<Option<Stop>> {
        let Waiting { batch, seen, counted, link, longest } = &mut self.waiting;
        (batch.next, batch.end) = (word(*counted), word(seen.len()));
        self.batch.set(0, *batch);
        let program = self.programs.fd(*link, Direction::Ingress);
        let ran = test_runs(program, longest, batch.end - batch.next);
        let after = self.batch.get(0);
        let mut stopped = None;
        for (frame, seen) in after.frames.iter().zip(&*seen).take(after.next as usize).skip(*counted) {
            let why = match frame.outcome {
                outcome::REFUSED => return Err(ErrorKind::OutOfMemory.into()),
                outcome::MALFORMED => Why::Malformed,
                outcome::HELD => Why::Held,
                number => {
                    if let Some(last) = self.last.get_mut(number as usize) {
                        if mem::replace(last, frame.captured.time_ns) == 0 {
                            self.touched.push(number);
                        }
                        self.wire_bytes += u64::from(frame.captured.len);
                    }
                    *counted += 1;
                    continue;
                }
            };
            if why == Why::Held {
                // The next time it is counted.
                batch.frames[*counted].captured.is_again = 1;
            } else {
                *counted += 1;
            }
            stopped = Some(Stop { seen: *seen, wire_len: frame.captured.len, why });
        }
        match ran {
            Err(error) if error.kind() == ErrorKind::InvalidInput && self.waiting.is_short() => {
                let first = self.waiting.batch.frames[0].captured.len;
                stopped = Some(Stop { seen: self.waiting.seen[0], wire_len: first, why: Why::Short });
                self.waiting.counted = 1;
            }
            // A signal, which is dealt with before the next call.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            ran => ran?,
        }
        if self.waiting() == 0 {
            self.waiting.settled();
        }
        Ok(stopped)
    }

    /// Gives what was counted since the last time, if the frames came in the order of their times.
    pub fn read(&mut self, hooks: &mut Hooks, mut take: impl FnMut(&Hooks, &Observation)) {
        for number in self.touched.drain(..) {
            let last = MonotonicTime(mem::take(&mut self.last[number as usize]));
            let observation = self.reader.empty_entry(number, last, hooks);
            take(hooks, &observation);
        }
        self.wire_bytes = 0;
        self.reader.read_left_out(hooks);
        if !self.reader.has_room_for(1) {
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

/// Of something that a batch has.
fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
