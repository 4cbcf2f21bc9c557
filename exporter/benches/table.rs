//! What a flow costs: anonymous memory per live flow, time per observation and per record.
//!
//! 100k conversations, each seen at two hooks in both directions, as between a pod's interface and the uplink. With the argument
//! `without-path` as under `--path=false`.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are its output")]

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use exporter::clock::{Clock, MonotonicTime, WallTime};
use exporter::flow::{
    Counts, Direction, Ecn, FlowIds, Handshake, Hook, HookId, Hooks, Mac, Observation, Quality, Record,
    RecordSink, TcpFlags, Tuple, Vlan,
};
use exporter::ledger::Ledger;
use exporter::table::{Config, FlowTable, Output};

const FLOWS: u32 = 100_000;
const OBSERVATIONS: u32 = 4 * FLOWS;
const SECOND: u64 = 1_000_000_000;

fn main() {
    let mut hooks = Hooks::default();
    for ifindex in 0..2 {
        hooks.register(Hook::named(0, ifindex, Direction::Ingress, "eth0"));
        hooks.register(Hook::named(0, ifindex, Direction::Egress, "eth0"));
    }
    measure(&hooks, &Ledger::default());
}

type Step<'a> = fn(&mut FlowTable, &mut Output<'_, Count<'a>>);

fn measure<'a>(hooks: &Hooks, ledger: &'a Ledger) {
    let mut sink = Count { ledger, records: 0 };
    let before = anonymous_kib();
    let with_path = std::env::args().all(|argument| argument != "without-path");
    let mut table = FlowTable::new(&Config { with_path, ..Config::default() }, FlowIds::random());
    let mut work = |name: &str, second: u64, units: u32, step: Step<'a>| {
        let now = MonotonicTime(second * SECOND);
        let clock = Clock::at(now, WallTime(now.0));
        let mut out = Output { clock, hooks, ledger, sink: &mut sink };
        let begin = Instant::now();
        step(&mut table, &mut out);
        let each = begin.elapsed().as_nanos() / u128::from(units);
        let memory = (anonymous_kib() - before) * 1024 / u64::from(FLOWS);
        println!("{name:<42} {each:>6} ns each  {memory:>5} bytes per flow  {:>7} records", out.sink.records);
    };

    work("apply, new flows", 1000, OBSERVATIONS, apply);
    work("apply, before the first record", 1000, OBSERVATIONS, apply);
    work("emit_due, all flows' first record", 1010, FLOWS, FlowTable::emit_due);
    work("apply, after the first record", 1010, OBSERVATIONS, apply);
    work("emit_due, all flows", 1021, FLOWS, FlowTable::emit_due);
    work("emit_due, 100k idle connections", 1022, 1, FlowTable::emit_due);
    work("finish", 1023, FLOWS, FlowTable::finish);
}

fn apply(table: &mut FlowTable, out: &mut Output<'_, Count<'_>>) {
    for flow in 0..FLOWS {
        for (hook, forward) in [(0, true), (3, true), (2, false), (1, false)] {
            table.apply(&observation(flow, HookId(hook), forward, out.clock.monotonic()), out);
        }
    }
}

fn observation(flow: u32, hook: HookId, forward: bool, now: MonotonicTime) -> Observation {
    let first = MonotonicTime(now.0 - 1_000_000 + u64::from(hook.0) * 1_000);
    let tuple = Tuple {
        source: mapped(0x0a01_0000 | flow >> 4),
        destination: mapped(0x0a00_0001),
        source_port: u16::try_from(30_000 + (flow & 15)).ok(),
        destination_port: Some(443),
        protocol: 6,
        ip_version: 4,
        icmp: None,
    };
    // Connections that have just been opened; of one that goes on, another opening would be a new connection.
    let handshake = match (now == MonotonicTime(1000 * SECOND), forward) {
        (true, true) => {
            Handshake { syn: Some(first), ack: Some(first.after(300_000)), ..Handshake::default() }
        }
        (true, false) => Handshake { syn_ack: Some(first.after(200_000)), ..Handshake::default() },
        (false, _) => Handshake::default(),
    };
    Observation {
        hook,
        tuple: if forward { tuple } else { tuple.reverse().unwrap_or(tuple) },
        counts: Counts { packets: 3, bytes: 1_234 },
        first,
        last: first.after(500_000),
        handshake,
        initial: None,
        macs: Some((Mac([2; 6]), Mac([4; 6]))),
        vlan: Vlan::default(),
        tcp_flags: TcpFlags(0x10),
        dscp: 0,
        ecn: Ecn(1),
        is_fragmented: false,
        quality: Quality::default(),
    }
}

fn mapped(address: u32) -> Ipv6Addr {
    Ipv4Addr::from(address).to_ipv6_mapped()
}

/// Does what any sink must, and nothing else.
struct Count<'a> {
    ledger: &'a Ledger,
    records: u32,
}

impl RecordSink for Count<'_> {
    fn record(&mut self, record: Record<'_>, accounted: &[(HookId, Counts)]) {
        black_box(&record);
        for &(hook, counts) in accounted {
            self.ledger.queued(hook, counts);
        }
        self.records += 1;
    }
}

/// Anonymous resident memory of this process, in KiB; 0 where `/proc` does not say.
fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}
