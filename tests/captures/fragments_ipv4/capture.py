"""A later fragment has its ports from the first one, also of one that was cut; one whose first is missing has none."""
from scapy.layers.inet import IP, fragment

from files import SECOND, pcap
from packets import BEGIN, datagram, ethernet


def capture():
    whole = datagram(payload=2992)
    whole[IP].id = 1
    parts = fragment(whole, fragsize=1000)
    assert len(parts) == 3
    stray = fragment(datagram(True, payload=1992), fragsize=1000)[1]
    frames = [ethernet(part) for part in parts] + [ethernet(stray, True)]
    return pcap([(BEGIN + number * SECOND, frame) for number, frame in enumerate(frames)], kept=60)
