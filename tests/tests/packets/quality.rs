//! What the programs note of TCP segments beside their counts. What the numbers mean, the parser's own tests say.

use abi::tcp_flags::{ACK, FIN, RST, SYN};
use abi::{Direction, TcpQuality};
use anyhow::{Result, bail, ensure};
use crafted::layer::{
    CUSTOMER_TAG, IPV4, IPV6, TCP, UDP, ethernet, extension, ipv4, ipv4_fragment, ipv6, padded, patched, tag,
    tcp, udp_between,
};
use exporter::flow::{Disorder, Observation, Quality};
use exporter::kernel::{Filter, PacketContext, Sizes};
use flow_tests::machine::{Input, Machine};
use packet::{Link, SentAt};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

const DESTINATION_OPTIONS: u8 = 60;

/// One segment, and how its packet is built around it.
#[derive(Clone, Copy)]
struct Segment {
    sequence: u32,
    /// Payload bytes.
    len: u32,
    flags: u16,
    window: u16,
    /// TSval, if there is one.
    time: Option<u32>,
    segments: u32,
}

const PLAIN: Segment = Segment { sequence: 0, len: 100, flags: ACK, window: 9, time: Some(1), segments: 1 };

impl Segment {
    fn bytes(self) -> Vec<u8> {
        let payload = vec![7; self.len as usize];
        let options: &[u8] = match self.time {
            Some(time) => &[&[1, 1, 8, 10][..], &time.to_be_bytes(), &[0; 4]].concat(),
            None => &[],
        };
        let mut segment = patched(tcp(self.flags, &[]), 4, &self.sequence.to_be_bytes());
        segment = patched(segment, 14, &self.window.to_be_bytes());
        segment[12] = (segment[12] & 0xf) | u8::try_from(5 + options.len() / 4).unwrap_or(5) << 4;
        [&segment, options, &payload].concat()
    }

    fn input(self, wrap: Wrap) -> Input {
        let context = match self.segments {
            1 => PacketContext::default(),
            segments => PacketContext {
                gso_segs: segments,
                gso_size: self.len.div_ceil(segments),
                ..PacketContext::default()
            },
        };
        Input { link: Link::Ethernet, direction: Direction::Ingress, bytes: wrap(&self.bytes()), context }
    }

    fn note(self, quality: &mut TcpQuality) {
        let Self { sequence, len, flags, window, segments, .. } = self;
        let segment = packet::Segment { sequence, payload_len: len, flags, window, segments };
        segment.note(quality, || SentAt::timestamp(self.time.unwrap_or_default()));
    }
}

type Wrap = fn(&[u8]) -> Vec<u8>;

/// Plain packets, padded ones, and those whose headers are copied.
const WRAPS: [(&str, Wrap); 5] = [
    ("IPv4", |segment| ethernet(IPV4, &ipv4(TCP, segment))),
    ("IPv4, padded", |segment| padded(ethernet(IPV4, &ipv4(TCP, segment)), &[9; 7])),
    ("IPv6", |segment| ethernet(IPV6, &ipv6(TCP, segment))),
    ("tagged", |segment| ethernet(CUSTOMER_TAG, &tag(7, IPV4, &ipv4(TCP, segment)))),
    ("behind an extension header", |segment| {
        ethernet(IPV6, &ipv6(DESTINATION_OPTIONS, &extension(TCP, 0, segment)))
    }),
];

/// All kinds of segments, with timestamps.
fn story() -> Vec<Segment> {
    // The numbers start again from 0 on the way.
    let at = |byte: u32, time: u32| Segment {
        sequence: (u32::MAX - 250).wrapping_add(byte),
        time: Some(time),
        ..PLAIN
    };
    let last_byte = Segment { len: 1, ..at(699, 90) };
    vec![
        Segment { flags: SYN, len: 0, ..at(u32::MAX, 1) },
        at(0, 1),
        Segment { len: 0, ..at(100, 1) },
        at(100, 2),
        at(300, 3),
        // Fills the gap, late.
        at(200, 3),
        at(400, 4),
        // Sent again: a segment, two of them in one packet, and two of which one is new.
        at(100, 70),
        Segment { len: 200, segments: 2, ..at(300, 71) },
        Segment { len: 200, ..at(400, 72) },
        at(600, 73),
        // Nothing: keeps the connection alive.
        last_byte,
        Segment { len: 0, ..last_byte },
        Segment { len: 0, window: 0, ..at(700, 91) },
        Segment { len: 0, window: 0, flags: RST, ..at(700, 92) },
        Segment { len: 0, flags: ACK | FIN, ..at(700, 93) },
        Segment { len: 0, flags: ACK | FIN, ..at(700, 600) },
    ]
}

