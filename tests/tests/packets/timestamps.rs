//! Round trips by timestamps in the kernel programs. What is timed when, the parser's own tests say.

use std::time::{Duration, Instant};

use abi::Direction;
use abi::tcp_flags::ACK;
use anyhow::{Context, Result, ensure};
use crafted::layer::{
    CUSTOMER_TAG, IPV4, IPV6, TCP, ethernet, extension, ipv4, ipv6, padded, patched, tag, tcp,
};
use exporter::flow::{EchoView, Observation};
use exporter::kernel::{Filter, PacketContext, Sizes};
use flow_tests::machine::{Input, Machine};
use packet::Link;

const DESTINATION_OPTIONS: u8 = 60;
/// Both clocks are read in microseconds, or about that.
const ROUNDING: Duration = Duration::from_micros(4);
/// Where the timestamps are in the header, behind two bytes of padding.
const AT_OPTION: usize = 20;

/// How a packet is built around its segment, and where its addresses are and how long.
struct Wrap {
    name: &'static str,
    frame: fn(&[u8]) -> Vec<u8>,
    addresses: [usize; 2],
    len: usize,
    ports: usize,
}

/// Plain packets, padded ones, and those whose headers are copied.
const WRAPS: [Wrap; 5] = [
    Wrap {
        name: "IPv4",
        frame: |segment| ethernet(IPV4, &ipv4(TCP, segment)),
        addresses: [26, 30],
        len: 4,
        ports: 34,
    },
    Wrap {
        name: "IPv4, padded",
        frame: |segment| padded(ethernet(IPV4, &ipv4(TCP, segment)), &[9; 7]),
        addresses: [26, 30],
        len: 4,
        ports: 34,
    },
    Wrap {
        name: "IPv6",
        frame: |segment| ethernet(IPV6, &ipv6(TCP, segment)),
        addresses: [22, 38],
        len: 16,
        ports: 54,
    },
    Wrap {
        name: "tagged",
        frame: |segment| ethernet(CUSTOMER_TAG, &tag(7, IPV4, &ipv4(TCP, segment))),
        addresses: [30, 34],
        len: 4,
        ports: 38,
    },
    Wrap {
        name: "behind an extension header",
        frame: |segment| ethernet(IPV6, &ipv6(DESTINATION_OPTIONS, &extension(TCP, 0, segment))),
        addresses: [22, 38],
        len: 16,
        ports: 62,
    },
];

fn swap(bytes: &mut [u8], [one, other]: [usize; 2], len: usize) {
    for at in 0..len {
        bytes.swap(one + at, other + at);
    }
}

impl Wrap {
    /// A segment that goes forth at ingress, or back at egress. Several segments are one packet.
    fn input(&self, is_back: bool, [value, echo]: [u32; 2], len: usize, segments: u32) -> Input {
        let option = [&[1, 1, 8, 10][..], &value.to_be_bytes(), &echo.to_be_bytes()].concat();
        let segment = patched(tcp(ACK, &[]), 12, &[8 << 4]);
        let mut bytes = (self.frame)(&[&segment[..AT_OPTION], &option, &vec![7; len]].concat());
        if is_back {
            swap(&mut bytes, self.addresses, self.len);
            swap(&mut bytes, [self.ports, self.ports + 2], 2);
        }
        let mut context = PacketContext::default();
        if segments > 1 {
            (context.gso_segs, context.gso_size) = (segments, u32::try_from(len).unwrap_or(0) / segments);
        }
        let direction = if is_back { Direction::Egress } else { Direction::Ingress };
        Input { link: Link::Ethernet, direction, bytes, context }
    }
}

/// What the packets that go back told, or those that go forth.
fn echo(observations: &[Observation], is_back: bool) -> Option<EchoView> {
    let is_of =
        |one: &&Observation| (one.tuple.source_port == Some(crafted::layer::DESTINATION_PORT)) == is_back;
    observations.iter().filter(is_of).find_map(|observation| observation.quality.echo)
}

fn between(wrap: &Wrap, segments: u32) -> Result<()> {
    // A new one for each: two connections may share a place, and take turns there.
    let mut machine = Machine::new(64)?;
    let forth = |stamps| wrap.input(false, stamps, 300, segments);
    let back = |stamps| wrap.input(true, stamps, 0, 1);
    machine.send(&back([7, 4]))?;
    machine.send(&forth([5, 7]))?;
    machine.send(&back([7, 5]))?;
    let outer = Instant::now();
    machine.send(&forth([6, 7]))?;
    let inner = Instant::now();
    // Another one of the same time, and one that echoes what was before.
    machine.send(&forth([6, 7]))?;
    machine.send(&back([8, 5]))?;
    std::thread::sleep(Duration::from_millis(3));
    let inner = inner.elapsed();
    machine.send(&back([9, 6]))?;
    let outer = outer.elapsed();
    machine.send(&back([10, 6]))?;
    let observations = machine.observations()?;
    let told = echo(&observations, true).with_context(|| format!("none: {observations:?}"))?;
    let time = Duration::from_micros(told.last.into());
    ensure!(told.min == told.last, "{told:?}");
    ensure!(time + ROUNDING >= inner && time <= outer + ROUNDING, "{time:?}, and not {inner:?} to {outer:?}");
    ensure!(echo(&observations, false).is_none(), "{observations:?}");
    Ok(())
}

pub(crate) fn between_segments() -> Result<()> {
    for wrap in &WRAPS {
        for segments in [1, 3] {
            between(wrap, segments).with_context(|| format!("{}, {segments}", wrap.name))?;
        }
    }
    Ok(())
}

pub(crate) fn off() -> Result<()> {
    let mut machine =
        Machine::with(Sizes { tcp_quality: false, ..Sizes::of_observations(64) }, &Filter::default())?;
    let [wrap, ..] = &WRAPS;
    for (is_back, stamps) in
        [(true, [7, 4]), (false, [5, 7]), (true, [7, 5]), (false, [6, 7]), (true, [9, 6])]
    {
        machine.send(&wrap.input(is_back, stamps, if is_back { 0 } else { 300 }, 1))?;
    }
    let observations = machine.observations()?;
    ensure!(observations.len() == 2, "{observations:?}");
    ensure!(observations.iter().all(|observation| observation.quality.echo.is_none()), "{observations:?}");
    Ok(())
}
