"""Two questions to DNS: a name that there is not, after 20 ms, and one without an answer."""
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import UDP

from files import SECOND, pcap
from packets import BEGIN, ethernet, ip


def message(milliseconds, port, is_answer, **fields):
    source, destination = (53, port) if is_answer else (port, 53)
    packet = ip(is_answer) / UDP(sport=source, dport=destination) / DNS(qr=int(is_answer), **fields)
    return BEGIN + milliseconds * SECOND // 1000, ethernet(packet, is_answer)


def capture():
    none, other = DNSQR(qname="None.example", qtype="AAAA"), DNSQR(qname="other.example", qtype="A")
    return pcap(
        [
            message(0, 50_000, False, id=7, qd=none),
            message(10, 50_001, False, id=8, qd=other),
            message(20, 50_000, True, id=7, qd=none, rcode=3),
        ]
    )
