//! Packets that the user does not want to see: the programs, beside what a rule means, said a second time as plainly as can be.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use abi::{Direction, Reason};
use anyhow::{Result, ensure};
use crafted::layer::{IPV4, PAYLOAD, TCP, UDP, ethernet, ipv4, tcp, udp_between};
use exporter::flow::{Counts, Hooks, Tuple};
use exporter::kernel::{Filter, GracePeriod, Loaded, PacketContext, Programs, Sizes, load_shared, test_run};
use flow_tests::machine::{Input, Machine};
use flow_tests::model::{Model, Seen};
use flow_tests::netns::Netns;
use packet::Link;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::catalogue::{DIRECTIONS, difference};
use crate::input;

/// A rule in the words of the documentation.
#[derive(Clone, Debug)]
struct Rule {
    accepts: bool,
    protocol: Option<(&'static str, u8)>,
    version: Option<u8>,
    /// No pair, one end or both; an end may be any.
    ends: Vec<Option<(IpAddr, u8)>>,
    ports: Option<(u16, u16)>,
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.accepts { "accept" } else { "reject" })?;
        if let Some((name, _)) = self.protocol {
            write!(formatter, " {name}")?;
        }
        if let Some(version) = self.version {
            write!(formatter, " ipv{version}")?;
        }
        for (at, end) in self.ends.iter().enumerate() {
            let before = if at == 0 { "" } else { "<-> " };
            match end {
                None => write!(formatter, " {before}any")?,
                Some((network, length)) => write!(formatter, " {before}{network}/{length}")?,
            }
        }
        match self.ports {
            Some((first, last)) if first == last => write!(formatter, " port {first}"),
            Some((first, last)) => write!(formatter, " port {first}-{last}"),
            None => Ok(()),
        }
    }
}

impl Rule {
    fn fits(&self, tuple: &Tuple) -> bool {
        let addresses = [tuple.source_address(), tuple.destination_address()];
        let fits_ends = |[one, other]: [IpAddr; 2]| {
            self.ends.iter().zip([one, other]).all(|(end, address)| end.is_none_or(|end| has(end, address)))
        };
        let has_port = |port: Option<u16>| {
            self.ports.is_none_or(|(first, last)| port.is_some_and(|port| (first..=last).contains(&port)))
        };
        self.protocol.is_none_or(|(_, number)| number == tuple.protocol)
            && self.version.is_none_or(|version| version == tuple.ip_version)
            && (fits_ends(addresses) || fits_ends([addresses[1], addresses[0]]))
            && (has_port(tuple.source_port) || has_port(tuple.destination_port))
    }
}

/// Bit by bit.
fn has((network, length): (IpAddr, u8), address: IpAddr) -> bool {
    let bits = |address: IpAddr| -> Vec<bool> {
        let octets = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        octets.iter().flat_map(|octet| (0..8).map(move |bit| octet >> (7 - bit) & 1 == 1)).collect()
    };
    let (network, address) = (bits(network), bits(address));
    network.len() == address.len() && network[..length.into()] == address[..length.into()]
}

fn text(rules: &[Rule]) -> String {
    rules.iter().map(Rule::to_string).collect::<Vec<_>>().join("; ")
}

/// What the programs should have counted of what the model counted, which filters nothing.
fn filtered(rules: &[Rule], all: Seen) -> Seen {
    let mut seen = Seen { losses: all.losses, ..Seen::default() };
    for ((direction, tuple), facts) in all.flows {
        if rules.iter().find(|rule| rule.fits(&tuple)).is_none_or(|rule| rule.accepts) {
            seen.flows.insert((direction, tuple), facts);
        } else {
            seen.add_loss(direction, Reason::Filtered, facts.counts);
        }
    }
    seen
}

