"""IP behind MPLS labels, PPPoE, SNAP or a third VLAN tag is of a flow, with the bytes of the whole frame; a pseudowire is not IP."""
import struct

from files import pcap
from packets import BEGIN, datagram

MACS = b"\2\0\0\0\0\2\2\0\0\0\0\1"


def capture():
    ip = bytes(datagram())
    labels = struct.pack(">HII", 0x8847, 5 << 12 | 64, 6 << 12 | 0x100 | 64)
    pppoe = struct.pack(">HBBHHH", 0x8864, 0x11, 0, 4, len(ip) + 2, 0x21)
    snap = struct.pack(">H", len(ip) + 8) + b"\xaa\xaa\3\0\0\0\x08\0"
    tags = struct.pack(">HHHHHHH", 0x88A8, 1, 0x8100, 2, 0x8100, 3, 0x0800)
    frames = [MACS + header + ip for header in (labels, pppoe, snap, tags)]
    return pcap([(BEGIN, frame) for frame in [*frames, MACS + labels + bytes(60)]])
