#!/usr/bin/python3
"""random_tcp.py SEED FILE: writes a capture of random TCP connections that lose, repeat and reorder segments, the same for the same seed.

What is sent again comes at least a round trip after what it repeats, or after three acknowledgements that ask for it; what is out of
order comes sooner: there, readers of captures agree.
"""
import pathlib
import random
import sys

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from files import SECOND, pcap

CONNECTIONS = 40
# Of the clients; the server has one that no dissector knows.
FIRST_PORT, SERVER_PORT = 51_000, 50_999
MILLISECOND = SECOND // 1000
# So many ways: longer than any opening takes, which tshark takes for a round trip.
LONG = 8


class End:
    """One end of a connection."""

    def __init__(self, address, port, sequence, clock):
        self.address, self.port, self.next, self.clock = address, port, sequence, clock


class Connection:
    """Makes the frames of a connection, each with the time at which it is captured."""

    def __init__(self, seed, number):
        self.random = random.Random(f"{seed} {number}")
        self.time = self.random.randrange(20 * SECOND)
        self.way = self.random.randrange(20, 80) * MILLISECOND
        # Now and then numbers start again from 0 on the way; a capture need not have timestamps.
        near_end = self.random.random() < 0.2
        first = lambda: self.random.randrange(1, 1 << 32) if not near_end else (1 << 32) - self.random.randrange(1, 5000)
        clock = lambda: self.random.randrange(1, 1 << 32)
        self.has_timestamps = self.random.random() < 0.7
        self.client = End("10.0.0.1", FIRST_PORT + number, first(), clock())
        self.server = End("10.0.0.2", SERVER_PORT, first(), clock())
        self.echo = {self.client: 0, self.server: 0}
        self.frames = []

    def wait(self, nanoseconds):
        self.time += nanoseconds

    def other(self, end):
        return self.server if end is self.client else self.client

    def stamp(self, end):
        """The end's clock, in milliseconds, when a frame that is captured now was sent."""
        return (end.clock + self.time // MILLISECOND) % (1 << 32)

    def frame(self, end, flags, sequence, data=b"", window=8192, stamp=None):
        peer = self.other(end)
        stamp = self.stamp(end) if stamp is None else stamp
        options = [("NOP", None), ("NOP", None), ("Timestamp", (stamp, self.echo[end]))] if self.has_timestamps else []
        acknowledged = peer.next % (1 << 32) if "A" in flags else 0
        segment = TCP(
            sport=end.port,
            dport=peer.port,
            flags=flags,
            seq=sequence % (1 << 32),
            ack=acknowledged,
            window=window,
            options=options,
        )
        header = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        packet = header / IP(src=end.address, dst=peer.address) / segment / Raw(data)
        self.frames.append((self.time, bytes(packet)))
        self.echo[peer] = stamp
        self.wait(self.random.randrange(10_000, 300_000))

    def open(self):
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            self.frame(self.client, "S", self.client.next)
            self.wait(self.way)
        self.client.next += 1
        for _ in range(self.random.choice([1, 1, 1, 2])):
            self.frame(self.server, "SA", self.server.next)
            self.wait(2 * self.way)
        self.server.next += 1
        self.frame(self.client, "A", self.client.next)

    def acknowledge(self, end, **fields):
        self.frame(end, "A", end.next, **fields)

    def data(self, end, count):
        """The next segments, each with the number of its first byte."""
        segments = []
        for _ in range(count):
            data = b"x" * self.random.randrange(2, 1400)
            segments.append((end.next, data))
            end.next += len(data)
        return segments

    def burst(self, end):
        for sequence, data in self.data(end, self.random.randrange(1, 8)):
            self.frame(end, "PA", sequence, data)

    def lost_before(self, end):
        """A segment was lost before it could be captured, and is sent again later, or as soon as three answers ask for it."""
        first, lost, *rest = self.data(end, self.random.randrange(3, 8))
        for sequence, data in [first, *rest]:
            self.frame(end, "A", sequence, data)
        peer, highest = self.other(end), end.next
        if self.random.random() < 0.5:
            self.wait(self.way)
            end.next = lost[0]
            for _ in range(4):
                self.acknowledge(peer)
            end.next = highest
            self.wait(2 * MILLISECOND)
        else:
            self.wait(LONG * self.way)
        self.frame(end, "A", *lost)

    def lost_behind(self, end):
        """Segments were lost after they were captured: they are there twice, the second time perhaps as one."""
        segments = self.data(end, self.random.randrange(1, 6))
        for sequence, data in segments:
            self.frame(end, "A", sequence, data)
        self.wait(LONG * self.way)
        if self.random.random() < 0.3:
            segments = [(segments[0][0], b"".join(data for _, data in segments)[:1448])]
        for sequence, data in segments:
            self.frame(end, "A", sequence, data)

    def longer(self, end):
        """What is sent again has some new bytes as well."""
        [(sequence, data)] = self.data(end, 1)
        self.frame(end, "A", sequence, data)
        self.wait(LONG * self.way)
        end.next += 10
        self.frame(end, "A", sequence, data + b"y" * 10)

    def swapped(self, end):
        """Two segments change places."""
        segments = self.data(end, self.random.randrange(3, 6))
        at = self.random.randrange(len(segments) - 1)
        sent = [(*segment, self.stamp(end)) for segment in segments]
        sent[at], sent[at + 1] = sent[at + 1], sent[at]
        for sequence, data, stamp in sent:
            self.frame(end, "A", sequence, data, stamp=stamp)

    def closed_window(self, end):
        self.burst(end)
        peer = self.other(end)
        for _ in range(self.random.randrange(1, 4)):
            self.acknowledge(peer, window=0)
            self.wait(self.way)
        self.acknowledge(peer, window=4096)

    def keep_alive(self, end):
        """The last byte again, or none: it is there for its answer."""
        self.wait(2 * SECOND)
        peer = self.other(end)
        self.frame(end, "A", end.next - 1, self.random.choice([b"", b"x"]))
        self.acknowledge(peer)

    def close(self):
        for end in self.random.sample([self.client, self.server], 2):
            for _ in range(self.random.choice([1, 1, 2])):
                self.frame(end, "FA", end.next)
                self.wait(2 * self.way)
            end.next += 1
        self.acknowledge(self.client)

    def live(self):
        self.open()
        kinds = [
            self.burst,
            self.burst,
            self.lost_before,
            self.lost_behind,
            self.longer,
            self.swapped,
            self.closed_window,
            self.keep_alive,
        ]
        self.burst(self.client)
        for _ in range(self.random.randrange(2, 12)):
            # What was sent is acknowledged, and a round trip of silence keeps one from the next.
            for end in [self.client, self.server]:
                self.acknowledge(end)
            self.wait(self.random.choice([2, 3, 50]) * self.way)
            self.random.choice(kinds)(self.random.choice([self.client, self.server]))
            self.wait(2 * self.way)
        if self.random.random() < 0.7:
            self.close()
        return self.frames


def main():
    seed, file = sys.argv[1], pathlib.Path(sys.argv[2])
    frames = [frame for number in range(CONNECTIONS) for frame in Connection(seed, number).live()]
    frames.sort(key=lambda frame: frame[0])
    begin = 1_700_000_000 * SECOND
    file.write_bytes(pcap([(begin + time, frame) for time, frame in frames]))


main()
