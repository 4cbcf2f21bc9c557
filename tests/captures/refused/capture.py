"""A connection that was refused, seen from the side of the client."""
from scapy.layers.inet import TCP

from files import pcap
from packets import BEGIN, ethernet, ip


def capture():
    def segment(milliseconds, is_answer, flags):
        source, destination = (443, 50_000) if is_answer else (50_000, 443)
        packet = ip(is_answer) / TCP(sport=source, dport=destination, flags=flags)
        return BEGIN + milliseconds * 1_000_000, ethernet(packet, is_answer)

    return pcap(
        [
            segment(0, False, "S"),
            segment(5, True, "RA"),
        ]
    )
