"""A SYN that was sent again: which of the two was answered is not known, so only the time to connect is."""
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
            segment(1000, False, "S"),
            segment(1030, True, "SA"),
            segment(1040, False, "A"),
        ]
    )
