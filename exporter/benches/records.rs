//! What a record costs on its way from the kernel's counts to a request's bytes: the flow table, the records with their paths and
//! drops, the writer and the compression, without the kernel and the network.
//!
//! The load is that of `peer_run`: 100 000 UDP flows through a router, each seen at two hooks, 40 000 packets a second, an interval of
//! 5 s; of few of them the kernel tells that it dropped them. With the argument `counting` as under `--path=false --drops=none`, with
//! `zstd` compressed. `valgrind --tool=callgrind --toggle-collect='*measured*'` counts its instructions.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use exporter::clock::{Clock, MonotonicTime, WallTime};
use exporter::export::{Compressor, Encoding, Queue};
use exporter::flow::{
    Counts, Direction, DropReason, Dropped, Ecn, FlowIds, Handshake, Hook, HookId, Hooks, Mac, Observation,
    Quality, Record, RecordSink, TcpFlags, Tuple, Vlan,
};
use exporter::ledger::Ledger;
use exporter::otlp::{LogsRequest, LogsWriter};
use exporter::table::{Config, FlowTable, Output};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

const FLOWS: u32 = 100_000;
const INTERVAL: Duration = Duration::from_secs(5);
/// Bytes of a request.
const REQUEST: usize = 1 << 20;

/// Packets between two looks at what is due, which are a tenth of a second apart.
const STEP: u32 = 4_000;
const STEPS_PER_SECOND: u32 = 10;
/// A reading of the kernel comes after so many.
const STEPS_PER_READING: u32 = 5;
/// Of a reading, the kernel tells of so many dropped packets.
const DROPPED: u32 = 2_048;

/// Until each flow has had its first record, and then an interval.
const WARM_UP: Range<u32> = 0..12 * STEPS_PER_SECOND;
const MEASURED: Range<u32> = WARM_UP.end..WARM_UP.end + 5 * STEPS_PER_SECOND;

fn main() {
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let encoding = if has("zstd") { Encoding::Zstd } else { Encoding::None };
    let mut way = Way::new(!has("counting"), encoding);
    warm_up(&mut way);
    let (records, bytes, begin) = (way.sink.records, way.sink.bytes, cpu_time());
    measured(&mut way);
    let time = cpu_time().saturating_sub(begin);
    let records = way.sink.records - records;
    println!(
        "{records} records, {} ns and {} bytes each",
        time.as_nanos() / u128::from(records),
        (way.sink.bytes - bytes) / u64::from(records)
    );
}

#[inline(never)]
fn warm_up(way: &mut Way) {
    way.run(WARM_UP);
}

#[inline(never)]
fn measured(way: &mut Way) {
    way.run(MEASURED);
}

/// From observations to requests.
struct Way {
    hooks: Hooks,
    /// Packets pass them in this order.
    passed: [HookId; 2],
    ledger: Arc<Ledger>,
    table: FlowTable,
    is_told_of_drops: bool,
    /// As the kernel names it.
    reason: DropReason,
    sink: Sink,
}

impl Way {
    fn new(is_whole: bool, encoding: Encoding) -> Self {
        let mut hooks = Hooks::default();
        let passed = [(2, Direction::Ingress, "rc"), (3, Direction::Egress, "rs")].map(
            |(ifindex, direction, name)| {
                let hook = hooks.register(Hook::named(0, ifindex, direction, name));
                hooks.attach(0, ifindex, direction, MonotonicTime(1));
                hook
            },
        );
        let ledger = Arc::<Ledger>::default();
        let config = Config { interval: INTERVAL, with_path: is_whole, ..Config::default() };
        Self {
            hooks,
            passed,
            table: FlowTable::new(&config, FlowIds::seeded(1, 2)),
            is_told_of_drops: is_whole,
            reason: DropReason("NO_SOCKET".into()),
            sink: Sink {
                writer: LogsWriter::new(&[], REQUEST),
                compressor: Compressor::new(encoding).expect("memory for the compressor"),
                queue: Queue::new(16 * REQUEST),
                ledger: Arc::clone(&ledger),
                records: 0,
                bytes: 0,
            },
            ledger,
        }
    }

    fn run(&mut self, steps: Range<u32>) {
        for step in steps {
            let Self { hooks, table, ledger, sink, .. } = self;
            let clock = at(u64::from(step) * u64::from(STEP));
            if step % STEPS_PER_READING > 0 {
                table.emit_between(&mut Output { clock, hooks, ledger, sink });
                continue;
            }
            self.read(step.saturating_sub(STEPS_PER_READING) * STEP..step * STEP, clock);
            let Self { hooks, table, ledger, sink, .. } = self;
            table.emit_due(&mut Output { clock, hooks, ledger, sink });
            sink.flush();
        }
    }

