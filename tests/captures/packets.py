"""Packets that the cases share."""
import struct

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from files import SECOND

CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
CLIENT_V6, SERVER_V6 = "fd00::1", "fd00::2"
CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
PORT, SERVER_PORT = 50_000, 53

# 2023-11-14T22:13:20.5Z
BEGIN = 1_700_000_000 * SECOND + SECOND // 2


def ip(is_answer=False, version=4, **fields):
    """The header of a packet of the client, or of its answer."""
    ends = [(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)][version == 6]
    source, destination = ends[::-1] if is_answer else ends
    return (IPv6 if version == 6 else IP)(src=source, dst=destination, **fields)


def ethernet(packet, is_answer=False, **fields):
    """The frame of a packet."""
    source, destination = (SERVER_MAC, CLIENT_MAC) if is_answer else (CLIENT_MAC, SERVER_MAC)
    return bytes(Ether(src=source, dst=destination, **fields) / packet)


def ports(is_answer=False):
    """The ports of a packet of the client, or of its answer."""
    source, destination = (SERVER_PORT, PORT) if is_answer else (PORT, SERVER_PORT)
    return {"sport": source, "dport": destination}


def datagram(is_answer=False, version=4, payload=None):
    """58 bytes from the client (IP: 86 in all, 106 with IPv6), or 108 as answer (136 in all, 156)."""
    payload = payload or (108 if is_answer else 58)
    return ip(is_answer, version) / UDP(**ports(is_answer)) / Raw(b"x" * payload)


def segment(milliseconds, is_answer, flags, data=b"", port=443, **fields):
    """A segment of a connection to a port, so many milliseconds after the first frame: its time and its bytes."""
    source, destination = (port, PORT) if is_answer else (PORT, port)
    packet = ip(is_answer) / TCP(sport=source, dport=destination, flags=flags, **fields) / Raw(data)
    return BEGIN + milliseconds * SECOND // 1000, ethernet(packet, is_answer)


def connection(from_client, from_server, first=0, **fields):
    """A connection that opens and in which each side says something, then closes: 10 ms between frames."""
    here, there = 1000, 5000
    said, answered = here + 1 + len(from_client), there + 1 + len(from_server)
    steps = [
        (False, "S", b"", here, 0),
        (True, "SA", b"", there, here + 1),
        (False, "A", b"", here + 1, there + 1),
        (False, "PA", from_client, here + 1, there + 1),
        (True, "PA", from_server, there + 1, said),
        (False, "FA", b"", said, answered),
        (True, "FA", b"", answered, said + 1),
        (False, "A", b"", said + 1, answered + 1),
    ]
    return [
        segment(first + 10 * number, is_answer, flags, data, seq=sequence, ack=acknowledged, **fields)
        for number, (is_answer, flags, data, sequence, acknowledged) in enumerate(steps)
    ]


# Who sent which of three datagrams.
EXCHANGE = (False, True, False)


def exchange(wrap, version=4):
    """Three datagrams, one a second; `wrap` makes a frame of a packet and whether it is the answer."""
    return [
        (BEGIN + number * SECOND, wrap(datagram(is_answer, version), is_answer))
        for number, is_answer in enumerate(EXCHANGE)
    ]


def bare(packet, _is_answer=False):
    """A packet without a link layer."""
    return bytes(packet)


def cooked(packet, is_answer=False, device=1):
    """A Linux cooked header, version 1; `device` is an ARPHRD_ value: 1 is Ethernet, 0xfffe none (a TUN device)."""
    kind, mac = (0, b"\2\0\0\0\0\2") if is_answer else (4, b"\2\0\0\0\0\1")
    address = (6, mac) if device == 1 else (0, b"")
    protocol = 0x86DD if packet.version == 6 else 0x0800
    return struct.pack(">HHH8sH", kind, device, *address, protocol) + bytes(packet)


def cooked_2(packet, is_answer=False, device=1, ifindex=2, protocol=None):
    """The same, version 2."""
    kind, mac = (0, b"\2\0\0\0\0\2") if is_answer else (4, b"\2\0\0\0\0\1")
    length, address = (6, mac) if device == 1 else (0, b"")
    protocol = protocol or (0x86DD if packet.version == 6 else 0x0800)
    return struct.pack(">HHIHBB8s", protocol, 0, ifindex, device, kind, length, address) + bytes(packet)


def loopback(packet, order, v6=30):
    """A BSD loopback header; `v6` is what the system calls IPv6: 30 on macOS, 24 and 28 on BSDs, 10 on Linux."""
    return struct.pack(order + "I", v6 if packet.version == 6 else 2) + bytes(packet)
