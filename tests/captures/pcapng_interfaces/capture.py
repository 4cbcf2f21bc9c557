"""A pcapng file of two interfaces, each with its own link type and resolution of time, and a second section of the other byte order."""
from files import BIG, COOKED, ETHERNET, RAW, Section
from packets import bare, cooked, ethernet, exchange


def capture():
    first = Section().interface(ETHERNET, "eth0", resolution=9).unknown().interface(RAW, "tun0")
    for (time, frame), (later, other) in zip(exchange(ethernet), exchange(bare, version=6)):
        first.frame(0, time, frame).frame(1, later, other)
    second = Section(BIG).interface(COOKED, "any", resolution=3, offset=1_000_000_000)
    for time, frame in exchange(cooked):
        # Another flow: the client's port is another.
        second.frame(0, time, frame.replace((50_000).to_bytes(2, "big"), (50_001).to_bytes(2, "big")))
    return first.file + second.file