    /// Takes what the kernel has counted of these packets.
    fn read(&mut self, packets: Range<u32>, clock: Clock) {
        let Self { hooks, passed, table, ledger, sink, .. } = self;
        let mut out = Output { clock, hooks, ledger, sink };
        for packet in packets.clone() {
            for (at, hook) in (0..).zip(*passed) {
                table.apply(&observation(packet, hook, at), &mut out);
            }
        }
        if !self.is_told_of_drops {
            return;
        }
        for packet in packets.take(DROPPED as usize) {
            let time = sent(packet).after(40_000);
            table.note_dropped(&Dropped {
                tuple: tuple(packet % FLOWS),
                scope: None,
                reason: self.reason.clone(),
                counts: Counts { packets: 1, bytes: 128 },
                first: time,
                last: time,
            });
        }
    }
}

/// Both clocks when so many packets have been sent.
fn at(packets: u64) -> Clock {
    let since = packets * 1_000_000_000 / u64::from(STEP * STEPS_PER_SECOND);
    Clock::at(MonotonicTime(1_000_000_000_000 + since), WallTime(1_764_000_000_000_000_000 + since))
}

/// When a packet was sent.
fn sent(packet: u32) -> MonotonicTime {
    at(packet.into()).monotonic()
}

/// What one hook saw of one packet: those of a flow are further apart than two readings.
fn observation(packet: u32, hook: HookId, passed_before: u64) -> Observation {
    // On its way a packet takes as long as it takes.
    let way = 3_000 + u64::from(packet.wrapping_mul(0x9e37_79b9) >> 20);
    let first = sent(packet).after(passed_before * way);
    let station = u8::try_from(passed_before).unwrap_or(u8::MAX);
    Observation {
        hook,
        tuple: tuple(packet % FLOWS),
        counts: Counts { packets: 1, bytes: 142 },
        first,
        last: first,
        handshake: Handshake::default(),
        initial: None,
        macs: Some((Mac([2, 0, 0x5e, 0x10, station, 1]), Mac([2, 0, 0x5e, 0x10, station, 2]))),
        vlan: Vlan::default(),
        tcp_flags: TcpFlags(0),
        dscp: 0,
        ecn: Ecn(0),
        is_fragmented: false,
        quality: Quality::default(),
    }
}

fn tuple(flow: u32) -> Tuple {
    let mapped = |octets: [u8; 4]| -> Ipv6Addr { Ipv4Addr::from(octets).to_ipv6_mapped() };
    Tuple {
        source: mapped([10, 77, 1, 1]),
        destination: mapped([10, 78, 0, 1]),
        source_port: u16::try_from(50_001 + flow / 50_000).ok(),
        destination_port: u16::try_from(flow % 50_000 + 1).ok(),
        protocol: 17,
        ip_version: 4,
        icmp: None,
    }
}

/// Does what the agent does with a record, but for the way to the receiver, who takes everything at once.
struct Sink {
    writer: LogsWriter,
    compressor: Compressor,
    queue: Queue,
    ledger: Arc<Ledger>,
    records: u32,
    bytes: u64,
}

impl Sink {
    fn flush(&mut self) {
        self.writer.finish();
        self.deliver_finished();
    }

    fn deliver_finished(&mut self) {
        for LogsRequest { payload, records, accounted } in self.writer.take_finished() {
            let payload = self.compressor.compress(payload);
            self.records += records;
            self.bytes += payload.bytes.len() as u64;
            black_box(payload);
            for (hook, counts) in accounted.by_hook() {
                self.ledger.delivered(hook, counts);
            }
        }
    }
}

impl RecordSink for Sink {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        for &(hook, counts) in accounted {
            self.ledger.queued(hook, counts);
        }
        self.writer.set_limit(REQUEST.min(self.queue.request_size().most()));
        self.writer.record(record, accounted);
        self.deliver_finished();
    }

    fn has_room(&self) -> bool {
        self.queue.has_room(REQUEST)
    }
}

/// CPU time of this program, which has one thread: the wall clock would measure what else the machine does.
fn cpu_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("a program may ask what it has used");
    let micros = (usage.user_time() + usage.system_time()).num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}
