"""Frames of random bytes, also behind headers that promise IP: whatever the kernel makes of them, each is counted once."""
import random

from files import pcap
from packets import BEGIN, datagram, ethernet


def capture():
    generator = random.Random(7)
    noise = [generator.randbytes(length) for length in range(100)]
    for kind, first in ((b"\x08\0", b"\x45"), (b"\x86\xdd", b"\x60")):
        noise += [bytes(12) + kind + first + generator.randbytes(length) for length in range(100)]
    return pcap([(BEGIN, frame) for frame in [*noise, ethernet(datagram())]])