fn sum(observations: &[Observation]) -> Disorder {
    let mut sum = Disorder::default();
    for observation in observations {
        sum += observation.quality.disorder;
    }
    sum
}

pub(crate) fn as_by_numbers() -> Result<()> {
    let mut machine = Machine::new(64)?;
    for (name, wrap) in WRAPS {
        let mut expected = TcpQuality::default();
        for segment in story() {
            machine.send(&segment.input(wrap))?;
            segment.note(&mut expected);
        }
        let observations = machine.observations()?;
        let is = sum(&observations);
        ensure!(
            is == Disorder { retransmits: 5, retransmitted_bytes: 400, out_of_order: 1, zero_windows: 1 },
            "{name}: {is:?}"
        );
        ensure!(is.retransmits == expected.retransmits, "{name}: {is:?} of {expected:?}");
        ensure!(
            observations.iter().all(|observation| observation.quality.socket.is_none()),
            "{name}: a socket"
        );
    }
    Ok(())
}

/// Without timestamps it is the kernel's timer that tells.
fn without_timestamps(machine: &mut Machine) -> Result<Disorder> {
    let at = |sequence| Segment { sequence, time: None, ..PLAIN };
    let (_, wrap) = WRAPS[0];
    for segment in [at(100), at(200), at(400)] {
        machine.send(&segment.input(wrap))?;
    }
    // Longer than two ticks of any timer.
    std::thread::sleep(std::time::Duration::from_millis(100));
    machine.send(&at(300).input(wrap))?;
    Ok(sum(&machine.observations()?))
}

pub(crate) fn begins_empty() -> Result<()> {
    // Each of the few entries is used again and again, by other protocols too.
    let mut machine = Machine::new(4)?;
    let (_, wrap) = WRAPS[0];
    for round in 0..5 {
        let is = without_timestamps(&mut machine)?;
        ensure!((is.retransmits, is.retransmitted_bytes, is.out_of_order) == (1, 100, 0), "{is:?}");
        // Also if an entry begins with what is not noted: a segment without flags, or in fragments.
        let mut packets = [
            wrap(&Segment { flags: 0, ..PLAIN }.bytes()),
            ethernet(IPV4, &ipv4_fragment(TCP, 7, 0, true, &PLAIN.bytes())),
            wrap(&Segment { sequence: 100, ..PLAIN }.bytes()),
        ];
        packets.rotate_left(round % 3);
        for bytes in packets {
            machine.send(&Input { bytes, ..PLAIN.input(wrap) })?;
        }
        let observations = machine.observations()?;
        ensure!(observations.len() == 2, "{observations:?}");
        let is = sum(&observations);
        ensure!(is.is_none(), "of the generation before: {is:?}");
        for port in 1..4 {
            let bytes = ethernet(IPV4, &ipv4(UDP, &udp_between(port, 53, &[1])));
            machine.send(&Input { bytes, ..PLAIN.input(wrap) })?;
        }
        let is = sum(&machine.observations()?);
        ensure!(is.is_none(), "of other protocols: {is:?}");
    }
    Ok(())
}

pub(crate) fn between_cpus() -> Result<()> {
    let may = sched_getaffinity(None)?;
    let mut machine = Machine::new(64)?;
    let here: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&cpu| may.is_set(cpu)).take(2).collect();
    let mut known = 0;
    let (_, wrap) = WRAPS[0];
    // In every pattern of five segments over two CPUs, in two generations.
    for pattern in 0_u32..32 {
        for number in 0..5 {
            let mut cpus = CpuSet::new();
            cpus.set(here[(pattern >> number & 1) as usize % here.len()]);
            sched_setaffinity(None, &cpus)?;
            let sequence = 500 * pattern + 100 * number + 1;
            machine.send(&Segment { sequence, time: Some(pattern), ..PLAIN }.input(wrap))?;
        }
        if pattern % 3 == 0 {
            let observations = machine.observations()?;
            known = known.max(observations.len());
            ensure!(sum(&observations).is_none(), "pattern {pattern}: {observations:?}");
        }
    }
    ensure!(known == here.len(), "{known} entries of {} CPUs", here.len());
    Ok(())
}

pub(crate) fn off() -> Result<()> {
    let mut machine =
        Machine::with(Sizes { tcp_quality: false, ..Sizes::of_observations(64) }, &Filter::default())?;
    let (_, wrap) = WRAPS[0];
    for segment in story() {
        machine.send(&segment.input(wrap))?;
    }
    let observations = machine.observations()?;
    let [observation] = observations[..] else { bail!("not one: {observations:?}") };
    ensure!(observation.quality == Quality::default(), "{observation:?}");
    ensure!(observation.counts.packets == story().len() as u64 + 1, "{observation:?}");
    Ok(())
}
