"""How long a connection took to open, in the capture's own time: 30 ms to the server, 10 ms to the client."""
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
            segment(30, True, "SA"),
            segment(40, False, "A"),
            segment(50, False, "PA"),
            segment(60, True, "FA"),
            segment(70, False, "FA"),
            segment(80, True, "A"),
        ]
    )
