"""An ICMP request and its answer are one flow, a message that nothing answers is one by itself."""
from scapy.layers.inet import ICMP

from files import SECOND, pcap
from packets import BEGIN, datagram, ethernet, ip


def capture():
    packets = [
        (False, ip() / ICMP(type=8, id=1, seq=1)),
        (True, ip(True) / ICMP(type=0, id=1, seq=1)),
        (False, ip() / ICMP(type=8, id=1, seq=2)),
        (True, ip(True) / ICMP(type=3, code=3) / datagram()),
    ]
    return pcap(
        [
            (BEGIN + number * SECOND, ethernet(packet, is_answer))
            for number, (is_answer, packet) in enumerate(packets)
        ]
    )
