"""What its sender captured, before the network card split it, may give its length as 0: it is the frame's."""
from scapy.layers.inet import TCP
from scapy.packet import Raw

from files import pcap
from packets import BEGIN, ethernet, ip


def capture():
    frames = []
    for version, field in ((4, 16), (6, 18)):
        segment = TCP(sport=50000, dport=8080, flags="PA", seq=1) / Raw(b"x" * 8000)
        frame = ethernet(ip(version=version) / segment)
        frames.append((BEGIN, frame[:field] + bytes(2) + frame[field + 2 :]))
    return pcap(frames)
