//! Packets that depend on those before them.

use std::time::Duration;

use abi::tcp_flags::{ACK, RST, SYN};
use abi::{Direction, Reason, tcp_flags};
use anyhow::{Context, Result, ensure};
use crafted::layer::{
    IPV4, IPV6, PAYLOAD, TCP, UDP, authentication, ethernet, extension, icmpv4, ipv4, ipv4_fragment,
    ipv4_header, ipv4_of, ipv6, ipv6_fragment, tcp, udp, udp_between,
};
use exporter::flow::{Counts, Ecn, Handshake, TcpFlags};
use exporter::kernel::PacketContext;
use flow_tests::machine::{Input, Machine};
use flow_tests::model::{Facts, Model, Seen};
use packet::Link;

use crate::catalogue::difference;

const FRAGMENT_HEADER: u8 = 44;
const AH: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const ICMP: u8 = 1;

fn ingress(bytes: Vec<u8>) -> Input {
    Input { link: Link::Ethernet, direction: Direction::Ingress, bytes, context: PacketContext::default() }
}

/// Sends to both, compares, and gives what was seen.
fn compared(machine: &mut Machine, model: &mut Model, inputs: &[Input]) -> Result<Seen> {
    for input in inputs {
        machine.send(input)?;
        model.send(input);
    }
    let seen = machine.read()?;
    match difference("sequence", &seen, &model.read()) {
        Some(wrong) => anyhow::bail!(wrong),
        None => Ok(seen),
    }
}

/// The one flow there is.
fn only(seen: &Seen) -> Result<(Option<(u16, u16)>, Facts)> {
    ensure!(seen.flows.len() == 1 && seen.losses.is_empty(), "not one flow: {seen:?}");
    let ((_, tuple), facts) = seen.flows.iter().next().context("there is one")?;
    Ok((tuple.source_port.zip(tuple.destination_port), *facts))
}

pub(crate) fn fragments_join() -> Result<()> {
    let datagram = udp(&[7; 64]);
    let v4 = |protocol, id, offset, more, payload: &[u8]| {
        ingress(ethernet(IPV4, &ipv4_fragment(protocol, id, offset, more, payload)))
    };
    let v6 = |next_header, id, offset, more, payload: &[u8]| {
        let fragment = ipv6_fragment(next_header, id, offset, more, payload);
        ingress(ethernet(IPV6, &ipv6(FRAGMENT_HEADER, &fragment)))
    };
    let mut machine = Machine::new(64)?;
    let mut model = Model::default();
    let datagrams = [
        [v4(UDP, 1, 0, true, &datagram), v4(UDP, 1, 9, true, &PAYLOAD), v4(UDP, 1, 11, false, &PAYLOAD)],
        [
            v4(TCP, 1, 0, true, &tcp(0x18, &[7; 44])),
            v4(TCP, 1, 8, true, &PAYLOAD),
            v4(TCP, 1, 10, false, &[1]),
        ],
        [
            v4(ICMP, 1, 0, true, &icmpv4(8, 0, &[7; 64])),
            v4(ICMP, 1, 9, true, &PAYLOAD),
            v4(ICMP, 1, 11, false, &[1]),
        ],
        [v6(UDP, 1, 0, true, &datagram), v6(UDP, 1, 9, true, &PAYLOAD), v6(UDP, 1, 11, false, &PAYLOAD)],
        // The header behind the fragment header is in the first fragment only; later ones name it all the same.
        [
            v6(DESTINATION_OPTIONS, 2, 0, true, &extension(UDP, 0, &datagram)),
            v6(DESTINATION_OPTIONS, 2, 10, true, &PAYLOAD),
            v6(DESTINATION_OPTIONS, 2, 12, false, &PAYLOAD),
        ],
        // RFC 8200 section 4.5: only the first fragment's next header counts.
        [v6(UDP, 3, 0, true, &datagram), v6(TCP, 3, 9, true, &PAYLOAD), v6(59, 3, 11, false, &PAYLOAD)],
        [
            v4(AH, 2, 0, true, &authentication(UDP, &datagram)),
            v4(AH, 2, 12, true, &PAYLOAD),
            v4(AH, 2, 14, false, &PAYLOAD),
        ],
    ];
    for (index, fragments) in datagrams.iter().enumerate() {
        let seen = compared(&mut machine, &mut model, fragments)?;
        let (ports, facts) = only(&seen).with_context(|| format!("datagram {index}"))?;
        let (_, tuple) = seen.flows.keys().next().context("one flow")?;
        ensure!(
            ports == Some((40_001, 8_443)) || tuple.icmp.is_some_and(|icmp| (icmp.kind, icmp.code) == (8, 0)),
            "datagram {index}: {tuple:?}"
        );
        let bytes = fragments.iter().map(|fragment| fragment.bytes.len() as u64).sum();
        ensure!(facts.counts == Counts { packets: 3, bytes }, "datagram {index}: {facts:?}");
    }
    Ok(())
}

