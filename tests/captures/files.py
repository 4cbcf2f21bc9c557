"""Capture files, byte by byte as their specifications say.

pcap: https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcap.html
pcapng: https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/draft-ietf-opsawg-pcapng.html
"""
import struct

SECOND = 1_000_000_000

LITTLE, BIG = "<", ">"

# https://www.tcpdump.org/linktypes.html
ETHERNET, RAW, COOKED, COOKED_2, NULL, LOOP = 1, 101, 113, 276, 0, 108


def pcap(frames, link=ETHERNET, order=LITTLE, nanoseconds=False, kept=65_535):
    """A file of frames, each a time in nanoseconds and bytes, of which `kept` are in the file."""
    magic, unit = (0xA1B23C4D, 1) if nanoseconds else (0xA1B2C3D4, 1000)
    file = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, kept, link)
    for time, frame in frames:
        seconds, rest = divmod(time, SECOND)
        file += struct.pack(order + "IIII", seconds, rest // unit, len(frame[:kept]), len(frame)) + frame[:kept]
    return file


class Section:
    """A section of a pcapng file."""

    def __init__(self, order=LITTLE):
        self.order = order
        self.file = b""
        self.interfaces = []
        self._block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))

    def interface(self, link, name=None, resolution=None, offset=None):
        """Describes an interface; its resolution is a power of ten (or of two, with the highest bit set) of units per second."""
        options = b""
        if name is not None:
            options += self._option(2, name.encode())
        if resolution is not None:
            options += self._option(9, bytes([resolution]))
        if offset is not None:
            options += self._option(14, struct.pack(self.order + "q", offset))
        if options:
            options += self._option(0, b"")
        self._block(1, struct.pack(self.order + "HHI", link, 0, 0) + options)
        exponent = 6 if resolution is None else resolution & 0x7F
        base = 2 if resolution is not None and resolution & 0x80 else 10
        self.interfaces.append((base**exponent, offset or 0))
        return self

    def frame(self, interface, time, frame, kept=65_535):
        """A frame of an interface, by number."""
        units_per_second, offset = self.interfaces[interface]
        units = (time - offset * SECOND) * units_per_second // SECOND
        words = (interface, units >> 32, units & 0xFFFFFFFF, len(frame[:kept]), len(frame))
        self._block(6, struct.pack(self.order + "IIIII", *words) + _padded(frame[:kept]))
        return self

    def simple(self, frame):
        """A frame of the first interface, without a time."""
        self._block(3, struct.pack(self.order + "I", len(frame)) + _padded(frame))
        return self

    def unknown(self):
        """A block that a reader has to skip."""
        self._block(0x0BAD, b"skip me.")
        return self

    def _option(self, code, value):
        return struct.pack(self.order + "HH", code, len(value)) + _padded(value)

    def _block(self, kind, body):
        length = struct.pack(self.order + "I", len(body) + 12)
        self.file += struct.pack(self.order + "I", kind) + length + body + length


def _padded(value):
    return value + bytes(-len(value) % 4)
