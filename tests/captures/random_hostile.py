#!/usr/bin/python3
"""random_hostile.py SEED FILE: writes a capture of packets with lengths and headers that lie, behind what providers put in front of IP,
with bytes changed at random, the same for the same seed. Frames are cut at random, some in their headers."""
import pathlib
import random
import struct
import sys

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.packet import Raw

from files import SECOND, pcap

FRAMES = 1500
MACS = b"\2\0\0\0\0\2\2\0\0\0\0\1"


class Source:
    """Makes frames."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def ip(self):
        """A packet that is as it should be."""
        one, other = self.random.sample(range(1, 6), 2)
        if self.random.random() < 0.5:
            header = IP(src=f"10.0.0.{one}", dst=f"10.0.0.{other}")
        else:
            header = IPv6(src=f"fd00::{one}", dst=f"fd00::{other}")
            for _ in range(self.random.choice([0, 0, 1, 3])):
                header /= self.random.choice([IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt, IPv6ExtHdrRouting])()
        ports = {"sport": self.random.randint(50_000, 50_009), "dport": self.random.randint(50_000, 50_009)}
        upper = self.random.choice([UDP(**ports), TCP(**ports, flags="A"), ICMP() if header.version == 4 else UDP(**ports)])
        return bytes(header / upper / Raw(b"x" * self.random.randrange(200)))

    def lie(self, packet):
        """Other lengths, another protocol, an end that comes too early, or anything in the place of the transport."""
        is_v4 = packet[0] >> 4 == 4
        changed = bytearray(packet)
        transport = 20 if is_v4 else 40
        match self.random.randrange(5):
            case 0:
                at = 2 if is_v4 else 4
                changed[at : at + 2] = struct.pack(">H", self.random.choice([0, 20, 21, 60, 1000, 65_535]))
            case 1:
                changed[9 if is_v4 else 6] = self.random.choice([1, 2, 6, 17, 33, 47, 50, 51, 58, 59, 60, 132, 136, 253])
            case 2:
                del changed[transport + self.random.randrange(12) :]
            case 3:
                for _ in range(4):
                    changed[self.random.randrange(transport, len(changed))] = self.random.randrange(256)
        return bytes(changed)

    def front(self, packet):
        """What stands before IP."""
        v4 = packet[0] >> 4 == 4
        kind = 0x0800 if v4 else 0x86DD
        tag = struct.pack(">HH", 0x8100, self.random.randrange(1, 4095))
        return self.random.choice(
            [
                struct.pack(">H", kind),
                tag * self.random.randrange(1, 5) + struct.pack(">H", kind),
                struct.pack(">HII", 0x8847, 16 << 12 | 64, 17 << 12 | 0x100 | 64),
                tag + struct.pack(">HI", 0x8847, 17 << 12 | 0x100 | 64),
                struct.pack(">HBBHHH", 0x8864, 0x11, 0, 4, len(packet) + 2, 0x21 if v4 else 0x57),
                struct.pack(">H", len(packet) + 8) + b"\xaa\xaa\3\0\0\0" + struct.pack(">H", kind),
            ]
        )


def main():
    seed, file = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    source = Source(seed)
    frames = []
    for number in range(FRAMES):
        packet = source.lie(source.ip())
        frames.append((1_700_000_000 * SECOND + number * 1_000_000, MACS + source.front(packet) + packet))
    kept = [65_535, 100, 90, 78][seed % 4]
    file.write_bytes(pcap(frames, kept=kept))


main()
