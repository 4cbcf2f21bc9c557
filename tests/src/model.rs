//! What the programs should have counted: the slice parser on the same packets, added up by tuple.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use abi::{Direction, PackedKey, Reason, key_flags, protocol, vlan};
use exporter::flow::{Counts, Ecn, Icmp, Mac, Observation, TcpFlags, Tuple, Vlan};
use packet::{Datagram, Fragment, Link, Metadata, Packet, Reject, Size, Wire, parse_slice};

use crate::machine::Input;

/// The kernel programs copy this much of a packet whose headers they cannot read in place.
const HEADERS_IN_REACH: usize = 512;

/// What is known of a tuple at a hook, times aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How much.
    pub counts: Counts,
    /// Source and destination of the first frame.
    pub macs: Option<(Mac, Mac)>,
    /// Tags of the first frame.
    pub vlan: Vlan,
    /// All flags.
    pub tcp_flags: TcpFlags,
    /// DSCP of the first packet.
    pub dscp: u8,
    /// All codepoints.
    pub ecn: Ecn,
}

/// Everything that a hook saw of some packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// By direction and tuple.
    pub flows: BTreeMap<(Direction, Tuple), Facts>,
    /// By direction and reason.
    pub losses: BTreeMap<(Direction, Reason), (u64, u64)>,
}

impl Seen {
    /// Adds what a program counted.
    pub fn add_observation(&mut self, direction: Direction, observation: &Observation) {
        let facts = Facts {
            counts: observation.counts,
            macs: observation.macs,
            vlan: observation.vlan,
            tcp_flags: observation.tcp_flags,
            dscp: observation.dscp,
            ecn: observation.ecn,
        };
        self.add((direction, observation.tuple), facts);
    }

    /// Adds what is in no observation.
    pub fn add_loss(&mut self, direction: Direction, reason: Reason, counts: Counts) {
        let (packets, bytes) = self.losses.entry((direction, reason)).or_default();
        *packets += counts.packets;
        *bytes += counts.bytes;
    }

    /// Packets and bytes in flows and losses of a direction.
    #[must_use]
    pub fn total(&self, direction: Direction) -> Counts {
        let flows = self.flows.iter().filter(|((of, _), _)| *of == direction).map(|(_, facts)| facts.counts);
        let losses = self.losses.iter().filter(|((of, _), _)| *of == direction);
        flows.chain(losses.map(|(_, &(packets, bytes))| Counts { packets, bytes })).sum()
    }

    /// Adds what was seen later.
    pub fn merge(&mut self, later: Self) {
        for (key, facts) in later.flows {
            self.add(key, facts);
        }
        for ((direction, reason), (packets, bytes)) in later.losses {
            self.add_loss(direction, reason, Counts { packets, bytes });
        }
    }

    fn add(&mut self, key: (Direction, Tuple), facts: Facts) {
        self.flows
            .entry(key)
            .and_modify(|known| {
                known.counts += facts.counts;
                known.tcp_flags.0 |= facts.tcp_flags.0;
                known.ecn.0 |= facts.ecn.0;
            })
            .or_insert(facts);
    }
}

/// The slice parser in the place of the programs.
#[derive(Debug, Default)]
pub struct Model {
    seen: Seen,
    firsts: BTreeMap<(Direction, Ipv6Addr, Ipv6Addr, u32, u8, u8), PackedKey>,
}

impl Model {
    /// Counts a packet as the programs should.
    ///
    /// # Panics
    /// If the packet is longer than any packet.
    pub fn send(&mut self, input: &Input) {
        let size = Size {
            len: u32::try_from(input.bytes.len()).expect("packets are short"),
            tag_in_metadata: false,
            segments: input.context.gso_segs,
            segment_size: input.context.gso_size,
        };
        let metadata = Metadata {
            ifindex: 1,
            scope: 0,
            cpu: 0,
            direction: input.direction,
            len: size.len,
            vlan: 0,
            offloaded: size.segment_size != 0,
        };
        let reach = &input.bytes[..input.bytes.len().min(HEADERS_IN_REACH)];
        match parse_slice(reach, input.link, metadata) {
            Ok(packet) => self.count(input, packet, Wire::of(&packet, size)),
            Err(reject) => {
                let reason = match reject {
                    Reject::NotIp => Reason::NotIp,
                    Reject::Malformed | Reject::OutOfReach => Reason::Malformed,
                };
                self.seen.add_loss(input.direction, reason, counts(Wire::opaque(size)));
            }
        }
    }

    /// What was counted since the last time. Fragments are remembered.
    pub fn read(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }

    fn count(&mut self, input: &Input, mut packet: Packet, wire: Wire) {
        match packet.fragment {
            Fragment::None => {}
            Fragment::First(datagram) => {
                self.firsts.insert(identity(&packet.key, datagram, input.direction), packet.key);
            }
            Fragment::Later(datagram) => {
                if let Some(first) = self.firsts.get(&identity(&packet.key, datagram, input.direction)) {
                    packet.key = *first;
                }
            }
        }
        let tag = |tag: u16| (tag & vlan::PRESENT != 0).then_some(tag & vlan::ID);
        let mac = |at: usize| Mac(*input.bytes[at..].first_chunk().expect("an Ethernet frame has 14 bytes"));
        let facts = Facts {
            counts: counts(wire),
            macs: (input.link == Link::Ethernet)
                .then(|| (mac(6), mac(0)))
                .filter(|macs| *macs != (Mac([0; 6]), Mac([0; 6]))),
            vlan: Vlan { outer: tag(packet.vlan_outer), inner: tag(packet.vlan_inner) },
            tcp_flags: TcpFlags(packet.tcp_flags),
            dscp: packet.traffic_class >> 2,
            ecn: Ecn(1 << (packet.traffic_class & 3)),
        };
        self.seen.add((input.direction, tuple(&packet.key)), facts);
    }
}

fn counts(wire: Wire) -> Counts {
    Counts { packets: wire.packets.into(), bytes: wire.bytes.into() }
}

fn identity(
    key: &PackedKey,
    datagram: Datagram,
    direction: Direction,
) -> (Direction, Ipv6Addr, Ipv6Addr, u32, u8, u8) {
    let key = key.unpack();
    let (source, destination) = (address(key.src_addr), address(key.dst_addr));
    (direction, source, destination, datagram.id, datagram.protocol, key.ip_version)
}

fn tuple(key: &PackedKey) -> Tuple {
    let key = key.unpack();
    let known = key.flags & key_flags::PORTS_UNKNOWN == 0;
    let with_ports = known
        && [protocol::TCP, protocol::UDP, protocol::SCTP, protocol::DCCP, protocol::UDP_LITE]
            .contains(&key.protocol);
    let with_type =
        known && [(protocol::ICMP, 4), (protocol::ICMPV6, 6)].contains(&(key.protocol, key.ip_version));
    Tuple {
        source: address(key.src_addr),
        destination: address(key.dst_addr),
        source_port: with_ports.then_some(key.src_port),
        destination_port: with_ports.then_some(key.dst_port),
        protocol: key.protocol,
        ip_version: key.ip_version,
        icmp: with_type.then(|| Icmp { kind: byte(key.src_port), code: byte(key.dst_port) }),
    }
}

fn byte(port: u16) -> u8 {
    u8::try_from(port).expect("types and codes are bytes")
}

fn address(halves: [u64; 2]) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets[..8].copy_from_slice(&halves[0].to_ne_bytes());
    octets[8..].copy_from_slice(&halves[1].to_ne_bytes());
    Ipv6Addr::from(octets)
}