pub(crate) fn later_fragment_first() -> Result<()> {
    let fragment =
        |offset, more, payload: &[u8]| ingress(ethernet(IPV4, &ipv4_fragment(UDP, 5, offset, more, payload)));
    let mut machine = Machine::new(64)?;
    let seen = compared(
        &mut machine,
        &mut Model::default(),
        &[fragment(2, false, &PAYLOAD), fragment(0, true, &udp(&[7; 8])), fragment(2, false, &PAYLOAD)],
    )?;
    let packets: Vec<_> = seen
        .flows
        .iter()
        .map(|((_, tuple), facts)| (tuple.source_port, tuple.destination_port, facts.counts.packets))
        .collect();
    ensure!(packets == [(None, None, 1), (Some(40_001), Some(8_443), 2)], "{packets:?}");
    Ok(())
}

/// A forwarded packet is seen at two hooks; each has its own memory of first fragments.
pub(crate) fn fragments_of_two_directions() -> Result<()> {
    let first = ingress(ethernet(IPV4, &ipv4_fragment(UDP, 5, 0, true, &udp(&[7; 8]))));
    let mut later = ingress(ethernet(IPV4, &ipv4_fragment(UDP, 5, 2, false, &PAYLOAD)));
    later.direction = Direction::Egress;
    let mut machine = Machine::new(64)?;
    let seen = compared(&mut machine, &mut Model::default(), &[first, later])?;
    ensure!(seen.flows.len() == 2, "{seen:?}");
    Ok(())
}

/// A flag is noted whenever it comes.
pub(crate) fn late_flag() -> Result<()> {
    let segment = |flags| ingress(ethernet(IPV4, &ipv4(TCP, &tcp(flags, &PAYLOAD))));
    let mut machine = Machine::new(64)?;
    let mut model = Model::default();
    let mut inputs = vec![segment(tcp_flags::ACK); 100];
    for bit in [tcp_flags::PSH, tcp_flags::ECE, tcp_flags::AE, 0x800, tcp_flags::FIN, tcp_flags::RST] {
        inputs.push(segment(tcp_flags::ACK | bit));
        inputs.extend(vec![segment(tcp_flags::ACK); 10]);
    }
    let (_, facts) = only(&compared(&mut machine, &mut model, &inputs)?)?;
    ensure!(facts.tcp_flags == TcpFlags(0x95d), "{:x}", facts.tcp_flags.0);
    ensure!(facts.counts == Counts { packets: 166, bytes: 166 * 70 }, "{facts:?}");
    Ok(())
}

pub(crate) fn ecn_and_dscp() -> Result<()> {
    let marked = |dscp: u8, ecn: u8| {
        let datagram = udp(&PAYLOAD);
        let mut header = ipv4_header(UDP, &datagram);
        header.dscp = dscp.try_into().context("6 bits")?;
        header.ecn = ecn.try_into().context("2 bits")?;
        anyhow::Ok(ingress(ethernet(IPV4, &ipv4_of(header, &datagram))))
    };
    let mut machine = Machine::new(64)?;
    let mut model = Model::default();
    let inputs = [marked(10, 2)?, marked(10, 2)?, marked(46, 2)?, marked(0, 3)?, marked(10, 2)?];
    let (_, facts) = only(&compared(&mut machine, &mut model, &inputs)?)?;
    ensure!(facts.dscp == 10 && facts.ecn == Ecn(0b1100) && facts.counts.packets == 5, "{facts:?}");
    Ok(())
}

