"""A protocol without ports (RSVP) is one flow in both directions."""
from scapy.packet import Raw

from files import pcap
from packets import BEGIN, ethernet, ip


def capture():
    frames = [ethernet(ip(is_answer, proto=46) / Raw(b"x" * 66), is_answer) for is_answer in (False, True)]
    return pcap([(BEGIN, frame) for frame in frames])
