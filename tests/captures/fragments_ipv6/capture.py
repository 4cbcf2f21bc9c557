"""Fragments of IPv6 are one flow, with the ports of the first."""
from scapy.layers.inet6 import IPv6ExtHdrFragment, fragment6
from scapy.layers.inet import UDP
from scapy.packet import Raw

from files import SECOND, pcap
from packets import BEGIN, ethernet, ip, ports


def capture():
    whole = ip(version=6) / IPv6ExtHdrFragment(id=7) / UDP(**ports()) / Raw(b"x" * 2992)
    parts = fragment6(whole, 1280)
    assert len(parts) == 3
    return pcap([(BEGIN + number * SECOND, ethernet(part)) for number, part in enumerate(parts)])