/// Ends of which crafted packets have some.
fn ends() -> impl Strategy<Value = Vec<Option<(IpAddr, u8)>>> {
    let end = |networks: &[(&str, u8)]| {
        let networks: Vec<(IpAddr, u8)> = networks
            .iter()
            .map(|(network, length)| (network.parse().expect("an address"), *length))
            .collect();
        prop::option::weighted(0.8, prop::sample::select(networks))
    };
    let v4 = end(&[
        ("10.1.2.3", 32),
        ("10.1.2.0", 23),
        ("10.9.8.7", 32),
        ("10.0.0.0", 8),
        ("0.0.0.0", 0),
        ("192.0.2.0", 24),
    ]);
    let v6 = end(&[
        ("2001:db8:1:2:3:4:5:6", 128),
        ("2001:db8:1:2::", 64),
        ("2001:db8:1:2:3:4:4:0", 110),
        ("2001:db8:908::", 48),
        ("::", 0),
        ("fd00::", 8),
    ]);
    prop_oneof![
        2 => Just(Vec::new()),
        3 => prop::collection::vec(v4, 1..3),
        3 => prop::collection::vec(v6, 1..3),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    const WITH_PORTS: [(&str, u8); 4] = [("tcp", 6), ("udp", 17), ("sctp", 132), ("protocol 33", 33)];
    const OTHERS: [(&str, u8); 4] = [("icmp", 1), ("icmpv6", 58), ("gre", 47), ("protocol 50", 50)];
    let ports = prop_oneof![
        Just((40_001, 40_001)),
        Just((8_443, 8_443)),
        Just((0, u16::MAX)),
        Just((8_000, 8_999)),
        (0..60_000_u16, 0..5_000_u16).prop_map(|(first, more)| (first, first + more)),
    ];
    let kind = prop_oneof![
        2 => (Just(None), prop::option::of(ports.clone())),
        3 => (prop::sample::select(&WITH_PORTS[..]).prop_map(Some), prop::option::of(ports)),
        2 => (prop::sample::select(&OTHERS[..]).prop_map(Some), Just(None)),
    ];
    (any::<bool>(), kind, ends(), prop::option::weighted(0.1, prop::sample::select(vec![4_u8, 6]))).prop_map(
        |(accepts, (protocol, ports), ends, version)| {
            // Not at odds with each other.
            let version = version.filter(|_| ends.iter().all(Option::is_none));
            Rule { accepts, protocol, version, ends, ports }
        },
    )
}

/// Every kind of packet and random rules, of which the last one decides about the rest.
pub(crate) fn as_the_rules_say() -> Result<()> {
    const ROUNDS: usize = 40;
    let inputs: Vec<Input> = crafted::all()
        .iter()
        .flat_map(|case| DIRECTIONS.map(|direction| input(case, direction)))
        .flatten()
        .collect();
    let last = |accepts| Rule { accepts, protocol: None, version: None, ends: Vec::new(), ports: None };
    let rules = (prop::collection::vec(rule(), 0..12), any::<bool>());
    let mut runner = TestRunner::deterministic();
    let (mut seen_any, mut rejected_any) = (0, 0);
    for round in 0..ROUNDS {
        let (mut rules, accepts) = rules.new_tree(&mut runner).map_err(anyhow::Error::msg)?.current();
        rules.retain(|rule| rule.to_string().contains(' ') && !rule.to_string().ends_with("t any"));
        rules.push(last(accepts));
        let text = text(&rules);
        let mut machine = match Filter::parse([text.as_str()]) {
            Ok(filter) => Machine::with(Sizes::of_observations(4096), &filter)?,
            // A rule for every packet among them.
            Err(error) if error.to_string().contains("never asked") => continue,
            Err(error) => anyhow::bail!("{text}: {error}"),
        };
        let mut model = Model::default();
        for input in &inputs {
            if machine.send(input)? {
                model.send(input);
            }
        }
        let (is, should) = (machine.read()?, filtered(&rules, model.read()));
        seen_any += should.flows.len();
        rejected_any += should.losses.keys().filter(|(_, reason)| *reason == Reason::Filtered).count();
        if let Some(wrong) = difference(&format!("round {round}, {text}"), &is, &should) {
            anyhow::bail!(wrong);
        }
    }
    ensure!(seen_any > 500 && rejected_any > 30, "{seen_any} flows and {rejected_any} rejections say little");
    Ok(())
}

fn ingress(bytes: Vec<u8>, ifindex: u32) -> Input {
    let context = PacketContext { ifindex, ..PacketContext::default() };
    Input { link: Link::Ethernet, direction: Direction::Ingress, bytes, context }
}

/// The last of as many rules as there can be decides as the first does.
pub(crate) fn many_rules() -> Result<()> {
    let others = (1..128).map(|port| format!("reject udp port {port}"));
    let rules: Vec<String> = others.chain(["reject tcp".to_owned()]).collect();
    let filter = Filter::parse(rules.iter().map(String::as_str))?;
    let mut machine = Machine::with(Sizes::of_observations(64), &filter)?;
    let segment = ethernet(IPV4, &ipv4(TCP, &tcp(0x10, &PAYLOAD)));
    let datagram = |port| ethernet(IPV4, &ipv4(UDP, &udp_between(50_000, port, &PAYLOAD)));
    let mut rejected = Counts::default();
    for bytes in [&segment, &datagram(1), &datagram(127), &segment] {
        machine.send(&ingress(bytes.clone(), 0))?;
        rejected += Counts { packets: 1, bytes: bytes.len() as u64 };
    }
    machine.send(&ingress(datagram(128), 0))?;
    let seen = machine.read()?;
    let left_out = seen.losses.get(&(Direction::Ingress, Reason::Filtered));
    ensure!(left_out == Some(&(rejected.packets, rejected.bytes)), "{seen:?}");
    ensure!(seen.flows.len() == 1 && seen.flows.values().all(|facts| facts.counts.packets == 1), "{seen:?}");
    Ok(())
}

/// Hooks whose places for what is left out are the same ones are told apart, whatever is read in between.
pub(crate) fn many_hooks() -> Result<()> {
    const INTERFACES: u32 = 70;
    let namespace = Netns::new("filter")?;
    let index = |number: u32| 100 + number;
    namespace.ip_batch(
        (0..INTERFACES).map(|number| {
            format!("link add a{number} index {} type veth peer name b{number}", index(number))
        }),
    )?;
    let filter = Filter::parse(["reject udp"])?;
    let mut machine = Machine::with(Sizes::of_observations(64), &filter)?;
    let bytes = ethernet(IPV4, &ipv4(UDP, &udp_between(50_000, 53, &PAYLOAD)));
    for round in 1..4 {
        let mut sent = 0;
        for number in 0..INTERFACES {
            let packets = u64::from(round * (number + 1));
            for _ in 0..packets.min(9) {
                namespace.enter(|| machine.send(&ingress(bytes.clone(), index(number))))??;
                sent += 1;
            }
        }
        let mut seen = Vec::new();
        ensure!(machine.observations()?.is_empty(), "something is counted");
        let mut packets = 0;
        for loss in machine.losses()? {
            ensure!(loss.reason == Reason::Filtered, "{loss:?}");
            ensure!(loss.counts.bytes == loss.counts.packets * bytes.len() as u64, "{loss:?}");
            packets += loss.counts.packets;
            seen.push(loss.hook);
        }
        ensure!(packets == sent, "round {round}: {packets} of {sent}");
        seen.sort_unstable();
        seen.dedup();
        ensure!(seen.len() == INTERFACES as usize && seen.iter().all(Option::is_some), "{seen:?}");
    }
    Ok(())
}

/// Programs of several network namespaces leave out by the same rules, and one reader has what each of them left out.
pub(crate) fn in_several_namespaces() -> Result<()> {
    const OTHER: u32 = 5;
    let filter = Filter::parse(["reject udp"])?;
    let sizes = Sizes::of_observations(64);
    let (Loaded { programs, mut reader }, sharing) = load_shared(0, sizes, &filter, GracePeriod::probe()?)?;
    let others = sharing.programs(OTHER)?;
    let bytes = ethernet(IPV4, &ipv4(UDP, &udp_between(50_000, 53, &PAYLOAD)));
    let run = |programs: &Programs, packets: u64| -> Result<()> {
        for _ in 0..packets {
            test_run(programs.fd(Link::Ethernet, Direction::Ingress), &bytes, &PacketContext::default())?;
        }
        Ok(())
    };
    let mut hooks = Hooks::default();
    for round in 1..4 {
        run(&programs, 3 * round)?;
        run(&others, 4 * round)?;
        let (mut counted, mut filtered) = (0, BTreeMap::new());
        reader.read(&mut hooks, |_, _| counted += 1)?;
        reader.read_losses(&mut hooks, |hooks, loss| {
            let scope = loss.hook.map(|hook| hooks.get(hook).scope);
            *filtered.entry((scope, loss.reason)).or_insert(0) += loss.counts.packets;
        })?;
        let of = |scope| (Some(scope), Reason::Filtered);
        let should = BTreeMap::from([(of(0), 3 * round), (of(OTHER), 4 * round)]);
        ensure!((counted, &filtered) == (0, &should), "round {round}: {counted} counted, {filtered:?}");
    }
    Ok(())
}
