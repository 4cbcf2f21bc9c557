#!/usr/bin/python3
"""random_capture.py SEED FILE: writes a capture of random packets, the same for the same seed.

Fragments are between 10.9.0.1 and 10.9.0.2, or fd09::1 and fd09::2, alone: readers of captures differ in what ports they have.
"""
import pathlib
import random
import sys

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    fragment6,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkInit
from scapy.packet import Raw

from files import BIG, LITTLE, SECOND, pcap

FRAMES = 1500
HOSTS, PORTS = 5, 4
OPTIONS = [[], [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))], [("MSS", 1460), ("SAckOK", b"")]]


class Source:
    """Makes packets."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def ip(self):
        """A header with addresses of one of few pairs of hosts."""
        one, other = self.random.sample(range(1, HOSTS + 1), 2)
        if self.random.random() < 0.5:
            return IP(src=f"10.0.0.{one}", dst=f"10.0.0.{other}", tos=self.random.choice([0, 0xB8, 2]))
        header = IPv6(src=f"fd00::{one}", dst=f"fd00::{other}")
        if self.random.random() < 0.2:
            header /= self.random.choice([IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()])
        return header

    def payload(self, most=1200):
        """A payload that no dissector knows."""
        return Raw(b"x" * self.random.randrange(1, most))

    def ports(self):
        """Ports of a few conversations."""
        low, high = 50_000, 50_000 + PORTS - 1
        return {"sport": self.random.randint(low, high), "dport": self.random.randint(low, high)}

    def tcp(self):
        flags = self.random.choice(["S", "SA", "A", "PA", "FA", "RA", "R"])
        return [self.ip() / TCP(**self.ports(), flags=flags, options=self.random.choice(OPTIONS)) / self.payload()]

    def udp(self):
        return [self.ip() / UDP(**self.ports()) / self.payload()]

    def sctp(self):
        return [self.ip() / SCTP(**self.ports()) / SCTPChunkInit()]

    def icmp(self):
        header = self.ip()
        if header.version == 4:
            kind, code = self.random.choice([(8, 0), (0, 0), (13, 0), (14, 0)])
            return [header / ICMP(type=kind, code=code)]
        return [header / self.random.choice([ICMPv6EchoRequest(), ICMPv6EchoReply()])]

    def icmp_error(self):
        header = self.ip()
        if header.version == 4:
            inner = IP(src=header.dst, dst=header.src) / UDP(**self.ports()) / self.payload(60)
            return [header / ICMP(type=3, code=self.random.choice([1, 3])) / inner]
        inner = IPv6(src=header.dst, dst=header.src) / UDP(**self.ports()) / self.payload(60)
        return [header / ICMPv6DestUnreach(code=self.random.choice([1, 4])) / inner]

    def without_ports(self):
        header = self.ip()
        # RSVP's number, and that of experiments (RFC 3692).
        number = self.random.choice([46, 253])
        last = header.lastlayer()
        last.setfieldval("proto" if isinstance(last, IP) else "nh", number)
        return [header / self.payload()]

    def fragments(self):
        ends, size = self.random.sample([1, 2], 2), self.random.choice([600, 1280])
        upper = UDP(sport=50_000 + ends[0], dport=50_000 + ends[1]) / Raw(b"x" * self.random.randrange(1500, 4000))
        number = self.random.getrandbits(16)
        if self.random.random() < 0.5:
            return fragment(IP(src=f"10.9.0.{ends[0]}", dst=f"10.9.0.{ends[1]}", id=number) / upper, fragsize=size)
        header = IPv6(src=f"fd09::{ends[0]}", dst=f"fd09::{ends[1]}")
        return fragment6(header / IPv6ExtHdrFragment(id=number) / upper, max(size, 1280))

    def not_ip(self):
        return [ARP(op=1, psrc="10.0.0.1", pdst="10.0.0.2", hwsrc="02:00:00:00:00:01")]

    def packets(self):
        makers = [self.tcp, self.udp, self.sctp, self.icmp, self.icmp_error, self.without_ports, self.fragments]
        return self.random.choices([*makers, self.not_ip], [6, 6, 2, 3, 2, 2, 1, 1])[0]()

    def frame(self, packet):
        header = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        for _ in range(self.random.choice([0, 0, 0, 1, 2])):
            header /= Dot1Q(vlan=self.random.choice([10, 20]))
        return bytes(header / packet)


def main():
    seed, file = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    source = Source(seed)
    frames, time = [], 1_700_000_000 * SECOND
    while len(frames) < FRAMES:
        for packet in source.packets():
            # Now and then a pause in which flows end.
            time += source.random.choice([1_000, 1_000_000, 30_000_000, 30_000_000, SECOND, 20 * SECOND])
            frames.append((time, source.frame(packet)))
    order, kept = source.random.choice([LITTLE, BIG]), source.random.choice([160, 65_535])
    file.write_bytes(pcap(frames, order=order, kept=kept))


main()