/// A bucket has room for eight keys: where more lead to one, each takes the place of another again and again.
pub(crate) fn full_buckets() -> Result<()> {
    const FLOWS: u16 = 4000;
    let mut machine = Machine::new(u32::from(FLOWS))?;
    let mut sent = Counts::default();
    for _ in 0..5 {
        for port in 0..FLOWS {
            let input = ingress(ethernet(IPV4, &ipv4(UDP, &udp_between(port, 53, &PAYLOAD))));
            sent += Counts { packets: 1, bytes: input.bytes.len() as u64 };
            machine.send(&input)?;
        }
    }
    let seen = machine.read()?;
    ensure!(seen.total(Direction::Ingress) == sent, "{:?} of {sent:?}", seen.total(Direction::Ingress));
    // Two places for each flow: a bucket has four keys on average, and more than eight are rare.
    let told_apart = seen.flows.len() * 100 / usize::from(FLOWS);
    ensure!(told_apart >= 80, "{told_apart} % of the flows are told apart");
    Ok(())
}

/// An entry counts in 32 bits and notes when it starts again.
pub(crate) fn beyond_32_bits() -> Result<()> {
    const SEGMENTS: u32 = 65_535;
    const PACKETS: u64 = (u32::MAX as u64 / SEGMENTS as u64) + 10;
    let mut input = ingress(ethernet(IPV4, &ipv4(TCP, &tcp(tcp_flags::ACK, &[7; 100]))));
    input.context = PacketContext { gso_segs: SEGMENTS, gso_size: 1, ..PacketContext::default() };
    let machine = &mut Machine::new(64)?;
    let mut model = Model::default();
    model.send(&input);
    let (_, one) = only(&model.read())?;
    for _ in 0..PACKETS {
        machine.send(&input)?;
    }
    let (_, facts) = only(&machine.read()?)?;
    let expected = Counts { packets: one.counts.packets * PACKETS, bytes: one.counts.bytes * PACKETS };
    ensure!(facts.counts == expected, "{:?} of {expected:?}", facts.counts);
    ensure!(expected.packets > u64::from(u32::MAX), "the test sends too little: {expected:?}");
    Ok(())
}

pub(crate) fn reading_between_packets() -> Result<()> {
    let datagram = |from| ingress(ethernet(IPV4, &ipv4(UDP, &udp_between(from, 53, &PAYLOAD))));
    let mut machine = Machine::new(64)?;
    let mut model = Model::default();
    for round in 0..20 {
        let inputs: Vec<_> = (0..round).map(|packet| datagram(1000 + packet % 5)).collect();
        let seen = compared(&mut machine, &mut model, &inputs)?;
        ensure!(seen.total(Direction::Ingress).packets == u64::from(round), "round {round}: {seen:?}");
        ensure!(machine.fill() == 0, "the generation that is now written is not empty");
    }
    ensure!(machine.read()? == Seen::default(), "something was counted twice");
    Ok(())
}

/// After silence the index is small: it is read before keys take second entries, and larger from then on.
pub(crate) fn rush_after_silence() -> Result<()> {
    let mut machine = Machine::new(200_000)?;
    for _ in 0..2 {
        ensure!(machine.read()? == Seen::default(), "silence");
    }
    let mut flows = 0_u16..;
    let mut last = 0;
    for generation in 0..2 {
        let mut inputs = Vec::new();
        while !machine.is_filling() {
            let from = flows.next().context("it does not fill up")?;
            inputs.push(ingress(ethernet(IPV4, &ipv4(UDP, &udp_between(from, 53, &PAYLOAD)))));
            machine.send(&inputs[inputs.len() - 1])?;
        }
        ensure!(inputs.len() > last, "generation {generation} holds no more than that before");
        last = inputs.len();
        for input in &inputs {
            machine.send(input)?;
        }
        let observations = machine.observations()?;
        let packets: u64 = observations.iter().map(|observation| observation.counts.packets).sum();
        ensure!(packets == 2 * inputs.len() as u64, "{packets} packets of {} flows", inputs.len());
        ensure!(observations.len() < inputs.len() * 21 / 20, "{} of {}", observations.len(), inputs.len());
    }
    Ok(())
}

