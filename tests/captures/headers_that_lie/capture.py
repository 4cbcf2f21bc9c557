"""Of a header that contradicts itself or ends too early, what can be read counts: addresses always, ports mostly."""
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.packet import Raw

from files import pcap
from packets import BEGIN, CLIENT_V6, SERVER_V6, ethernet, ip


def capture():
    packets = [
        # A total length beyond the frame.
        ip(len=5000) / UDP(sport=50000, dport=53) / Raw(b"x"),
        # A TCP header of 4 bytes, as it says.
        ip() / TCP(sport=50000, dport=8080, flags="R", dataofs=1),
        # A TCP header that ends in its ports, and ICMP without a code.
        ip(proto=6) / Raw(b"\xc3\x50\0"),
        ip(proto=1) / Raw(b"\x08"),
        # An extension header longer than the packet.
        IPv6(src=CLIENT_V6, dst=SERVER_V6) / IPv6ExtHdrDestOpt(len=40) / UDP(sport=50000, dport=53),
    ]
    return pcap([(BEGIN, ethernet(packet)) for packet in packets])
