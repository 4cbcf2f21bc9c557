"""Frames longer than what the kernel takes in a test run: a jumbo frame, and the longest that IPv4 can have in Ethernet."""
from files import pcap
from packets import BEGIN, datagram, ethernet


def capture():
    jumbo, longest = (ethernet(datagram(payload=length - 28)) for length in (9000, 65_535))
    return pcap([(BEGIN, jumbo), (BEGIN, longest)], kept=262_144)