pub(crate) fn full_map() -> Result<()> {
    const ROOM: u32 = 64;
    const FLOWS: u16 = 500;
    let mut machine = Machine::new(ROOM)?;
    for round in 0..3 {
        let mut sent = [Counts::default(); 2];
        for packet in 0..FLOWS * 3 {
            let payload = vec![7; usize::from(packet % 200)];
            let bytes = ethernet(IPV4, &ipv4(UDP, &udp_between(packet % FLOWS, 53, &payload)));
            let mut input = ingress(bytes);
            if packet % 5 == 0 {
                input.direction = Direction::Egress;
            }
            sent[input.direction as usize] += Counts { packets: 1, bytes: input.bytes.len() as u64 };
            machine.send(&input)?;
        }
        let seen = machine.read()?;
        for direction in [Direction::Ingress, Direction::Egress] {
            let (is, should) = (seen.total(direction), sent[direction as usize]);
            ensure!(is == should, "round {round} {direction:?}: {is:?} of {should:?}");
            ensure!(seen.losses.contains_key(&(direction, Reason::Overflow)), "no overflow: {seen:?}");
        }
        ensure!(seen.losses.keys().all(|(_, reason)| *reason == Reason::Overflow), "{:?}", seen.losses);
        // A key that its bucket had no place for takes a second entry.
        let flows = seen.flows.len();
        ensure!((ROOM as usize / 2..=ROOM as usize).contains(&flows), "round {round}: {flows} flows");
    }
    Ok(())
}

/// Times only grow: a packet through the map after many through the cache is the last one.
pub(crate) fn last_packet() -> Result<()> {
    let segment = |flags| ingress(ethernet(IPV4, &ipv4(TCP, &tcp(flags, &PAYLOAD))));
    let mut machine = Machine::new(64)?;
    machine.send(&segment(tcp_flags::ACK))?;
    machine.send(&segment(tcp_flags::ACK))?;
    // Many ticks of the coarse clock.
    std::thread::sleep(Duration::from_millis(100));
    machine.send(&segment(tcp_flags::ACK | tcp_flags::FIN))?;
    let observations = machine.observations()?;
    let [observation] = observations[..] else { anyhow::bail!("not one: {observations:?}") };
    let duration = observation.last.0 - observation.first.0;
    ensure!(duration >= 90_000_000, "the last packet came 100 ms after the first, not {duration} ns");
    ensure!(observation.counts.packets == 3, "{observation:?}");
    Ok(())
}

/// The first segments of a handshake are noted, and when the one that opens came again.
pub(crate) fn handshake() -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let segment = |flags| ingress(ethernet(IPV4, &ipv4(TCP, &tcp(flags, &PAYLOAD))));
    let mut machine = Machine::new(64)?;
    let mut observe = |flags: &[u16]| {
        for flags in flags {
            machine.send(&segment(*flags))?;
            std::thread::sleep(PAUSE);
        }
        machine.observations()
    };
    let mut observe_one = |flags: &[u16]| {
        let observations = observe(flags)?;
        let [observation] = observations[..] else { anyhow::bail!("not one: {observations:?}") };
        anyhow::Ok((observation.first, observation.handshake))
    };
    let (first, seen) = observe_one(&[SYN, ACK, ACK])?;
    ensure!(seen.syn == Some(first) && seen.again.is_none(), "{first:?} {seen:?}");
    let ack = seen.ack.context("no ACK")?;
    ensure!(ack.since(first) >= 20_000_000, "{seen:?}");
    for (opening, flags) in [(SYN, [SYN, SYN, SYN, ACK]), (SYN | ACK, [SYN | ACK, SYN | ACK, SYN | ACK, ACK])]
    {
        let (first, seen) = observe_one(&flags)?;
        let opened = if opening == SYN { seen.syn } else { seen.syn_ack };
        ensure!(opened == Some(first), "{first:?} {seen:?}");
        // The second and not the third.
        let again = seen.again.context("no second one")?;
        ensure!(again.since(first) >= 20_000_000 - (1 << 20), "{seen:?}");
        if let Some(ack) = seen.ack {
            ensure!(ack.since(again) >= 40_000_000, "{seen:?}");
        }
    }
    for flags in [RST | ACK, RST, SYN | RST, SYN | ACK | RST] {
        let (_, seen) = observe_one(&[flags])?;
        ensure!(seen == Handshake::default(), "flags {flags:x}: {seen:?}");
    }
    // After a part of an old connection: what is sent again is noted with the new one.
    let mut observations = observe(&[ACK, SYN, SYN])?;
    observations.sort_by_key(|observation| observation.first);
    let [old, new] = observations[..] else { anyhow::bail!("not two: {observations:?}") };
    ensure!(old.handshake.ack == Some(old.first) && old.handshake.syn.is_none(), "{old:?}");
    ensure!(new.handshake.syn == Some(new.first) && new.handshake.again > new.handshake.syn, "{new:?}");
    ensure!((old.counts.packets, new.counts.packets) == (1, 2), "{observations:?}");
    Ok(())
}
